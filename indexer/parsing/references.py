"""Source text -> what it refers to: calls, imports, inherited types, each with its line and the definition around it.

Names are as written: which definition one means is not known here. Never raises; a text not parsed in time has none.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.files.languages import BY_NAME
from indexer.parsing import scopes
from indexer.parsing.definitions import SECONDS, definitions
from indexer.parsing.reference_queries import IMPORTS, USES
from indexer.parsing.syntax import Match, Node, Span, Tree, matches, tree_of
from indexer.types import Symbol

Kind = Literal["call", "import", "inherit", "use"]

_EVERYWHERE = 40  # places of a name in one file from which on the whole file is looked at
_AHEAD = 600  # bytes: a decorator belongs to the definition after it
_LONGEST = 400  # characters of an expression that are looked at, from its end
_GENERIC = re.compile(r"(?:::)?<[^<>]*>|\[[^\[\]]*\]")
_MARK = re.compile(r"\?\.|\.|::|->|\\|/")
_DOTTED = re.compile(r"[\w$]+(?:\.[\w$]+)*")
_NAME = re.compile(r"\s*[#@]?([\w$-]+[!?]?|\*)")
_PLAIN = re.compile(r"[\w$.:>\\/@-]+")
_PATHS = frozenset(  # nodes of imports that hold a path, not a name
    {"string", "string_content", "string_literal", "system_lib_string", "interpreted_string_literal", "word"}
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One name where it is used."""

    name: str  # "read": the last part of what is written; "*" imports everything
    kind: Kind  # a use is any other mention, known to `references_to` only
    line: int
    enclosing: str  # qualified name of the innermost definition around it; "" outside
    qualifier: str  # what stands before the name: "store" of store.read, a module imported from; "?" an expression
    alias: str = ""  # of an import: the name it has here, if another

    @property
    def local(self) -> str:
        """What an import is called in this file."""
        return self.alias or self.name


def references(text: str, language: str, seconds: float = SECONDS) -> tuple[Reference, ...]:
    """All calls, imports and inherited types in order of their lines.

    Empty for a language without a grammar of references and when parsing takes longer than `seconds`.
    """
    source = text.encode("utf-8", "replace")
    grammar, tree = _tree(source, language, seconds)
    if tree is None:
        return ()
    around = _Around([found.symbol for found in definitions(tree, grammar, source)])
    queries = IMPORTS[grammar], USES[grammar]
    return _sorted(ref for query in queries for ref in _references(matches(tree, grammar, query), source, around))


def references_to(text: str, language: str, name: str, seconds: float = SECONDS) -> tuple[Reference, ...] | None:
    """Every mention of `name` and of its aliases in code, and all imports of the file, in order of their lines.

    No mention is one that means a parameter or a variable of a function around it, as far as `scopes` can tell.
    Some times faster than `references`: only the tree around the name is looked at. None when parsing takes longer
    than `seconds`, or the language has no grammar of references.
    """
    source = text.encode("utf-8", "replace")
    grammar, tree = _tree(source, language, seconds)
    if tree is None:
        return None
    imports = _sorted(_references(matches(tree, grammar, IMPORTS[grammar]), source, _Around(())))
    names = {name} | {ref.alias for ref in imports if ref.alias and ref.name == name}
    places = [place for each in names for place in _places(source, each)]
    spans = places if len(places) <= _EVERYWHERE else ()
    wide = [(start, end + _AHEAD) for start, end in spans]
    symbols = [found.symbol for found in definitions(tree, grammar, source, wide)] if places else []
    around = _Around(symbols)
    own: set[int] = set()
    for each in names:
        brought = {ref.line for ref in imports if ref.local == each} | {s.start_line for s in symbols if s.name == each}
        own |= scopes.own(tree, grammar, _places(source, each), spans, brought)
    used = _references(matches(tree, grammar, USES[grammar], spans), source, around, own) if places else iter(())
    told = {*imports, *(ref for ref in used if ref.name in names)}
    lines = {(ref.line, written) for ref in told for written in (ref.name, ref.alias)}
    told |= {ref for ref in _mentions(tree, source, places, around, own) if (ref.line, ref.name) not in lines}
    return _sorted(told)


def _tree(source: bytes, language: str, seconds: float) -> tuple[str, Tree | None]:
    row = BY_NAME.get(language)
    if row is None or row.grammar not in USES:
        return "", None
    return row.grammar, tree_of(source, row.grammar, seconds)


