"""A codebase -> questions whose answers are known: from its docstrings, its commits and the names of its tests.

What a question was taken from is blanked in a copy of the files, whose lines keep their numbers. Knows no index.
"""

import hashlib
import inspect
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path, PurePosixPath

from indexer.files.git_history import after, commits
from indexer.files.ignore import IGNORE_FILES
from indexer.files.languages import BY_NAME, language_of
from indexer.files.roles import is_test
from indexer.files.scan import Candidate, read, walk
from indexer.parsing.definitions import Definition, parse
from indexer.parsing.identifiers import content_words
from indexer.parsing.references import Reference, references
from indexer.types import SourceFile, Symbol

DOCSTRING, COMMIT, TEST = "docstring", "commit", "test"
KINDS = (DOCSTRING, COMMIT, TEST)

_FILES = 4  # that a commit may change and still mean something
_MEANT = 3  # definitions that a test may refer to and still be about them
_WORDS = 3  # that a question needs
_LINES = 3  # of code that a function needs beside its docstring
_LONGEST = 1000  # characters of a question
_CALLABLE = frozenset({"function", "method"})
_DEFINED = _CALLABLE | {"class", "interface", "enum", "type"}
_FIX = re.compile(r"\b(?:fix\w*|bugs?|issues?|wrong|regress\w*|crash\w*|broken|fail\w*)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*(?:\n|[@:\\]\w)")  # a tag (@param, :param, \\param) ends it too
_RULER = re.compile(r"[-=*~#_/]{3,}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LITERAL = re.compile(
    r"""[a-zA-Z]{0,2}(?:\"{3}(.*?)\"{3}|'{3}(.*?)'{3}|"([^"\n]*)"|'([^'\n]*)')""",
    re.DOTALL,
)
_DOC = 2000  # characters: `parse` keeps no more of a docstring

Span = tuple[int, int]  # offsets of characters


@dataclass(frozen=True, slots=True)
class Gold:
    """A function that answers a question."""

    path: str
    symbol: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Case:
    """A question and what answers it."""

    kind: str  # one of KINDS
    question: str
    files: tuple[str, ...]
    functions: tuple[Gold, ...]  # none where only the files are known


def build(root: Path, copy: Path, each: int) -> list[Case]:
    """At most `each` cases of a kind, always the same ones of the same files; `copy` becomes what is to be searched.

    `copy` holds what an index of `root` would: no ignored files, secrets masked. Raises CodebaseUnreadable.
    """
    found = dict(_copied(root, copy))
    code = {path: definitions for path, definitions in found.items() if not is_test(path)}
    kinds = _from_docstrings(copy, code), _from_commits(root, code), _from_tests(copy, found, code)
    return [case for kind in kinds for case in islice(kind, each)]


def _copied(root: Path, copy: Path) -> Iterator[tuple[str, tuple[Definition, ...]]]:
    """The definitions of each file of code."""
    for candidate in walk(root):
        if not isinstance(candidate, Candidate) or Path(candidate.path).name in IGNORE_FILES:
            continue
        source = read(root, candidate)
        if not isinstance(source, SourceFile):
            continue
        file = copy / source.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source.text, "utf-8")
        language = BY_NAME[source.language]
        if language.grammar and not language.prose:
            yield source.path, parse(source.text, source.language)


def _from_docstrings(copy: Path, code: dict[str, tuple[Definition, ...]]) -> Iterator[Case]:
    """The first sentence of a function's docstring, or of the comment above it, where no other has the same."""
    every = [(path, item) for path, definitions in code.items() for item in definitions if item.symbol.doc]
    asked = Counter(_first_sentence(item.symbol) for _, item in every)
    for path, item in sorted(every, key=lambda pair: _digest(f"{pair[0]} {pair[1].symbol.qualified}")):
        symbol, question = item.symbol, _first_sentence(item.symbol)
        if symbol.kind not in _CALLABLE or asked[question] > 1 or len(content_words(question)) < _WORDS:
            continue
        text = (copy / path).read_text("utf-8")
        if spans := _documentation(text, item):
            (copy / path).write_text(_blanked(text, spans), "utf-8")
            yield Case(DOCSTRING, question, (path,), (_gold(path, symbol),))


def _from_commits(root: Path, code: dict[str, tuple[Definition, ...]]) -> Iterator[Case]:
    """What commits say that changed few files, all of them still here; those that fix something come first."""
    told = ((commit, _sources(commit.paths)) for commit in commits(root) or ())
    few = [
        (commit, paths)
        for commit, paths in told
        if 1 <= len(paths) <= _FILES and code.keys() >= set(paths) and len(content_words(commit.message)) >= _WORDS
    ]
    for commit, paths in sorted(few, key=lambda pair: (not _FIX.search(pair[0].message), _digest(pair[0].sha))):
        functions = tuple(gold for path in paths for gold in _touched(root, commit.sha, path, code[path]))
        yield Case(COMMIT, commit.message[:_LONGEST], paths, functions)


