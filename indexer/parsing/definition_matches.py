"""A parsed tree -> what may be definitions, and the marks beside them, as the queries capture both.

Does not know which definition is inside which; `definitions` does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.parsing.definition_queries import QUERIES
from indexer.parsing.doc_comments import strip_quotes
from indexer.parsing.syntax import Node, Span, Tree, matches

_MARKS = frozenset({"name", "scope", "body", "onward", "wrapper", "attribute", "docstring", "comment"})
# Grammars in which a function may be written as several definitions.
_IN_CLAUSES = frozenset({"haskell", "elixir", "erlang", "elm"})
_COLONS = re.compile(r"::|(?<=\w):(?=\w)")
_NAME_NOISE = re.compile(r"(?:^(?:module\.exports|exports|this|window|self|global)(?=\.)|\.prototype(?=\.))")


@dataclass(slots=True)
class DefinitionMatch:
    """A match that may be a definition. Rows are 0-based."""

    kind: str
    name: str
    scope: str
    start: int  # bytes
    end: int
    row: int
    end_row: int
    head: tuple[int, int]  # bytes of the signature
    is_onward: bool = False
    doc: str = ""

    def encloses(self, other: "DefinitionMatch") -> bool:
        """For one that does not begin before this: two of the same span are two names of one definition."""
        return self.end >= other.end and (self.start, self.end) != (other.start, other.end)


@dataclass(frozen=True, slots=True)
class Marks:
    """What belongs to definitions: comments, attributes, wrappers, docstrings."""

    comments: dict[int, int]  # last row -> first row
    attributes: dict[int, int]  # last row -> first row
    wrappers: dict[int, tuple[int, int]]  # end byte -> start byte and row of the outermost that ends there
    docstrings: list[tuple[int, str]]  # start byte, text


def collect(tree: Tree, grammar: str, source: bytes, spans: Sequence[Span]) -> tuple[list[DefinitionMatch], Marks]:
    best: dict[Span, tuple[int, dict[str, DefinitionMatch]]] = {}
    marks = Marks({}, {}, {}, [])
    for pattern, captures in matches(tree, grammar, QUERIES[grammar], spans):
        kind = next((name for name in captures if name not in _MARKS and not name.startswith("_")), "")
        if not kind:
            _add_marks(captures, marks, source)
            continue
        candidate = _candidate(kind, captures, source)
        span = candidate.start, candidate.end
        if candidate.name and (span not in best or pattern < best[span][0]):
            best[span] = pattern, {}
        if candidate.name and pattern == best[span][0]:
            best[span][1].setdefault(candidate.name, candidate)
    found = (item for _, named in best.values() for item in named.values())
    ordered = sorted(found, key=lambda item: (item.start, -item.end))
    _extend_onward(ordered, source)
    return (_joined(ordered) if grammar in _IN_CLAUSES else ordered), marks


def _extend_onward(candidates: list[DefinitionMatch], source: bytes) -> None:
    """Extends each onward definition to the next one of its kind, or to the end of the file."""
    end = len(source)
    kinds = {item.kind for item in candidates if item.is_onward}
    for item in reversed(candidates if kinds else ()):
        if item.is_onward:
            item.end = item.start + len(source[item.start : end].rstrip())
            item.end_row = item.row + source.count(b"\n", item.start, item.end)
        if item.kind in kinds:
            end = item.start


def _joined(candidates: list[DefinitionMatch]) -> list[DefinitionMatch]:
    """The candidates with a type signature and the equations after it, or the clauses of one function, as one."""
    kept: list[DefinitionMatch] = []
    stack: list[DefinitionMatch] = []  # each inside the one before
    for item in candidates:
        sibling = None
        while stack and stack[-1].end <= item.start:
            sibling = stack.pop()
        if sibling and sibling.name == item.name and {sibling.kind, item.kind} <= {"function", "constant"}:
            sibling.end, sibling.end_row = item.end, item.end_row
            stack.append(sibling)
        else:
            kept.append(item)
            stack.append(item)
    return kept


def _add_marks(captures: dict[str, list[Node]], marks: Marks, source: bytes) -> None:
    for name, nodes in captures.items():
        for node in nodes:
            row, end_row = node.start_point.row, _end_row(node, source)
            if name == "wrapper":
                outer = marks.wrappers.get(node.end_byte, (node.start_byte, row))
                marks.wrappers[node.end_byte] = min(outer, (node.start_byte, row))
            elif name == "docstring":
                marks.docstrings.append((node.start_byte, slice_of(source, node.start_byte, node.end_byte)))
            elif _is_alone(node, source):
                (marks.comments if name == "comment" else marks.attributes)[end_row] = row


def _candidate(kind: str, captures: dict[str, list[Node]], source: bytes) -> DefinitionMatch:
    node = captures[kind][0]
    names = captures.get("name")
    name = slice_of(source, names[0].start_byte, names[0].end_byte) if names else "default"
    scopes = captures.get("scope")
    scope = slice_of(source, scopes[0].start_byte, scopes[0].end_byte) if scopes else ""
    bodies = captures.get("body")
    body = bodies[0] if bodies else None if kind == "constant" else node.child_by_field_name("body")
    stop = body.start_byte if body is not None else _head_end(kind, node, source)
    dotted = _NAME_NOISE.sub("", _COLONS.sub(".", " ".join(name.split()))).strip(".'\"`")
    last = body if body is not None and body.end_byte > node.end_byte else node
    docs = captures.get("docstring")
    start = _after(docs[0], source) if docs else node.start_byte
    return DefinitionMatch(
        kind=kind,
        name=dotted,
        scope=scope,
        start=start,
        end=last.end_byte,
        row=node.start_point.row + source.count(b"\n", node.start_byte, start),
        end_row=_end_row(last, source),
        head=(start, stop),
        is_onward="onward" in captures,
        doc=strip_quotes(slice_of(source, docs[0].start_byte, docs[0].end_byte)) if docs else "",
    )


def _after(node: Node, source: bytes) -> int:
    """Where the text after a node begins."""
    end = node.end_byte
    while source[end : end + 1].isspace():
        end += 1
    return end


def _head_end(kind: str, node: Node, source: bytes) -> int:
    """Where the head of a definition without a body ends: a declaration is all head, else the first line is."""
    if kind == "declaration":
        return node.end_byte
    line = source.find(b"\n", node.start_byte, node.end_byte)
    return node.end_byte if line < 0 else line


def slice_of(source: bytes, start: int, end: int) -> str:
    return source[start:end].decode("utf-8", "replace")


def _end_row(node: Node, source: bytes) -> int:
    """The row of the last character that is not blank: some nodes include the empty lines after them."""
    end = node.end_byte
    while end > node.start_byte and source[end - 1 : end].isspace():
        end -= 1
    return node.end_point.row - source.count(b"\n", end, node.end_byte)


def _is_alone(node: Node, source: bytes) -> bool:
    """Whether nothing else is on the lines of this comment or attribute; False for a shebang."""
    if not begins_line(node.start_byte, source):
        return False
    line_end = source.find(b"\n", node.end_byte)
    after = source[node.end_byte : line_end if line_end >= 0 else len(source)]
    own_end = source[node.end_byte - 1 : node.end_byte] == b"\n"
    is_shebang = source.startswith(b"#!") and node.start_byte == 0
    return (own_end or not after.strip()) and not is_shebang


def begins_line(start: int, source: bytes, before: bytes = b" \t\r\f\v") -> bool:
    """Whether only characters of `before` are between the beginning of the line and `start`."""
    while start and source[start - 1] in before:
        start -= 1
    return not start or source[start - 1 : start] == b"\n"
