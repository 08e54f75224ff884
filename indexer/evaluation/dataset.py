"""A codebase -> questions with their answers: from its docstrings, commits, names of tests, names and constants.

The text that a question was taken from is blanked in a copy of the files; line numbers stay. Knows no index.
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

from indexer.files.git_history import commits, file_after
from indexer.files.ignore_rules import IGNORE_FILES
from indexer.files.languages import BY_NAME, language_of
from indexer.files.roles import is_test
from indexer.files.scan import Candidate, read, walk
from indexer.parsing.definitions import Definition, parse
from indexer.parsing.identifiers import content_words
from indexer.parsing.references import Reference, references
from indexer.types import SourceFile, Symbol

DOCSTRING, COMMIT, TEST, NAME, VALUE = "docstring", "commit", "test", "name", "value"
KINDS = (DOCSTRING, COMMIT, TEST, NAME, VALUE)

_COMMIT_FILES = 4  # a commit that changes more is no answer
_TEST_DEFINITIONS = 3  # a test that refers to more is about none of them
_LEAST_WORDS = 3  # of a question
_LEAST_LINES = 3  # of a function's code without its docstring
_LONGEST = 1000  # characters of a question
_CALLABLE = frozenset({"function", "method"})
_DEFINED = _CALLABLE | {"class", "interface", "enum", "type"}
_VALUE = re.compile(r"=\s*[-\d\"'`]")  # in the signature of a constant
_FIX = re.compile(r"\b(?:fix\w*|bugs?|issues?|wrong|regress\w*|crash\w*|broken|fail\w*)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*(?:\n|[@:\\]\w)")  # a tag (@param, :param, \\param) ends it too
_RULER = re.compile(r"[-=*~#_/]{3,}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LITERAL = re.compile(
    r"""[a-zA-Z]{0,2}(?:\"{3}(.*?)\"{3}|'{3}(.*?)'{3}|"([^"\n]*)"|'([^'\n]*)')""",
    re.DOTALL,
)
_DOC = 2000  # characters: `parse` keeps no more of a docstring

Span = tuple[int, int]  # character offsets


@dataclass(frozen=True, slots=True)
class Gold:
    """A function that answers a question: a gold answer."""

    path: str
    symbol: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Case:
    """A question and its gold answers."""

    kind: str  # one of KINDS
    question: str
    files: tuple[str, ...]
    functions: tuple[Gold, ...]  # empty if only the files are known


def build(root: Path, copy: Path, each: int) -> list[Case]:
    """At most `each` cases of a kind, always the same ones for the same files. Writes the files to search into `copy`.

    `copy` holds what an index of `root` would: no ignored files, secrets masked. Raises CodebaseUnreadable.
    """
    found = dict(_copied(root, copy))
    code = {path: definitions for path, definitions in found.items() if not is_test(path)}
    described = _from_docstrings(copy, code), _from_commits(root, code), _from_tests(copy, found, code)
    kinds = *described, _from_names(code), _from_constants(code)
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
    """The first sentence of a function's docstring, or of the comment above it, if no other has the same."""
    documented = [(path, item) for path, definitions in code.items() for item in definitions if item.symbol.doc]
    count = Counter(_first_sentence(item.symbol) for _, item in documented)
    for path, item in sorted(documented, key=lambda pair: _digest(f"{pair[0]} {pair[1].symbol.qualified}")):
        symbol, question = item.symbol, _first_sentence(item.symbol)
        if symbol.kind not in _CALLABLE or count[question] > 1 or len(content_words(question)) < _LEAST_WORDS:
            continue
        text = (copy / path).read_text("utf-8")
        if spans := _documentation(text, item):
            (copy / path).write_text(_blanked(text, spans), "utf-8")
            yield Case(DOCSTRING, question, (path,), (_gold(path, symbol),))


def _from_commits(root: Path, code: dict[str, tuple[Definition, ...]]) -> Iterator[Case]:
    """The messages of commits that changed few files, all of which still exist; those that fix something come first."""
    chosen = []
    for commit in commits(root) or ():
        paths = _sources(commit.paths)
        is_small = 1 <= len(paths) <= _COMMIT_FILES
        if is_small and code.keys() >= set(paths) and len(content_words(commit.message)) >= _LEAST_WORDS:
            chosen.append((commit, paths))
    for commit, paths in sorted(chosen, key=lambda pair: (not _FIX.search(pair[0].message), _digest(pair[0].sha))):
        functions = tuple(gold for path in paths for gold in _touched(root, commit.sha, path, code[path]))
        yield Case(COMMIT, commit.message[:_LONGEST], paths, functions)


def _from_tests(
    copy: Path, found: dict[str, tuple[Definition, ...]], code: dict[str, tuple[Definition, ...]]
) -> Iterator[Case]:
    """The words of a test's name, answered by the few definitions that the test refers to by unique names."""
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
    references_of = cache(lambda path: references((copy / path).read_text("utf-8"), language_of(path).name))
    for path, test in sorted(tests, key=lambda pair: _digest(f"{pair[0]} {pair[1].qualified}")):
        question = " ".join(part.lower() for part in _PART.findall(test.name)[1:])
        if len(content_words(question)) < _LEAST_WORDS:
            continue
        used = [ref for ref in references_of(path) if ref.enclosing == test.qualified and len(defined[ref.name]) == 1]
        tested = list(dict.fromkeys(defined[ref.name][0] for ref in used if _is_plain(ref, defined[ref.name][0][0])))
        if 1 <= len(tested) <= _TEST_DEFINITIONS:
            text = (copy / path).read_text("utf-8")
            (copy / path).write_text(_blanked(text, [_lines(text, test.start_line, test.end_line)]), "utf-8")
            functions = tuple(_gold(file, symbol) for file, symbol in tested if symbol.kind in _CALLABLE)
            yield Case(TEST, question, tuple(dict.fromkeys(file for file, _ in tested)), functions)


