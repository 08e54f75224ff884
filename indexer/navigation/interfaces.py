"""What implements an interface in Go, where no type says so: the types whose method sets contain its methods.

Compares signatures by the names of types. A type is listed only if every method is there.
"""

import copy
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from indexer.navigation.names.manifests import folder_of
from indexer.navigation.navigator import Navigator
from indexer.parsing.references import Reference, references
from indexer.parsing.syntax import Node, parse_tree
from indexer.storage.snapshot import IndexedSymbol

_SECONDS = 0.05  # for one signature
_EMBEDDED = 20  # implementing types whose embedding types are looked up
_PREDECLARED = frozenset({
    "any", "bool", "comparable", "complex64", "complex128", "error", "float32", "float64", "int", "int8", "int16",
    "int32", "int64", "string", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr",
})  # fmt: skip
_ALIASES = {"byte": "uint8", "rune": "int32", "interface { }": "any"}
_STANDARD = {  # interfaces of the standard library that are often embedded
    "error": ("Error() string",),
    "fmt.Stringer": ("String() string",),
    "io.Closer": ("Close() error",),
    "io.Reader": ("Read(p []byte) (int, error)",),
    "io.Writer": ("Write(p []byte) (int, error)",),
    "sort.Interface": ("Len() int", "Less(i, j int) bool", "Swap(i, j int)"),
}
_UNREAD = "?"  # for a signature
Key = tuple[str, str]  # folder, which is the package, and name of a type
Methods = dict[str, str]  # name -> parameters and results, as `signature_of` gives them


@dataclass(slots=True)
class _Lookup:
    """The method sets of one question. `named`: (folder, type) -> its own methods, of those that are asked for."""

    navigator: Navigator
    named: dict[Key, Methods] = field(default_factory=lambda: defaultdict(dict))


def implementers(navigator: Navigator, interface: IndexedSymbol) -> list[IndexedSymbol]:
    """The types. Those that embed the interface refer to it, and are left out unless they have methods of their own."""
    lookup = _Lookup(navigator)
    key = folder_of(interface.path), interface.symbol.qualified
    required = _required(lookup, interface, {key})
    if not required:
        return []
    if re.search(r"^type \w+\[", interface.symbol.signature):  # its methods have types that are chosen later
        navigator.doubt("types")
    for item in navigator.snapshot.named(list(required)):
        owner, _, name = item.symbol.qualified.rpartition(".")
        if item.path.endswith(".go") and item.symbol.kind == "method" and owner and name in required:
            package = navigator.modules.package(item.path)
            lookup.named[folder_of(item.path), owner][name] = signature_of(item.symbol.signature, package)
    found: dict[Key, IndexedSymbol] = {}
    for each in list(lookup.named):
        if navigator.is_late():
            break
        if _satisfies(lookup, each, required, interface) and (definition := _type(navigator, each)):
            found[each] = definition
    for each, definition in _embedding(lookup, found):
        if _satisfies(lookup, each, required, interface):
            found.setdefault(each, definition)
    found.pop(key, None)
    return list(found.values())


def _required(lookup: _Lookup, interface: IndexedSymbol, seen: set[Key]) -> Methods:
    """The methods of an interface and of those it embeds; none if some cannot be known."""
    navigator, name = lookup.navigator, interface.symbol.qualified
    package = navigator.modules.package(interface.path)
    methods = {}
    for item in navigator.files.outline(interface.path):
        if item.symbol.kind == "declaration" and item.symbol.qualified == f"{name}.{item.symbol.name}":
            methods[item.symbol.name] = signature_of(item.symbol.signature, package)
    for written in _embedded(navigator, interface):
        if standard := _STANDARD.get(written):
            methods |= {text.partition("(")[0]: signature_of(text, "") for text in standard}
            continue
        embedded = _named_type(navigator, interface, written)
        if embedded is None or embedded.symbol.kind != "interface":
            navigator.doubt("types")
            return {}
        key = folder_of(embedded.path), embedded.symbol.qualified
        if key not in seen:
            inner = _required(lookup, embedded, seen | {key})
            if not inner:
                return {}
            methods |= inner
    return methods


def _satisfies(lookup: _Lookup, key: Key, required: Methods, interface: IndexedSymbol) -> bool:
    methods = _method_set(lookup, key, required, frozenset())
    hidden = any(not name[:1].isupper() for name in required)
    if not required.keys() <= methods.keys() or (hidden and key[0] != folder_of(interface.path)):
        return False
    pairs = [(methods[name], signature) for name, signature in required.items()]
    if all(own == signature != _UNREAD for own, signature in pairs):
        return True
    differing = [pair for pair in pairs if _UNREAD not in pair and _unqualified(pair[0]) != _unqualified(pair[1])]
    if all(_names_alias(lookup.navigator, pair) for pair in differing):
        lookup.navigator.doubt("types")  # a package may be imported under another name, or a type has two names
    return False


def _names_alias(navigator: Navigator, signatures: tuple[str, str]) -> bool:
    """Whether a type in one of two signatures is another name of a type: `type ID = int`."""
    words = {word for signature in signatures for word in re.findall(r"\w+", signature)} - _PREDECLARED
    named = (item for item in navigator.snapshot.named(sorted(words)) if item.path.endswith(".go"))
    return any(item.symbol.kind == "type" and " = " in item.symbol.signature for item in named)


