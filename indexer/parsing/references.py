"""Source text -> its references: calls, imports, inherited types, each with its line and the definition around it.

Names are as written; does not resolve which definition one means. Never raises; a text not parsed in time has none.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator

from indexer.files.languages import BY_NAME
from indexer.parsing.definition_queries import QUERIES
from indexer.parsing.definitions import SECONDS, definitions
from indexer.parsing.embedded import script_language
from indexer.parsing.reference_queries import IMPORTS, USES
from indexer.parsing.syntax import Match, Node, Span, compiled
from indexer.parsing.usage import scopes
from indexer.parsing.usage.enclosing import Enclosing
from indexer.parsing.usage.expressions import is_called, plain, qualifier_before, split_expression
from indexer.parsing.usage.mentions import BARE_CALLS, mentions
from indexer.parsing.usage.parsed import ParsedCode, parsed
from indexer.parsing.usage.reference import Kind as Kind
from indexer.parsing.usage.reference import Reference as Reference
from indexer.parsing.usage.shadowing import marked
from indexer.parsing.usage.values import VALUES

_MAX_SPANS = 40  # with more occurrences of a name, the whole file is searched
_UNTIMED = 64  # references that are read before the time is looked at
_LOOKAHEAD = 600  # bytes: a decorator belongs to the definition after it
_KINDS: tuple[Kind, ...] = ("call", "inherit", "use")  # and the captures of these names
_NO_CALL = b"(...)"  # in PHP, after the name of a function that is passed
_PATH_NODES = frozenset(  # nodes of imports that are a path, not a name
    {"string", "string_content", "string_literal", "system_lib_string", "interpreted_string_literal", "word"}
)


def _by_alias(_imported: Reference) -> bool:
    """Of the imports, only those of the name itself bring it."""
    return False


def load(language: str) -> None:
    """Compiles what a language needs, so that the time for its first text is that of the text."""
    grammar = _grammar(language)
    for queries in (QUERIES, IMPORTS, USES, scopes.SCOPES, VALUES) if grammar else ():
        if grammar in queries:
            compiled(grammar, queries[grammar])


def is_understood(language: str) -> bool:
    """Whether the references of a language can be found."""
    return _grammar(language) in USES


def _grammar(language: str) -> str:
    """The grammar of a language, or of the scripts in its files; "" if there is none."""
    row = BY_NAME.get(script_language(language) or language)
    return row.grammar if row else ""


def references(text: str, language: str, seconds: float = SECONDS) -> tuple[Reference, ...]:
    """All calls, imports and inherited types in order of their lines.

    Empty for a language without reference queries, and when parsing takes longer than `seconds`.
    """
    return _sorted(ref for code in parsed(text, language, USES, seconds) if code for ref in _all(code))


def references_to(
    text: str, language: str, name: str, seconds: float = SECONDS, brings: Callable[[Reference], bool] = _by_alias
) -> tuple[Reference, ...] | None:
    """Every mention of `name` and of its aliases in code, and all imports of the file, in order of their lines.

    `brings`: whether an import brings what is meant, under whichever name. Leaves out mentions that mean a parameter or
    a variable of a function around them, as far as `scopes` finds these. Several times faster than `references`: it
    queries only the tree around the name. None when parsing takes longer than `seconds`, or the language has no
    reference queries. Reading the tree may take as long again.
    """
    codes = list(parsed(text, language, USES, seconds))
    if not is_understood(language) or not all(codes):
        return None
    until = time.thread_time() + seconds
    try:
        return _sorted(ref for code in codes if code for ref in _named(code, name, brings, until))
    except TimeoutError:
        return None


def _all(code: ParsedCode) -> Iterator[Reference]:
    enclosing = Enclosing([item.symbol for item in definitions(code.tree, code.grammar, code.source)])
    for query in (IMPORTS[code.grammar], USES[code.grammar]):
        yield from _references(code.matches(query), code.source, enclosing)


def _in_time(found: Iterable[Reference], until: float) -> Iterator[Reference]:
    """`until`: the CPU time of this thread. Raises TimeoutError."""
    for count, ref in enumerate(found):
        if count % _UNTIMED == _UNTIMED - 1 and time.thread_time() > until:
            raise TimeoutError
        yield ref


def _named(code: ParsedCode, name: str, brings: Callable[[Reference], bool], until: float) -> set[Reference]:
    source, tree = code.source, code.tree
    imports = _sorted(_references(code.matches(IMPORTS[code.grammar]), source, Enclosing(())))
    names = {name} | {ref.alias for ref in imports if ref.name == name} | {ref.local for ref in imports if brings(ref)}
    names.discard("")
    occurrences = [span for spelling in names for span in _occurrences(source, spelling)]
    spans = occurrences if len(occurrences) <= _MAX_SPANS else ()
    wide = [(start, end + _LOOKAHEAD) for start, end in spans]
    symbols = [item.symbol for item in definitions(tree, code.grammar, source, wide)] if occurrences else []
    enclosing = Enclosing(symbols)
    local: set[int] = set()
    for spelling in names:
        bindings = {ref.line for ref in imports if ref.local == spelling}
        bindings |= {symbol.start_line for symbol in symbols if symbol.name == spelling}
        local |= scopes.local_names(tree, code.grammar, _occurrences(source, spelling), spans, bindings).keys()
    hiding = local if code.grammar not in BARE_CALLS else ()  # written as a call, a name is no variable there
    uses = _references(code.matches(USES[code.grammar], spans), source, enclosing, hiding) if occurrences else ()
    found = {*imports, *(ref for ref in _in_time(uses, until) if ref.name in names)}
    lines = {(ref.line, spelling) for ref in found for spelling in (ref.name, ref.alias)}
    others = _in_time(mentions(code, occurrences, enclosing, local), until)
    return marked(code, found | {ref for ref in others if (ref.line, ref.name) not in lines}, imports)


def _references(
    found: Iterable[Match], source: bytes, enclosing: Enclosing, local: Collection[int] = ()
) -> Iterator[Reference]:
    """`local`: the start bytes of bare names that are parameters or variables."""
    for _, captures in found:
        if "import" in captures or "default" in captures:
            yield _import(captures, source, enclosing)
            continue
        kind: Kind = next(kind for kind in _KINDS if kind in captures)
        node = captures[kind][0]
        if kind == "call" and source.startswith(_NO_CALL, node.end_byte):
            kind = "use"
        line = node.end_point.row + 1
        name, qualifier = split_expression(_text(node, source).removeprefix(":"))  # of a Ruby symbol, its name
        if on := captures.get("on"):
            qualifier = plain(_text(on[0], source))
        if "tokens" in captures:
            if not is_called(source, node.start_byte, node.end_byte):
                continue
            qualifier = qualifier_before(source, node.start_byte)
        if name == "new" and qualifier not in ("", "?"):  # Ruby and Rust call a class this way
            yield _construction(line, qualifier, enclosing)
        if name and (qualifier or node.start_byte not in local):
            around = (kind == "inherit" and enclosing.type_at(line)) or enclosing[line]
            yield Reference(name, kind, line, around, qualifier)


def _construction(line: int, class_name: str, enclosing: Enclosing) -> Reference:
    name, qualifier = split_expression(class_name)
    return Reference(name, "call", line, enclosing[line], qualifier)


def _import(captures: dict[str, list[Node]], source: bytes, enclosing: Enclosing) -> Reference:
    is_default = "default" in captures
    node = captures["default" if is_default else "import"][0]
    line = node.start_point.row + 1
    alias = _text(captures["alias"][0], source) if "alias" in captures else ""
    if node.type == "use_wildcard":
        path = _full_use_path(node, source, _text(captures["from"][0], source))
        return Reference("*", "import", line, enclosing[line], path)
    written = _text(node, source).strip("\"'`<>")
    qualifier, _, name = written.rpartition("/")
    if node.type not in _PATH_NODES:
        name, qualifier = split_expression(written)
    if "from" in captures:
        module = "".join(_text(captures["from"][0], source).split()).strip("\"'`")
        qualifier = f"{module}.{qualifier}".rstrip(".") if qualifier and not qualifier.startswith(".") else module
    elif node.parent is not None and node.parent.type in ("use_list", "use_as_clause"):
        qualifier = _full_use_path(node, source, qualifier)
    return Reference(name or written, "import", line, enclosing[line], qualifier, alias, is_default=is_default)


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


def _occurrences(source: bytes, name: str) -> list[Span]:
    pattern = re.compile(rb"(?<![\w$])" + re.escape(name.encode("utf-8", "replace")) + rb"(?![\w$])")
    return [match.span() for match in pattern.finditer(source)]


def _text(node: Node, source: bytes) -> str:
    # Not `node.text`: it reads the source through the parser's callback again, which is forty times slower.
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _sorted(found: Iterable[Reference]) -> tuple[Reference, ...]:
    return tuple(sorted(set(found), key=lambda ref: (ref.line, ref.name, ref.kind, ref.qualifier)))
