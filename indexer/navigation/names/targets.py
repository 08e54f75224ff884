"""Definitions that a name may mean: which are likely, which are the same, and what their files say of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from indexer.files.languages import language_of
from indexer.files.roles import is_test
from indexer.navigation.names.hierarchy import Hierarchy
from indexer.navigation.names.modules import parts_of
from indexer.storage.snapshot import IndexedSymbol
from indexer.types import SourceFile

_MINOR_KINDS = frozenset({"constant", "selector", "target", "stage", "resource"})
_WITH_NAMESPACE = frozenset({"csharp", "java", "kotlin", "php"})
KINDS = {  # kinds of definitions that each noun of a question covers
    "function": {"function", "method", "declaration"},
    "method": {"method", "declaration"},
    "class": {"class", "interface", "enum", "type", "impl"},
    "struct": {"class", "impl"},
    "interface": {"interface", "class"},
    "protocol": {"interface", "class"},
    "trait": {"interface"},
    "enum": {"enum", "class"},
    "type": {"type", "class", "interface", "enum"},
    "constant": {"constant"},
}
_WITH_OBJECT = frozenset({"python", "javascript", "typescript", "tsx", "vue", "svelte", "astro", "go", "rust", "php"})
_SCRIPTS = frozenset({"javascript", "typescript"})
_MODULE = re.compile(r"^\s*(?:import|export)\b|\bmodule\.exports\b|\bexports\.|\brequire\(|\bdefine\(", re.MULTILINE)
_NAMESPACE = re.compile(r"^[ \t]*(?:<\?php\s+)?(?:namespace|package)\s+([\w.\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Target:
    """The definition that references may mean."""

    definition: IndexedSymbol
    is_shared: bool  # other types have a method of that name too
    namespace: str = ""  # the last part of the one that its file declares
    hierarchy: Hierarchy | None = None  # of a method: the types that inherit it
    is_global: bool = False  # a classic script defines it: other scripts of the page need no import
    is_namesake: bool = False  # another definition has its name with all its scopes
    is_mixed_in: bool = False  # a method of a Ruby module that types mix in

    @property
    def is_method(self) -> bool:
        """Whether it is called on objects, whose types are not inferred."""
        symbol = self.definition.symbol
        return self.is_mixed_in or (symbol.kind in ("method", "declaration") and "." in symbol.qualified)


def namespace_of(source: SourceFile | None) -> str:
    """The last part of the namespace that a file declares; "" in a language whose modules are named after files."""
    found = _NAMESPACE.search(source.text) if source and source.language in _WITH_NAMESPACE else None
    return re.split(r"[.\\]", found[1])[-1] if found else ""


def is_script(source: SourceFile | None) -> bool:
    """Whether a file is a classic script of a page, and no module."""
    return source is not None and source.language in _SCRIPTS and not _MODULE.search(source.text)


def matches(definition: IndexedSymbol, name: str) -> bool:
    """Whether a name with some of its scopes (`Budget.trim`, `prompts.build.trim`) means that definition."""
    full = ".".join([*parts_of(definition.path), definition.symbol.qualified])
    return f".{full}".endswith(f".{name}")


def preferred(definitions: Sequence[IndexedSymbol], path: str) -> list[IndexedSymbol]:
    """The likeliest of several definitions of one name.

    In this order: implementations, those in the file at `path`, no constructors, no constants and settings, no tests.
    A rule that would leave none does not count.
    """

    def is_in_file(definition: IndexedSymbol) -> bool:
        return definition.path == path

    for rule in (is_implementation, is_in_file, _is_no_constructor, _is_no_constant, _is_no_test):
        definitions = [item for item in definitions if rule(item)] or definitions
    return list(definitions)


def is_implementation(definition: IndexedSymbol) -> bool:
    """Neither a declaration, nor a Rust `impl`, nor in a file of types only."""
    is_stub = definition.path.endswith((".pyi", ".d.ts"))
    return definition.symbol.kind not in ("declaration", "impl") and not is_stub


def _is_no_constructor(definition: IndexedSymbol) -> bool:
    """Java's and C++'s constructors have the name of their class."""
    return definition.symbol.qualified.split(".")[-2:-1] != [definition.symbol.name]


def _is_no_constant(definition: IndexedSymbol) -> bool:
    """`const read = require("./read")` defines nothing new, and `.menu` of a style sheet is not the function `menu`."""
    return definition.symbol.kind not in _MINOR_KINDS


def _is_no_test(definition: IndexedSymbol) -> bool:
    return not is_test(definition.path)


def only_methods(definitions: Iterable[IndexedSymbol]) -> set[str]:
    """The files whose definitions are methods that are not called without an object."""
    found: dict[str, bool] = {}
    for item in definitions:
        needs_object = item.symbol.kind == "method" and language_of(item.path).name in _WITH_OBJECT
        found[item.path] = needs_object and found.get(item.path, True)
    return {path for path, is_method in found.items() if is_method}


def scopes_of(definitions: Iterable[IndexedSymbol]) -> set[str]:
    """What the definitions are in: types or namespaces."""
    return {item.symbol.qualified.rpartition(".")[0] for item in definitions}


def mixin_of(definition: IndexedSymbol) -> str:
    """The module of Ruby that gives a method to the types that include it; "" if it is no such method."""
    symbol = definition.symbol
    is_given = symbol.kind == "function" and not symbol.signature.startswith("def self.")
    is_ruby = language_of(definition.path).name == "ruby"
    return symbol.qualified.rpartition(".")[0].rpartition(".")[2] if is_ruby and is_given else ""


def is_static(definition: IndexedSymbol) -> bool:
    """Whether a function of C is seen in its own file only."""
    is_source = definition.path.endswith((".c", ".cc", ".cpp", ".cxx", ".c++"))
    return is_source and definition.symbol.signature.startswith("static ")


def identity_of(definition: IndexedSymbol) -> tuple[str, str]:
    """Equal for what is one definition: overloads, the files of a Go package for several systems, a partial class."""
    path, symbol = definition.path, definition.symbol
    if re.search(r"\bpartial\b", symbol.signature):
        return "", symbol.qualified
    return (str(PurePosixPath(path).parent) if path.endswith(".go") else path), symbol.qualified