class _Around:
    """The innermost definition around a line."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self.symbols = symbols
        self._names: dict[int, str] = {}
        for symbol in symbols:  # outer ones come first
            if symbol.kind not in ("constant", "declaration"):
                self._names.update(dict.fromkeys(range(symbol.start_line, symbol.end_line + 1), symbol.qualified))

    def __getitem__(self, line: int) -> str:
        return self._names.get(line, "")


def _references(
    found: Iterable[Match], source: bytes, around: _Around, own: Collection[int] = ()
) -> Iterator[Reference]:
    """`own`: where a bare name refers to nothing."""
    for _, captures in found:
        if "import" in captures:
            yield _import(captures, source, around)
            continue
        kind: Kind = "call" if "call" in captures else "inherit"
        node = captures[kind][0]
        name, qualifier = _split(_text(node, source))
        if on := captures.get("on"):
            qualifier = _plain(_text(on[0], source))
        if name == "new" and qualifier not in ("", "?"):  # Ruby's and Rust's way to call a class
            yield _made(node, qualifier, around)
        if name and (qualifier or node.start_byte not in own):
            line = node.end_point.row + 1
            yield Reference(name, kind, line, around[line], qualifier)


def _made(node: Node, qualifier: str, around: _Around) -> Reference:
    line = node.end_point.row + 1
    name, before = _split(qualifier)
    return Reference(name, "call", line, around[line], before)


def _import(captures: dict[str, list[Node]], source: bytes, around: _Around) -> Reference:
    node = captures["import"][0]
    line = node.start_point.row + 1
    alias = _text(captures["alias"][0], source) if "alias" in captures else ""
    if node.type == "use_wildcard":
        return Reference(
            "*", "import", line, around[line], _within_use(node, source, _text(captures["from"][0], source))
        )
    written = _text(node, source).strip("\"'`<>")
    qualifier, _, name = written.rpartition("/")
    if node.type not in _PATHS:
        name, qualifier = _split(written)
    if "from" in captures:
        module = "".join(_text(captures["from"][0], source).split()).strip("\"'`")
        qualifier = f"{module}.{qualifier}".rstrip(".") if qualifier and not qualifier.startswith(".") else module
    elif node.parent is not None and node.parent.type in ("use_list", "use_as_clause"):
        qualifier = _within_use(node, source, qualifier)
    return Reference(name or written, "import", line, around[line], qualifier, alias)


def _within_use(node: Node, source: bytes, path: str) -> str:
    """The whole path of a name in Rust's nested lists: `use a::{b::{c}}` has a::b before c."""
    parts = [path] if path else []
    outer = node.parent
    while outer is not None and outer.type != "use_declaration":
        before = outer.child_by_field_name("path") if outer.type == "scoped_use_list" else None
        if before is not None:
            parts.insert(0, _text(before, source))
        outer = outer.parent
    return "::".join(parts)


def _mentions(
    tree: Tree, source: bytes, places: Sequence[Span], around: _Around, own: Collection[int]
) -> Iterator[Reference]:
    """The places where a name stands in code: not in a comment or a text, and not where it is defined."""
    begun = {(symbol.start_line, symbol.name) for symbol in around.symbols}
    for start, end in sorted(places):
        leaf = tree.root_node.descendant_for_byte_range(start, end)
        if (
            leaf is None
            or (leaf.start_byte, leaf.end_byte) != (start, end)
            or "string" in leaf.type
            or "comment" in leaf.type
        ):
            continue
        name, line = source[start:end].decode(), leaf.start_point.row + 1
        if (line, name) in begun:
            begun.remove((line, name))
            continue
        parent = leaf.parent
        if parent is not None and leaf in (parent.child_by_field_name(f) for f in ("name", "declarator", "alias")):
            continue
        before = source[max(0, start - _LONGEST) : start].decode("utf-8", "replace")
        mark = re.search(r"([\w$]+|[)\]])\s*(?:\?\.|\.|::|->)\s*$", before)
        if mark or start not in own:
            yield Reference(name, "use", line, around[line], _plain(mark[1]) if mark else "")


def _places(source: bytes, name: str) -> list[Span]:
    pattern = re.compile(rb"(?<![\w$])" + re.escape(name.encode("utf-8", "replace")) + rb"(?![\w$])")
    return [match.span() for match in pattern.finditer(source)]


def _split(expression: str) -> tuple[str, str]:
    """The name that an expression ends with, and what stands before it: `a.b().c` is c after "?"."""
    if _DOTTED.fullmatch(expression):  # most are
        before, _, name = expression.rpartition(".")
        return name, before
    flat = expression[-_LONGEST:].strip()
    while (bare := _GENERIC.sub("", flat)) != flat:
        flat = bare
    last = _MARK.sub("\0", flat).rpartition("\0")[2]
    named = _NAME.fullmatch(last)
    return (named[1], _plain(flat.removesuffix(last).rstrip(" .:?->\\/"))) if named else ("", "")


def _plain(qualifier: str) -> str:
    qualifier = qualifier.strip()
    return qualifier if not qualifier or _PLAIN.fullmatch(qualifier) else "?"


def _text(node: Node, source: bytes) -> str:
    # Not `node.text`: it reads the source through the parser's callback again, forty times slower.
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _sorted(found: Iterable[Reference]) -> tuple[Reference, ...]:
    return tuple(sorted(set(found), key=lambda ref: (ref.line, ref.name, ref.kind, ref.qualifier)))
