"""Source text -> its references: calls, imports, inherited types, each with its line and the definition around it.

Names are as written; does not resolve which definition one means. Never raises; a text not parsed in time has none.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.files.languages import BY_NAME
from indexer.parsing import scopes
from indexer.parsing.definition_queries import QUERIES
from indexer.parsing.definitions import SECONDS, definitions
from indexer.parsing.reference_queries import IMPORTS, USES
from indexer.parsing.syntax import Match, Node, Span, Tree, compiled, matches, parse_tree
from indexer.types import Symbol

Kind = Literal["call", "import", "inherit", "use", "unclear"]

_MAX_SPANS = 40  # with more occurrences of a name, the whole file is searched
_LOOKAHEAD = 600  # bytes: a decorator belongs to the definition after it
_MAX_CHARS = 400  # of an expression, from its end
_GENERIC = re.compile(r"(?:::)?<[^<>]*>|\[[^\[\]]*\]")
_SEPARATOR = re.compile(r"\?\.|\.|::|->|\\|/")
_DOTTED = re.compile(r"[\w$]+(?:\.[\w$]+)*")
_NAME = re.compile(r"\s*[#@]?([\w$-]+[!?]?|\*)")
_CALLED = re.compile(rb"\s*\(")
_MACRO_BODY = "preproc_arg"  # C and C++: one leaf for all that a macro stands for
_PLAIN = re.compile(r"[\w$.:>\\/@-]+")
_PATH_NODES = frozenset(  # nodes of imports that are a path, not a name
    {"string", "string_content", "string_literal", "system_lib_string", "interpreted_string_literal", "word"}
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of a name."""

    name: str  # "read": the last part of the expression; "*" imports everything
    kind: Kind  # "use" is any other mention, "unclear" one in a syntax error: found by `references_to` only
    line: int
    enclosing: str  # qualified name of the innermost definition around it; "" outside
    qualifier: str  # what precedes the name: "store" of store.read, the module of an import; "?" for an expression
    alias: str = ""  # of an import: its name in this file, if it has another

    @property
    def local(self) -> str:
        """The name of an import in this file."""
        return self.alias or self.name


def load(language: str) -> None:
    """Compiles what a language needs, so that the time for its first text is that of the text."""
    grammar = BY_NAME[language].grammar if language in BY_NAME else ""
    for queries in (QUERIES, IMPORTS, USES, scopes.SCOPES) if grammar else ():
        if grammar in queries:
            compiled(grammar, queries[grammar])


def is_understood(language: str) -> bool:
    """Whether the references of a language can be found."""
    return language in BY_NAME and BY_NAME[language].grammar in USES


def references(text: str, language: str, seconds: float = SECONDS) -> tuple[Reference, ...]:
    """All calls, imports and inherited types in order of their lines.

    Empty for a language without reference queries, and when parsing takes longer than `seconds`.
    """
    source = text.encode("utf-8", "replace")
    grammar, tree = _parse(source, language, seconds)
    if tree is None:
        return ()
    enclosing = _Enclosing([definition.symbol for definition in definitions(tree, grammar, source)])
    queries = IMPORTS[grammar], USES[grammar]
    return _sorted(ref for query in queries for ref in _references(matches(tree, grammar, query), source, enclosing))