def _method_set(lookup: _Lookup, key: Key, required: Mapping[str, str], seen: frozenset[Key]) -> Methods:
    """The methods of a type that are required: its own, then those of the types that it embeds."""
    navigator = lookup.navigator
    own = dict(lookup.named.get(key, {}))
    definition = _type(navigator, key) if required.keys() - own.keys() and key not in seen else None
    if definition is None:
        return own
    for written in _embedded(navigator, definition):
        embedded = _named_type(navigator, definition, written)
        if embedded is None:
            if own:
                navigator.doubt("types")  # of another codebase: it may have the methods that are missing
        elif embedded.symbol.kind == "interface":
            own = _required(lookup, embedded, {key}) | own
        else:
            inner = folder_of(embedded.path), embedded.symbol.qualified
            own = _method_set(lookup, inner, required, seen | {key}) | own
    return own


def _embedding(lookup: _Lookup, found: Mapping[Key, IndexedSymbol]) -> Iterator[tuple[Key, IndexedSymbol]]:
    """The types that embed one of the types found, or one of these."""
    navigator, seen, queue = lookup.navigator, set(found), list(found)
    apart = copy.copy(navigator)
    apart.doubts = {}  # a file that has the name of such a type is no doubt about the interface
    for folder, name in queue:
        if len(seen) > _EMBEDDED:
            navigator.doubt("types")
            return
        if navigator.is_late():
            return
        for source, refs in apart.mentions(name):
            for ref in refs if source.language == "go" else ():
                key = folder_of(source.path), ref.enclosing
                definition = _type(navigator, key) if ref.kind == "inherit" and key not in seen else None
                meant = _named_type(navigator, definition, f"{ref.qualifier}.{name}".strip(".")) if definition else None
                if definition and meant and (folder_of(meant.path), meant.symbol.qualified) == (folder, name):
                    seen.add(key)
                    queue.append(key)
                    yield key, definition
    navigator.doubts |= {doubt: None for doubt in apart.doubts if doubt.kind in ("time", "files")}


def _embedded(navigator: Navigator, definition: IndexedSymbol) -> list[str]:
    """What a struct or an interface embeds, as it is written."""
    source = navigator.files.source(definition.path)
    found = _references(source.text, source.language) if source else ()
    lines = range(definition.symbol.start_line, definition.symbol.end_line + 1)
    return [f"{ref.qualifier}.{ref.name}".strip(".") for ref in found if ref.kind == "inherit" and ref.line in lines]


@lru_cache(maxsize=8)
def _references(text: str, language: str) -> tuple[Reference, ...]:
    return references(text, language)


def _named_type(navigator: Navigator, user: IndexedSymbol, written: str) -> IndexedSymbol | None:
    """The type that a name means in the file of another; None for one of another codebase."""
    qualifier, _, name = written.rpartition(".")
    if not qualifier:
        return _type(navigator, (folder_of(user.path), name))
    source = navigator.files.source(user.path)
    found = _references(source.text, source.language) if source else ()
    package = next((ref.name for ref in found if ref.kind == "import" and ref.local == qualifier), qualifier)
    folders = {folder_of(item.path) for item in navigator.snapshot.named([name]) if item.path.endswith(".go")}
    named = [folder for folder in sorted(folders) if folder.rpartition("/")[2] == package]
    return _type(navigator, (named[0], name)) if len(named) == 1 else None


def _type(navigator: Navigator, key: Key) -> IndexedSymbol | None:
    for item in navigator.snapshot.named([key[1]]) if key[1] else ():
        is_type = item.symbol.kind in ("class", "interface", "type") and item.path.endswith(".go")
        if is_type and (folder_of(item.path), item.symbol.qualified) == key:
            return item
    return None


@lru_cache(maxsize=4096)
def signature_of(head: str, package: str) -> str:
    """The types of the parameters and results of a method, without their names; "?" if they cannot be read.

    `package`: what qualifies the types that the package itself defines.
    """
    text = head if head.startswith("func ") else f"func {head}"
    source = f"package p\n{text} {{}}\n".encode("utf-8", "replace")
    tree = parse_tree(source, "go", _SECONDS)
    if tree is None or tree.root_node.has_error:
        return _UNREAD
    method = next(node for node in tree.root_node.children if node.type.endswith("_declaration"))
    parameters, result = method.child_by_field_name("parameters"), method.child_by_field_name("result")
    return f"{_types(parameters, source, package)} {_types(result, source, package)}"


def _types(node: Node | None, source: bytes, package: str) -> str:
    if node is None:
        return "()"
    if node.type != "parameter_list":
        return f"({_type_text(node, source, package)})"
    types = []
    for parameter in node.named_children:
        kind = parameter.child_by_field_name("type")
        dots = "..." if parameter.type.startswith("variadic") else ""
        text = f"{dots}{_type_text(kind, source, package)}" if kind else "?"
        types += [text] * max(1, len(parameter.children_by_field_name("name")))
    return f"({', '.join(types)})"


def _type_text(node: Node, source: bytes, package: str) -> str:
    """A type on one line, with the package of each name that is not of the language itself."""
    text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if node.type == "type_identifier":
        text = _ALIASES.get(text, text)
        return text if text in _PREDECLARED or not package else f"{package}.{text}"
    if node.type == "function_type":
        results = node.child_by_field_name("result")
        parameters = _types(node.child_by_field_name("parameters"), source, package)
        return f"func{parameters} {_types(results, source, package)}"
    if node.type == "qualified_type" or not node.children:
        return text
    joined = " ".join(_type_text(child, source, package) for child in node.children)
    return _ALIASES.get(joined, joined)


def _unqualified(signature: str) -> str:
    return " ".join(part.rpartition(".")[2] if "..." not in part else part for part in signature.split())