def _from_names(code: dict[str, tuple[Definition, ...]]) -> Iterator[Case]:
    """The bare names of functions and types that are defined once."""
    for path, symbol in _defined_once(code):
        if symbol.kind in _DEFINED:
            yield Case(NAME, symbol.name, (path,), (_gold(path, symbol),))


def _from_constants(code: dict[str, tuple[Definition, ...]]) -> Iterator[Case]:
    """What the words of a constant's name are, for constants with a literal value."""
    for path, symbol in _defined_once(code):
        words = [part.lower() for part in _PART.findall(symbol.name)]
        if symbol.kind == "constant" and len(words) > 1 and _VALUE.search(symbol.signature):
            yield Case(VALUE, f"What is the {' '.join(words)}?", (path,), ())


def _defined_once(code: dict[str, tuple[Definition, ...]]) -> list[tuple[str, Symbol]]:
    """The definitions whose name no other has, ignoring case."""
    symbols = [(path, item.symbol) for path, definitions in code.items() for item in definitions]
    count = Counter(symbol.name.lower() for _, symbol in symbols)
    once = [(path, symbol) for path, symbol in symbols if count[symbol.name.lower()] == 1]
    return sorted(once, key=lambda pair: _digest(f"{pair[0]} {pair[1].qualified}"))


def _documentation(text: str, item: Definition) -> list[Span]:
    """The spans of the docstring and of the comment above a definition.

    Empty if too little code is left without them, or if the file repeats what they say.
    """
    symbol = item.symbol
    definition = _lines(text, symbol.start_line, symbol.end_line)
    spans = [_lines(text, item.lead_line, symbol.start_line - 1)] if item.lead_line < symbol.start_line else []
    literals = _LITERAL.finditer(text, *definition)
    docstring = next((m.span() for m in literals if _content(m) == symbol.doc), None)
    if docstring:
        spans.append(docstring)
    blanked = _blanked(text, spans)
    rest = blanked[slice(*_lines(blanked, symbol.start_line, symbol.end_line))]
    code = [line for line in rest.split("\n") if line.strip()]
    return spans if len(code) >= _LEAST_LINES and symbol.doc.split("\n")[0] not in blanked else []


def _content(literal: re.Match[str]) -> str:
    return inspect.cleandoc(next((group for group in literal.groups() if group is not None), ""))[:_DOC]


def _touched(root: Path, sha: str, path: str, current: tuple[Definition, ...]) -> Iterator[Gold]:
    """The current functions whose lines a commit changed; of nested ones the innermost."""
    text, changed = file_after(root, sha, path)
    functions = [item.symbol for item in parse(text, language_of(path).name) if item.symbol.kind in _CALLABLE]
    names: set[str] = set()
    for line in (line for lines in changed for line in lines):
        enclosing = [symbol for symbol in functions if symbol.start_line <= line <= symbol.end_line]
        names.update(symbol.qualified for symbol in enclosing[-1:])
    count = Counter(item.symbol.qualified for item in current)
    for item in current:
        if item.symbol.kind in _CALLABLE and item.symbol.qualified in names and count[item.symbol.qualified] == 1:
            yield _gold(path, item.symbol)


def _is_plain(ref: Reference, path: str) -> bool:
    """Whether a name stands alone or after its module, so that it can mean the definition at `path`."""
    return not ref.qualifier or PurePosixPath(path).stem == ref.qualifier.rpartition(".")[2]


def _sources(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths of code, without tests."""
    languages = {path: language_of(path) for path in paths if not is_test(path)}
    return tuple(path for path, language in languages.items() if language.grammar and not language.prose)


def _first_sentence(symbol: Symbol) -> str:
    """Without the function's own name, which comments of some languages begin with."""
    words = _SENTENCE_END.split(_RULER.sub(" ", symbol.doc).strip(), maxsplit=1)[0].split()
    sentence = " ".join(words[1:]).lstrip("-: ") if words[:1] == [symbol.name] else " ".join(words)
    return sentence[:_LONGEST]


def _lines(text: str, first: int, last: int) -> Span:
    """The span of these lines, without the last line break."""
    start = 0
    for _ in range(first - 1):
        start = text.index("\n", start) + 1
    end = start
    for _ in range(last - first + 1):
        end = text.find("\n", end) + 1 or len(text) + 1
    return start, end - 1


def _blanked(text: str, spans: Sequence[Span]) -> str:
    """The text without the spans; line breaks stay."""
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + "\n" * text.count("\n", start, end) + text[end:]
    return text


def _gold(path: str, symbol: Symbol) -> Gold:
    return Gold(path, symbol.qualified, symbol.start_line, symbol.end_line)


def _digest(text: str) -> str:
    """A sort key that is independent of the order in the code."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