def _from_tests(
    copy: Path, found: dict[str, tuple[Definition, ...]], code: dict[str, tuple[Definition, ...]]
) -> Iterator[Case]:
    """What a test's name says, answered by the few definitions of the code that it refers to by unmistakable names."""
    defined: defaultdict[str, list[tuple[str, Symbol]]] = defaultdict(list)
    for path, definitions in code.items():
        for item in definitions:
            if item.symbol.kind in _DEFINED and item.symbol.qualified == item.symbol.name:
                defined[item.symbol.name].append((path, item.symbol))
    tests = [
        (path, item.symbol)
        for path in found.keys() - code.keys()
        for item in found[path]
        if item.symbol.kind in _CALLABLE and item.symbol.name.lower().startswith("test")
    ]
    read_once = cache(lambda path: references((copy / path).read_text("utf-8"), language_of(path).name))
    for path, test in sorted(tests, key=lambda pair: _digest(f"{pair[0]} {pair[1].qualified}")):
        question = " ".join(part.lower() for part in _PART.findall(test.name)[1:])
        if len(content_words(question)) < _WORDS:
            continue
        used = [ref for ref in read_once(path) if ref.enclosing == test.qualified and len(defined[ref.name]) == 1]
        meant = list(dict.fromkeys(defined[ref.name][0] for ref in used if _is_plain(ref, defined[ref.name][0][0])))
        if 1 <= len(meant) <= _MEANT:
            text = (copy / path).read_text("utf-8")
            (copy / path).write_text(_blanked(text, [_lines(text, test.start_line, test.end_line)]), "utf-8")
            functions = tuple(_gold(place, symbol) for place, symbol in meant if symbol.kind in _CALLABLE)
            yield Case(TEST, question, tuple(dict.fromkeys(place for place, _ in meant)), functions)


def _documentation(text: str, item: Definition) -> list[Span]:
    """Where the docstring and the comment above a definition stand; nothing if they say all, or not only they."""
    symbol = item.symbol
    whole = _lines(text, symbol.start_line, symbol.end_line)
    spans = [_lines(text, item.lead_line, symbol.start_line - 1)] if item.lead_line < symbol.start_line else []
    literals = _LITERAL.finditer(text, *whole)
    docstring = next((m.span() for m in literals if _content(m) == symbol.doc), None)
    if docstring:
        spans.append(docstring)
    blanked = _blanked(text, spans)
    left = blanked[slice(*_lines(blanked, symbol.start_line, symbol.end_line))]
    code = [line for line in left.split("\n") if line.strip()]
    return spans if len(code) >= _LINES and symbol.doc.split("\n")[0] not in blanked else []


def _content(literal: re.Match[str]) -> str:
    return inspect.cleandoc(next((group for group in literal.groups() if group is not None), ""))[:_DOC]


def _touched(root: Path, sha: str, path: str, now: tuple[Definition, ...]) -> Iterator[Gold]:
    """The functions of now whose lines a commit changed, each innermost one once."""
    text, changed = after(root, sha, path)
    then = [item.symbol for item in parse(text, language_of(path).name) if item.symbol.kind in _CALLABLE]
    names: set[str] = set()
    for line in (line for lines in changed for line in lines):
        around = [symbol for symbol in then if symbol.start_line <= line <= symbol.end_line]
        names.update(symbol.qualified for symbol in around[-1:])
    known = Counter(item.symbol.qualified for item in now)
    for item in now:
        if item.symbol.kind in _CALLABLE and item.symbol.qualified in names and known[item.symbol.qualified] == 1:
            yield _gold(path, item.symbol)


def _is_plain(ref: Reference, path: str) -> bool:
    """Whether a name is written so that it can mean this: alone, or after its module."""
    return not ref.qualifier or PurePosixPath(path).stem == ref.qualifier.rpartition(".")[2]


def _sources(paths: Sequence[str]) -> tuple[str, ...]:
    """Those that are code, tests aside."""
    languages = {path: language_of(path) for path in paths if not is_test(path)}
    return tuple(path for path, language in languages.items() if language.grammar and not language.prose)


def _first_sentence(symbol: Symbol) -> str:
    """Without the function's own name, which some languages' comments begin with."""
    words = _SENTENCE_END.split(_RULER.sub(" ", symbol.doc).strip(), maxsplit=1)[0].split()
    sentence = " ".join(words[1:]).lstrip("-: ") if words[:1] == [symbol.name] else " ".join(words)
    return sentence[:_LONGEST]


def _lines(text: str, first: int, last: int) -> Span:
    """Where these lines are, the last one's end left out."""
    start = 0
    for _ in range(first - 1):
        start = text.index("\n", start) + 1
    end = start
    for _ in range(last - first + 1):
        end = text.find("\n", end) + 1 or len(text) + 1
    return start, end - 1


def _blanked(text: str, spans: Sequence[Span]) -> str:
    """Without what stands there; every line stays a line."""
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + "\n" * text.count("\n", start, end) + text[end:]
    return text


def _gold(path: str, symbol: Symbol) -> Gold:
    return Gold(path, symbol.qualified, symbol.start_line, symbol.end_line)


def _digest(text: str) -> str:
    """An order that has nothing to do with the code's."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
