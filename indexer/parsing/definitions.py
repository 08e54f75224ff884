"""Source text -> its definitions. Never raises: a text that is not parsed in time has none.

Does not know files or chunks; what a definition is in a language is in `definition_queries`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_letters, digits

from indexer.files.languages import BY_NAME
from indexer.parsing.definition_matches import DefinitionMatch, Marks, begins_line, collect, slice_of
from indexer.parsing.doc_comments import strip_marks, strip_quotes
from indexer.parsing.embedded import embedded
from indexer.parsing.syntax import Span, Tree, parse_tree
from indexer.types import Symbol

SECONDS = 2.0  # of CPU time for one file; 1 MB of ordinary source takes 0.3 s
_SIGNATURE = 240  # characters
_DOC = 2000  # characters
_SCOPES = 400  # characters of the enclosing names in a qualified name; code written by hand has no longer ones

_TYPES = frozenset({"class", "interface", "enum", "type", "impl"})  # a function in one of these is a method
_CALLABLE = frozenset({"function", "method"})

_ANNOTATIONS = re.compile(
    r"^(?:(?:@(?!(?:interface|implementation|protocol|mixin|function|keyframes)\b)[\w.:]++(?:\([^()]*+\))?+|#?\[[^\]]*+\])\s++)++(?=\S)"
)
_MODIFIERS = b" \t\r\f\v@_<>,?[]" + (ascii_letters + digits).encode()  # of `pub const`, which is no part of the node
_TOO_DEEP = re.compile(r"^(?:[ \t]*(?:>|[-*+]|\d+[.)])){50}|^[ \t]{400}", re.MULTILINE)  # 300 quotes crash the process


@dataclass(frozen=True, slots=True)
class Definition:
    """A symbol, and the line where the comment above it begins (without one, its own first line)."""

    symbol: Symbol
    lead_line: int


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
    candidates, marks = collect(tree, grammar, source, spans)
    _attach(candidates, marks, source)
    return tuple(_nest(candidates, marks, source))


def _attach(candidates: list[DefinitionMatch], marks: Marks, source: bytes) -> None:
    """Adds each wrapper to the outermost definition with the same end, each docstring to the innermost around it."""
    for item in candidates:
        ends = (item.end, item.end + 1) if source[item.end : item.end + 1] == b";" else (item.end,)
        for end in ends:
            start, row = marks.wrappers.pop(end, (item.start, item.row))
            if start < item.start:
                item.start, item.row, item.head = start, row, (start, item.head[1])
    for item, docstring in _with_docstring(candidates, sorted(marks.docstrings)):
        item.doc = strip_quotes(docstring)


def _with_docstring(
    candidates: list[DefinitionMatch], docstrings: list[tuple[int, str]]
) -> Iterator[tuple[DefinitionMatch, str]]:
    """Each docstring with the innermost definition around it."""
    at = 0
    stack: list[DefinitionMatch] = []
    for start, text in docstrings:
        while at < len(candidates) and candidates[at].start < start:
            stack.append(candidates[at])
            at += 1
        while stack and stack[-1].end < start:
            stack.pop()
        if stack:
            yield stack[-1], text


def _nest(candidates: list[DefinitionMatch], marks: Marks, source: bytes) -> Iterator[Definition]:
    lines: Callable[[int, int], str] = _line_slicer(source)
    stack: list[tuple[DefinitionMatch, str, str]] = []  # with its qualified name and kind
    row_before = -1
    for item in candidates:
        while stack and (
            stack[-1][0].end < item.end or (stack[-1][0].start, stack[-1][0].end) == (item.start, item.end)
        ):
            stack.pop()
        outer_name, outer_kind = (stack[-1][1], stack[-1][2]) if stack else ("", "")
        if item.kind in ("declaration", "constant") and outer_kind in _CALLABLE:
            continue
        qualified = ".".join(part for part in (_innermost(outer_name), item.scope, item.name) if part)
        in_type = outer_kind in _TYPES or bool(item.scope) or (item.kind == "function" and "." in item.name)
        kind = "method" if item.kind == "function" and in_type else item.kind
        is_first = item.row != row_before and begins_line(item.start, source, _MODIFIERS)
        row, lead = _lead(item.row, marks) if is_first else (item.row, item.row)
        row_before = item.row
        symbol = Symbol(
            name=item.name.rpartition(".")[2] if kind != "section" else item.name,
            qualified=qualified,
            kind=kind,
            start_line=row + 1,
            end_line=item.end_row + 1,
            signature=_signature(slice_of(source, *item.head)),
            doc=item.doc[:_DOC] or strip_marks(lines(lead, row))[:_DOC],
        )
        stack.append((item, qualified, kind))
        yield Definition(symbol, lead + 1)


def _innermost(scopes: str) -> str:
    """The last scopes that fit: with all of them, the names of a deep nest would grow with the square of its depth."""
    return scopes if len(scopes) <= _SCOPES else scopes[-_SCOPES:].partition(".")[2]


def _lead(row: int, marks: Marks) -> tuple[int, int]:
    """The row where a definition with its attributes begins, and the row where the comment above it begins."""
    while row - 1 in marks.attributes:
        row = marks.attributes[row - 1]
    lead = row
    while lead - 1 in marks.comments or lead - 1 in marks.attributes:
        lead = marks.comments.get(lead - 1, marks.attributes.get(lead - 1, lead))
    return row, lead


def _signature(head: str) -> str:
    flat = " ".join(head.split())
    flat = _ANNOTATIONS.sub("", flat).rstrip("{:=; ").removesuffix("=>").removesuffix(" do").rstrip()
    return flat if len(flat) <= _SIGNATURE else flat[: _SIGNATURE - 1] + "…"


def _line_slicer(source: bytes) -> Callable[[int, int], str]:
    starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]
    starts.append(len(source))

    def between(row: int, end_row: int) -> str:
        return slice_of(source, starts[row], starts[min(end_row, len(starts) - 1)])

    return between
