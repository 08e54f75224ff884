"""Source text -> its definitions. Never raises: a text that is not parsed in time has none.

Does not know files or chunks; what a definition is in a language is in `definition_queries`.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from indexer.files.languages import BY_NAME
from indexer.parsing.definition_queries import QUERIES
from indexer.parsing.embedded import embedded
from indexer.parsing.syntax import Node, Span, Tree, matches, parse_tree
from indexer.types import Symbol

SECONDS = 2.0  # of CPU time for one file; 1 MB of ordinary source takes 0.3 s
_SIGNATURE = 240  # characters
_DOC = 2000  # characters
_SCOPES = 400  # characters of the enclosing names in a qualified name; code written by hand has no longer ones

_TYPES = frozenset({"class", "interface", "enum", "type", "impl"})  # a function in one of these is a method
_CALLABLE = frozenset({"function", "method"})
_MARKS = frozenset({"name", "scope", "body", "wrapper", "attribute", "docstring", "comment"})

_ANNOTATIONS = re.compile(r"^(?:(?:@(?!interface\b)[\w.:]++(?:\([^()]*+\))?+|#?\[[^\]]*+\])\s++)++(?=\S)")
_COMMENT_MARK = re.compile(r"[ \t]*(?:/\*+!?|\*+/|\*(?!\*)|///?!?|//!|#+!?|--)?[ \t]?")  # at the start of a line
_STRING_MARK = re.compile(r"^[a-zA-Z]{0,2}('''|\"\"\"|'|\")|('''|\"\"\"|'|\")$")
_NAME_NOISE = re.compile(r"(?:^(?:module\.exports|exports|this|window|self)(?=\.)|\.prototype(?=\.))")
_TOO_DEEP = re.compile(r"^(?:[ \t]*(?:>|[-*+]|\d+[.)])){50}|^[ \t]{400}", re.MULTILINE)  # 300 quotes crash the process


@dataclass(frozen=True, slots=True)
class Definition:
    """A symbol, and the line where the comment above it begins (without one, its own first line)."""

    symbol: Symbol
    lead_line: int


@dataclass(slots=True)
class _Candidate:
    """One match, before it is nested in others. Rows are 0-based."""

    kind: str
    name: str
    scope: str
    start: int  # bytes
    end: int
    row: int
    end_row: int
    head: tuple[int, int]  # bytes of the signature
    doc: str = ""


@dataclass(frozen=True, slots=True)
class _Marks:
    """What belongs to definitions: comments, attributes, wrappers, docstrings."""

    comments: dict[int, int]  # last row -> first row
    attributes: dict[int, int]  # last row -> first row
    wrappers: dict[int, tuple[int, int]]  # end byte -> start byte and row of the outermost that ends there
    docstrings: list[tuple[int, str]]  # start byte, text


def parse(text: str, language: str, seconds: float = SECONDS) -> tuple[Definition, ...]:
    """The definitions of `text` in order of their start, outer ones before those they contain.

    Of a file that holds code of other languages, those of this code. Empty for a language without a grammar, when
    parsing takes longer than `seconds`, and for prose nested so deeply that its grammar would crash the process.
    """
    if parts := embedded(text, language):
        found = [item for part in parts for item in parse(part.text, part.language, seconds)]
        return tuple(sorted(found, key=lambda item: (item.symbol.start_line, -item.symbol.end_line)))
    row = BY_NAME.get(language)
    if row is None or not row.grammar:
        return ()
    if row.prose and _TOO_DEEP.search(text):
        return ()
    source = text.encode("utf-8", "replace")
    tree = parse_tree(source, row.grammar, seconds)
    return () if tree is None else definitions(tree, row.grammar, source)


def definitions(tree: Tree, grammar: str, source: bytes, spans: Sequence[Span] = ()) -> tuple[Definition, ...]:
    """The definitions of a parsed tree; with `spans`, those around the spans, which may lack comments above them."""
    candidates, marks = _collect(tree, grammar, source, spans)
    _attach(candidates, marks, source)
    return tuple(_nest(candidates, marks, source))


def _collect(tree: Tree, grammar: str, source: bytes, spans: Sequence[Span]) -> tuple[list[_Candidate], _Marks]:
    best: dict[Span, tuple[int, _Candidate]] = {}
    marks = _Marks({}, {}, {}, [])
    for pattern, captures in matches(tree, grammar, QUERIES[grammar], spans):
        kind = next((name for name in captures if name not in _MARKS), "")
        if not kind:
            _add_marks(captures, marks, source)
            continue
        candidate = _candidate(kind, captures, source)
        span = candidate.start, candidate.end
        if candidate.name and (span not in best or pattern < best[span][0]):
            best[span] = pattern, candidate
    return sorted((item for _, item in best.values()), key=lambda item: (item.start, -item.end)), marks


def _add_marks(captures: dict[str, list[Node]], marks: _Marks, source: bytes) -> None:
    for name, nodes in captures.items():
        for node in nodes:
            row, end_row = node.start_point.row, _end_row(node, source)
            if name == "wrapper":
                outer = marks.wrappers.get(node.end_byte, (node.start_byte, row))
                marks.wrappers[node.end_byte] = min(outer, (node.start_byte, row))
            elif name == "docstring":
                marks.docstrings.append((node.start_byte, _slice(source, node.start_byte, node.end_byte)))
            elif _is_alone(node, source):
                (marks.comments if name == "comment" else marks.attributes)[end_row] = row


def _candidate(kind: str, captures: dict[str, list[Node]], source: bytes) -> _Candidate:
    node = captures[kind][0]
    names = captures.get("name")
    name = _slice(source, names[0].start_byte, names[0].end_byte) if names else "default"
    scopes = captures.get("scope")
    scope = _slice(source, scopes[0].start_byte, scopes[0].end_byte) if scopes else ""
    bodies = captures.get("body")
    body = bodies[0] if bodies else node.child_by_field_name("body")
    stop = body.start_byte if body is not None else _head_end(kind, node, source)
    dotted = _NAME_NOISE.sub("", " ".join(name.split()).replace("::", ".")).strip(".'\"")
    start = node.start_byte
    return _Candidate(
        kind, dotted, scope, start, node.end_byte, node.start_point.row, _end_row(node, source), (start, stop)
    )


def _head_end(kind: str, node: Node, source: bytes) -> int:
    """Where the head of a definition without a body ends: a declaration is all head, else the first line is."""
    if kind == "declaration":
        return node.end_byte
    line = source.find(b"\n", node.start_byte, node.end_byte)
    return node.end_byte if line < 0 else line


def _attach(candidates: list[_Candidate], marks: _Marks, source: bytes) -> None:
    """Adds each wrapper to the outermost definition with the same end, each docstring to the innermost around it."""
    for item in candidates:
        ends = (item.end, item.end + 1) if source[item.end : item.end + 1] == b";" else (item.end,)
        for end in ends:
            start, row = marks.wrappers.pop(end, (item.start, item.row))
            if start < item.start:
                item.start, item.row, item.head = start, row, (start, item.head[1])
    for item, docstring in _with_docstring(candidates, sorted(marks.docstrings)):
        item.doc = inspect.cleandoc(_STRING_MARK.sub("", docstring))


def _with_docstring(
    candidates: list[_Candidate], docstrings: list[tuple[int, str]]
) -> Iterator[tuple[_Candidate, str]]:
    """Each docstring with the innermost definition around it."""
    at = 0
    stack: list[_Candidate] = []
    for start, text in docstrings:
        while at < len(candidates) and candidates[at].start < start:
            stack.append(candidates[at])
            at += 1
        while stack and stack[-1].end < start:
            stack.pop()
        if stack:
            yield stack[-1], text


def _nest(candidates: list[_Candidate], marks: _Marks, source: bytes) -> Iterator[Definition]:
    lines: Callable[[int, int], str] = _line_slicer(source)
    stack: list[tuple[int, str, str]] = []  # end byte, qualified name, kind
    for item in candidates:
        while stack and stack[-1][0] < item.end:
            stack.pop()
        outer_name, outer_kind = (stack[-1][1], stack[-1][2]) if stack else ("", "")
        if item.kind in ("declaration", "constant") and outer_kind in _CALLABLE:
            continue
        qualified = ".".join(part for part in (_innermost(outer_name), item.scope, item.name) if part)
        in_type = outer_kind in _TYPES or bool(item.scope) or (item.kind == "function" and "." in item.name)
        kind = "method" if item.kind == "function" and in_type else item.kind
        row, lead = _lead(item.row, marks) if _begins_line(item.start, source) else (item.row, item.row)
        symbol = Symbol(
            name=item.name.rpartition(".")[2] if kind != "section" else item.name,
            qualified=qualified,
            kind=kind,
            start_line=row + 1,
            end_line=item.end_row + 1,
            signature=_signature(_slice(source, *item.head)),
            doc=item.doc[:_DOC] or _strip_marks(lines(lead, row))[:_DOC],
        )
        stack.append((item.end, qualified, kind))
        yield Definition(symbol, lead + 1)


def _innermost(scopes: str) -> str:
    """The last scopes that fit: with all of them, the names of a deep nest would grow with the square of its depth."""
    return scopes if len(scopes) <= _SCOPES else scopes[-_SCOPES:].partition(".")[2]


def _lead(row: int, marks: _Marks) -> tuple[int, int]:
    """The row where a definition with its attributes begins, and the row where the comment above it begins."""
    while row - 1 in marks.attributes:
        row = marks.attributes[row - 1]
    lead = row
    while lead - 1 in marks.comments or lead - 1 in marks.attributes:
        lead = marks.comments.get(lead - 1, marks.attributes.get(lead - 1, lead))
    return row, lead


def _signature(head: str) -> str:
    flat = " ".join(head.split())
    flat = _ANNOTATIONS.sub("", flat).rstrip("{:=; ").removesuffix("=>").rstrip()
    return flat if len(flat) <= _SIGNATURE else flat[: _SIGNATURE - 1] + "…"


def _strip_marks(comment: str) -> str:
    lines = (_without_end(_COMMENT_MARK.sub("", line, count=1)) for line in comment.split("\n"))
    return inspect.cleandoc("\n".join(lines)).strip()


def _without_end(line: str) -> str:
    """A line without the `*/` at its end."""
    bare = line.rstrip(" \t")
    return bare[:-1].rstrip("*").rstrip(" \t") if bare.endswith("*/") else line


def _line_slicer(source: bytes) -> Callable[[int, int], str]:
    starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]
    starts.append(len(source))

    def between(row: int, end_row: int) -> str:
        return _slice(source, starts[row], starts[min(end_row, len(starts) - 1)])

    return between


def _slice(source: bytes, start: int, end: int) -> str:
    return source[start:end].decode("utf-8", "replace")


def _end_row(node: Node, source: bytes) -> int:
    """The row of the last character that is not blank: some nodes include the empty lines after them."""
    end = node.end_byte
    while end > node.start_byte and source[end - 1 : end].isspace():
        end -= 1
    return node.end_point.row - source.count(b"\n", end, node.end_byte)


def _is_alone(node: Node, source: bytes) -> bool:
    """Whether nothing else is on the lines of this comment or attribute; False for a shebang."""
    if not _begins_line(node.start_byte, source):
        return False
    line_end = source.find(b"\n", node.end_byte)
    after = source[node.end_byte : line_end if line_end >= 0 else len(source)]
    own_end = source[node.end_byte - 1 : node.end_byte] == b"\n"
    is_shebang = source.startswith(b"#!") and node.start_byte == 0
    return (own_end or not after.strip()) and not is_shebang


def _begins_line(start: int, source: bytes) -> bool:
    while start and source[start - 1] in b" \t\r\f\v":
        start -= 1
    return not start or source[start - 1 : start] == b"\n"
