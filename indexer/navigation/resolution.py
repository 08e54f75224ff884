"""Whether a reference means a definition, judged by names, imports and paths; types are not inferred.

When unsure it says no: whatever is listed as a call of X must be one.
"""

import io
import re
import socket
from collections.abc import Sequence

from indexer.files.roles import is_test
from indexer.navigation.modules import Modules, parts_of
from indexer.parsing.references import Reference
from indexer.storage.snapshot import IndexedSymbol
from indexer.types import SourceFile

# Names of methods that libraries of every language have too: the object's name must say that it is one of ours.
_LIBRARY_TYPES = (str, bytes, list, dict, set, int, float, io.TextIOWrapper, socket.socket)
_OTHER_NAMES = "call delete execute has load match open parse push run save search size start stop then"
_LIBRARY_NAMES = {name for kind in _LIBRARY_TYPES for name in dir(kind)} | set(_OTHER_NAMES.split())
_SELF = frozenset({"self", "this", "cls", "super", "Self", "@", "$this", "super()", "base", "static", "parent"})
_SCOPED = frozenset({"python", "javascript", "typescript", "tsx"})  # a name of another file must be imported
_IMPLICIT = frozenset({"java", "cpp", "csharp", "kotlin", "ruby"})  # a method may be called without its object


def matches(definition: IndexedSymbol, name: str) -> bool:
    """Whether a name with some of its scopes (`Budget.trim`, `prompts.build.trim`) means that definition."""
    full = ".".join([*parts_of(definition.path), definition.symbol.qualified])
    return f".{full}".endswith(f".{name}")


def preferred(definitions: Sequence[IndexedSymbol], path: str) -> list[IndexedSymbol]:
    """The likeliest of several definitions of one name.

    In this order: implementations, those in the file at `path`, no constructors, no constants, no tests. A rule that
    would leave none does not count.
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
    """`const read = require("./read")` defines nothing new."""
    return definition.symbol.kind != "constant"


def _is_no_test(definition: IndexedSymbol) -> bool:
    return not is_test(definition.path)


def head_of(ref: Reference) -> str:
    """The last part of what stands before a name: `b` of `a.b.name`; "" if nothing does."""
    return re.split(r"::|\.|\\|->", ref.qualifier)[-1]


class ReferenceResolver:
    """Tells which references of one file mean a definition.

    `refs`: the file's, with all its imports. `shared`: other types have a method of that name too.
    """

    def __init__(
        self,
        definition: IndexedSymbol,
        source: SourceFile,
        refs: Sequence[Reference],
        modules: Modules,
        *,
        shared: bool,
    ) -> None:
        self._definition, self._source, self._modules, self._shared = definition, source, modules, shared
        self._owner = definition.symbol.qualified.rpartition(".")[0].rpartition(".")[2]
        self._imports = [ref for ref in refs if ref.kind == "import"]
        self._by_local: dict[str, list[Reference]] = {}
        for ref in self._imports:
            self._by_local.setdefault(ref.local, []).append(ref)

    def resolves(self, ref: Reference) -> bool:
        head = head_of(ref)
        if self._definition.symbol.kind in ("method", "declaration") and self._owner:
            return self._resolves_method(ref, head)
        return self._resolves_qualified(head) if head else self._resolves_bare(ref)

    def _resolves_method(self, ref: Reference, head: str) -> bool:
        if not head:
            return self._source.language in _IMPLICIT and self._is_own_file()
        if head in _SELF:
            return self._owner in ref.enclosing.split(".")
        imports = self._imported_as(head)
        if head == self._owner or any(item.name == self._owner for item in imports):
            return True
        if re.sub(r"[\W_]", "", head).lower().endswith(self._owner.lower().strip("_")):
            return True  # the object is named after its type: `self._store` is a Store
        if self._shared or head == "?" or self._definition.symbol.name in _LIBRARY_NAMES:
            return False
        if imports:  # a module or another class, unless it is an object
            return self._modules.has_constant(head)
        return not head[:1].isupper() or head.isupper()

    def _resolves_qualified(self, head: str) -> bool:
        path = self._definition.path
        if head in _SELF or head == "?":
            return self._source.language == "rust" and head != "?"
        if imports := self._imported_as(head):
            return any(self._modules.is_module(item, path) or item.name == self._owner for item in imports)
        return self._modules.is_at(head, path) or head == self._owner

    def _resolves_bare(self, ref: Reference) -> bool:
        path = self._definition.path
        if imports := self._imported_as(ref.name):
            return any(self._modules.may_export(item, path) for item in imports)
        if ref.name != self._definition.symbol.name:  # an alias of something else
            return False
        if self._is_own_file() or self._source.language not in _SCOPED:
            return True
        return any(item.name == "*" and self._modules.may_export(item, path) for item in self._imports)

    def _imported_as(self, local: str) -> list[Reference]:
        return self._by_local.get(local, [])

    def _is_own_file(self) -> bool:
        return self._source.path == self._definition.path