def references_to(text: str, language: str, name: str, seconds: float = SECONDS) -> tuple[Reference, ...] | None:
    """Every mention of `name` and of its aliases in code, and all imports of the file, in order of their lines.

    Leaves out mentions that mean a parameter or a variable of a function around them, as far as `scopes` finds these.
    Several times faster than `references`: it queries only the tree around the name. None when parsing takes longer
    than `seconds`, or the language has no reference queries.
    """
    source = text.encode("utf-8", "replace")
    grammar, tree = _parse(source, language, seconds)
    if tree is None:
        return None
    imports = _sorted(_references(matches(tree, grammar, IMPORTS[grammar]), source, _Enclosing(())))
    names = {name} | {ref.alias for ref in imports if ref.alias and ref.name == name}
    occurrences = [span for spelling in names for span in _occurrences(source, spelling)]
    spans = occurrences if len(occurrences) <= _MAX_SPANS else ()
    wide = [(start, end + _LOOKAHEAD) for start, end in spans]
    symbols = [item.symbol for item in definitions(tree, grammar, source, wide)] if occurrences else []
    enclosing = _Enclosing(symbols)
    local: set[int] = set()
    for spelling in names:
        bindings = {ref.line for ref in imports if ref.local == spelling}
        bindings |= {symbol.start_line for symbol in symbols if symbol.name == spelling}
        local |= scopes.local_names(tree, grammar, _occurrences(source, spelling), spans, bindings)
    uses = _references(matches(tree, grammar, USES[grammar], spans), source, enclosing, local) if occurrences else ()
    found = {*imports, *(ref for ref in uses if ref.name in names)}
    lines = {(ref.line, spelling) for ref in found for spelling in (ref.name, ref.alias)}
    mentions = _mentions(tree, source, occurrences, enclosing, local)
    return _sorted(found | {ref for ref in mentions if (ref.line, ref.name) not in lines})


def _parse(source: bytes, language: str, seconds: float) -> tuple[str, Tree | None]:
    row = BY_NAME.get(language)
    if row is None or row.grammar not in USES:
        return "", None
    return row.grammar, parse_tree(source, row.grammar, seconds)


class _Enclosing:
    """The qualified name of the innermost definition around a line."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self.symbols = symbols
        self._names: dict[int, str] = {}
        after: dict[int, int] = {}  # of a line that has its name: a later line that may have none yet
        for symbol in reversed(symbols):  # inner ones first
            if symbol.kind not in ("constant", "declaration"):
                line = symbol.start_line
                while line <= symbol.end_line:
                    self._names.setdefault(line, symbol.qualified)
                    here, line = line, after.get(line, line + 1)
                    after[here] = max(line, symbol.end_line + 1)

    def __getitem__(self, line: int) -> str:
        return self._names.get(line, "")


def _references(
    found: Iterable[Match], source: bytes, enclosing: _Enclosing, local: Collection[int] = ()
) -> Iterator[Reference]:
    """`local`: the start bytes of bare names that are parameters or variables."""
    for _, captures in found:
        if "import" in captures:
            yield _import(captures, source, enclosing)
            continue
        kind: Kind = "call" if "call" in captures else "inherit"
        node = captures[kind][0]
        name, qualifier = _split(_text(node, source))
        if on := captures.get("on"):
            qualifier = _plain(_text(on[0], source))
        if name == "new" and qualifier not in ("", "?"):  # Ruby and Rust call a class this way
            yield _construction(node, qualifier, enclosing)
        if name and (qualifier or node.start_byte not in local):
            line = node.end_point.row + 1
            yield Reference(name, kind, line, enclosing[line], qualifier)


def _construction(node: Node, class_name: str, enclosing: _Enclosing) -> Reference:
    line = node.end_point.row + 1
    name, qualifier = _split(class_name)
    return Reference(name, "call", line, enclosing[line], qualifier)


def _import(captures: dict[str, list[Node]], source: bytes, enclosing: _Enclosing) -> Reference:
    node = captures["import"][0]
    line = node.start_point.row + 1
    alias = _text(captures["alias"][0], source) if "alias" in captures else ""
    if node.type == "use_wildcard":
        path = _full_use_path(node, source, _text(captures["from"][0], source))
        return Reference("*", "import", line, enclosing[line], path)
    written = _text(node, source).strip("\"'`<>")
    qualifier, _, name = written.rpartition("/")
    if node.type not in _PATH_NODES:
        name, qualifier = _split(written)
    if "from" in captures:
        module = "".join(_text(captures["from"][0], source).split()).strip("\"'`")
        qualifier = f"{module}.{qualifier}".rstrip(".") if qualifier and not qualifier.startswith(".") else module
    elif node.parent is not None and node.parent.type in ("use_list", "use_as_clause"):
        qualifier = _full_use_path(node, source, qualifier)
    return Reference(name or written, "import", line, enclosing[line], qualifier, alias)


def _full_use_path(node: Node, source: bytes, path: str) -> str:
    """The full path of a name in Rust's nested lists: in `use a::{b::{c}}`, a::b before c."""
    parts = [path] if path else []
    outer = node.parent
    while outer is not None and outer.type != "use_declaration":
        prefix = outer.child_by_field_name("path") if outer.type == "scoped_use_list" else None
        if prefix is not None:
            parts.insert(0, _text(prefix, source))
        outer = outer.parent
    return "::".join(parts)


def _mentions(
    tree: Tree, source: bytes, occurrences: Sequence[Span], enclosing: _Enclosing, local: Collection[int]
) -> Iterator[Reference]:
    """Occurrences in code: not in a comment or a string, and not where the name is defined."""
    definitions_left = {(symbol.start_line, symbol.name) for symbol in enclosing.symbols}
    has_error = tree.root_node.has_error
    for start, end in sorted(occurrences):
        leaf = tree.root_node.descendant_for_byte_range(start, end)
        if leaf is None or "string" in leaf.type or "comment" in leaf.type:
            continue
        name, line = source[start:end].decode(), leaf.start_point.row + 1
        if leaf.type == _MACRO_BODY:
            line += source.count(b"\n", leaf.start_byte, start)
            yield Reference(name, "call" if _CALLED.match(source, end) else "use", line, enclosing[line], "")
        if (leaf.start_byte, leaf.end_byte) != (start, end):
            continue
        if (line, name) in definitions_left:
            definitions_left.remove((line, name))
            continue
        parent = leaf.parent
        if parent is not None and leaf in (parent.child_by_field_name(f) for f in ("name", "declarator", "alias")):
            continue
        before = source[max(0, start - _MAX_CHARS) : start].decode("utf-8", "replace")
        qualifier = re.search(r"((?<![\w$])[\w$]++|[)\]])\s*+(?:\?\.|\.|::|->)\s*$", before)
        if qualifier or start not in local:
            kind: Kind = "unclear" if has_error and _is_in_error(leaf) else "use"
            yield Reference(name, kind, line, enclosing[line], _plain(qualifier[1]) if qualifier else "")


def _is_in_error(leaf: Node) -> bool:
    node: Node | None = leaf
    while node is not None and not node.is_error:
        node = node.parent
    return node is not None


def _occurrences(source: bytes, name: str) -> list[Span]:
    pattern = re.compile(rb"(?<![\w$])" + re.escape(name.encode("utf-8", "replace")) + rb"(?![\w$])")
    return [match.span() for match in pattern.finditer(source)]


def _split(expression: str) -> tuple[str, str]:
    """The name at the end of an expression, and its qualifier: of `a.b().c`, c and "?"."""
    if _DOTTED.fullmatch(expression):  # most are
        qualifier, _, name = expression.rpartition(".")
        return name, qualifier
    flat = expression[-_MAX_CHARS:].strip()
    while (without_generics := _GENERIC.sub("", flat)) != flat:
        flat = without_generics
    last = _SEPARATOR.sub("\0", flat).rpartition("\0")[2]
    match = _NAME.fullmatch(last)
    return (match[1], _plain(flat.removesuffix(last).rstrip(" .:?->\\/"))) if match else ("", "")


def _plain(qualifier: str) -> str:
    qualifier = qualifier.strip()
    return qualifier if not qualifier or _PLAIN.fullmatch(qualifier) else "?"


def _text(node: Node, source: bytes) -> str:
    # Not `node.text`: it reads the source through the parser's callback again, which is forty times slower.
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _sorted(found: Iterable[Reference]) -> tuple[Reference, ...]:
    return tuple(sorted(set(found), key=lambda ref: (ref.line, ref.name, ref.kind, ref.qualifier)))
