"""Whether a reference means a definition, judged by names, imports and paths; types are not inferred.

When unsure it says no: whatever is listed as a call of X must be one.
"""

import io
import re
import socket
from collections.abc import Sequence
from dataclasses import replace

from indexer.navigation.names.given_modules import hands_on_module, loads_module
from indexer.navigation.names.modules import Modules, dotted, module_of, parts_of
from indexer.navigation.names.namespaces import may_be_hidden
from indexer.navigation.names.targets import Target
from indexer.parsing.references import Reference
from indexer.types import SourceFile

# Names of methods that libraries of every language have too: the object's name must say that it is one of ours.
_LIBRARY_TYPES = (str, bytes, list, dict, set, int, float, io.TextIOWrapper, socket.socket)
_OTHER_NAMES = "call delete execute has load match open parse push run save search size start stop then"
_LIBRARY_NAMES = {name for kind in _LIBRARY_TYPES for name in dir(kind)} | set(_OTHER_NAMES.split())
_SELF = frozenset({"self", "this", "cls", "Self", "@", "$this", "static"})
_CALLABLE = frozenset({"function", "method", "declaration"})
_SUPER = {"csharp": "base", "php": "parent"}  # "super" elsewhere
_SCOPED = frozenset(  # a name of another file must be imported
    {"python", "javascript", "typescript", "tsx", "vue", "svelte", "astro", "ejs", "html"}
)
_IMPORTS_BY_ITSELF = frozenset({"vue", "svelte", "astro"})  # frameworks import names that files use without saying so
_IMPLICIT = frozenset({"java", "cpp", "csharp", "kotlin", "ruby"})  # a method may be called without its object
_SEPARATORS = {
    "c": "::",
    "cpp": "::",
    "rust": "::",
    "php": "\\",
}  # between a module and its function; else it is a field
_IN_PARTS = frozenset({"cpp", "csharp", "ruby"})  # the methods of one type may be in several files


def head_of(ref: Reference) -> str:
    """The last part of what stands before a name: `b` of `a.b.name`; "" if nothing does."""
    return re.split(r"::|\.|\\|->", ref.qualifier)[-1]


class ReferenceResolver:
    """Tells which references of one file mean a definition. `refs`: the file's, with all its imports."""

    def __init__(self, target: Target, source: SourceFile, refs: Sequence[Reference], modules: Modules) -> None:
        self._target, self._source, self._modules = target, source, modules.seen_from(source.path)
        self._definition = target.definition
        self._scope = self._definition.symbol.qualified.rpartition(".")[0]
        self._owner = self._scope.rpartition(".")[2]
        self._imports = [ref for ref in refs if ref.kind == "import"]
        self._by_local: dict[str, list[Reference]] = {}
        for ref in self._imports:
            self._by_local.setdefault(ref.local, []).append(ref)

    def resolves(self, ref: Reference) -> bool:
        head = head_of(ref)
        if ref.is_field and self._definition.symbol.kind in _CALLABLE:
            return False
        if self._target.is_method:
            return self._resolves_method(ref, head)
        if self._is_constant_of_type():
            return self._resolves_constant(ref, head)
        return self._resolves_qualified(ref, head) if head else self._resolves_bare(ref)

    def is_inherited(self, ref: Reference) -> bool:
        """Whether it means a method of the type around it, which that type has from the target's."""
        hierarchy, head = self._target.hierarchy, head_of(ref)
        if hierarchy is None or not (head in _SELF or self._is_super(head) or not head):
            return False
        return hierarchy.inherits(self._source.path, ref.enclosing, is_super=self._is_super(head))

    def is_certain(self, ref: Reference) -> bool:
        """Whether it means no other definition of the name, whatever this file defines."""
        is_scoped = self._source.language == "cpp" and not self._target.is_namesake
        return self.is_inherited(ref) or (is_scoped and bool(self._owner) and head_of(ref) == self._owner)

    def _is_super(self, head: str) -> bool:
        return head == _SUPER.get(self._source.language, "super")

    def may_mean(self, ref: Reference) -> bool:
        """Whether a reference that does not resolve may mean the definition all the same."""
        if ref.kind == "import" or self._target.is_method or self._definition.symbol.kind in ("method", "declaration"):
            return False  # nobody claims to know all calls of a method
        if self._is_constant_of_type():  # of an object of an unknown type
            return bool(ref.qualifier) and not head_of(ref)[:1].isupper() and not self._imported_as(head_of(ref))
        if self._source.language == "ruby":  # a bare name in a class: it may be a method that the class inherits
            return ref.qualifier == "self" and ref.kind == "call"
        path = self._definition.path
        if not ref.qualifier and not self._imported_as(ref.name) and self._may_be_hidden(ref):
            return True
        if ref.is_local:
            return not ref.is_of_value and self.resolves(replace(ref, is_local=False))
        if re.search(
            rf"\bnamespace\s+{re.escape(head_of(ref) or '=')}\s*=", self._source.text
        ):  # C++: another name for it
            return True
        if any(self._modules.is_undeclared(item, path) for item in self._imported_as(head_of(ref) or ref.name)):
            return True
        if ref.qualifier and any(self._may_be_renamed(item) for item in self._imported_as(head_of(ref))):
            return True
        if ref.qualifier and self._source.language in _SCOPED and not self._imported_as(head_of(ref)):
            if loads_module(self._source.text, path) or hands_on_module(self._source, self._imports, self._target):
                return True
            return self._modules.is_at(head_of(ref), path) and self._has_unknown_names()
        if ref.qualifier and self._source.language == "go" and self._modules.is_at(head_of(ref), path):
            return self._has_unknown_names()
        is_implied = self._source.language in _IMPORTS_BY_ITSELF or self._target.is_global
        return is_implied and not ref.qualifier and not self._imported_as(ref.name)

    def may_be_of_object(self, ref: Reference) -> bool:
        """Whether a call that does not resolve may mean the method, by the type of its object."""
        head, name = head_of(ref), self._definition.symbol.name
        is_method = (
            self._target.is_method and self._definition.symbol.kind != "declaration" and name not in _LIBRARY_NAMES
        )
        is_object = bool(head) and head not in (*_SELF, *_SUPER) and not self._imported_before(ref)
        is_type = head[:1].isupper() and not head.isupper()
        return is_method and is_object and not is_type and ref.kind == "call" and ref.name == name

    def _may_be_renamed(self, imported: Reference) -> bool:
        """Whether an import may be of the target's module under the name that another module gives it."""
        if self._source.language not in _SCOPED:
            return False
        if re.search(rf"\*\s*as\s+{re.escape(imported.local)}(?![\w$])", self._source.text):
            return self._modules.gives_all(module_of(imported, self._source.path))
        return self._modules.is_unknown(imported, self._definition.path)

    def _has_unknown_names(self) -> bool:
        """Whether an import may give the file a module under a name that it does not show."""
        if self._source.language == "go":  # a package may have another name than its folder
            return any(self._modules.brings(item, self._definition.path) is None for item in self._imports)
        return any(item.name == "*" and not item.alias for item in self._imports)

    def _resolves_method(self, ref: Reference, head: str) -> bool:
        if not head and (imports := self._imported_as(ref.name)):
            return any(head_of(item) == self._owner for item in imports)
        if not head and self._source.language in _IMPLICIT:
            return self._is_own(ref) or (self._is_imported_whole() and not self._target.is_shared)
        if head in _SELF:
            return self._is_own(ref)
        if self._is_super(head):
            return self.is_inherited(ref)
        if not head:
            return False
        imports = self._imported_before(ref)
        if head == self._owner or any(item.name == self._owner for item in imports):
            return True
        if re.sub(r"[\W_]", "", head).lower().endswith(self._owner.lower().strip("_")):
            return True  # the object is named after its type: `self._store` is a Store
        if self._target.is_shared or head == "?" or self._definition.symbol.name in _LIBRARY_NAMES:
            return False
        if ref.kind == "use":  # of an object of an unknown type: it may have a field of that name
            return False
        if imports:  # a module or another class, unless it is an object
            return self._modules.has_constant(head)
        return not head[:1].isupper() or head.isupper()

    def _is_constant_of_type(self) -> bool:
        hierarchy = self._target.hierarchy
        return self._definition.symbol.kind == "constant" and hierarchy is not None and hierarchy.is_of_type

    def _resolves_constant(self, ref: Reference, head: str) -> bool:
        if not head and self._source.language not in _IMPLICIT:
            return self._is_own_file() and ref.enclosing == self._scope  # in the body of the class
        if not head or head in _SELF or self._is_super(head):
            return self._resolves_method(ref, head)
        if imports := self._imported_before(ref):
            return any(item.name == self._owner for item in imports)
        return re.sub(r"[\W_]", "", head).lower().endswith(self._owner.lower().strip("_"))

    def _is_own(self, ref: Reference) -> bool:
        """Whether the object that has the method may be the one around the reference."""
        if self._is_own_file() or self._source.language not in _IMPLICIT:
            return self._owner in ref.enclosing.split(".") or self.is_inherited(ref)
        in_part = self._source.language in _IN_PARTS and f"{ref.enclosing}.".startswith(f"{self._scope}.")
        return in_part or self.is_inherited(ref)

    def _is_own_function(self, ref: Reference) -> bool:
        """Of a function of Ruby's: whether a bare name in a class means it, and not a method of the class."""
        return self._is_own(ref) if self._owner else self._is_own_file()

    def _is_imported_whole(self) -> bool:
        """`import static shop.Money.*`, `using static Shop.Money`"""
        return any(
            (item.name == "*" and head_of(item) == self._owner)
            or (self._source.language == "csharp" and item.name == self._owner)
            for item in self._imports
        )

    def _resolves_qualified(self, ref: Reference, head: str) -> bool:
        path = self._definition.path
        if self._is_member(ref) or ref.is_local:
            return False
        if head in _SELF or self._is_super(head):
            return self._source.language == "rust" or (self._source.language == "ruby" and self._is_own_function(ref))
        if head == "?" or ("::" in ref.qualifier and self._modules.located(ref.qualifier, self._source.language) == []):
            return False
        if imports := self._imported_as(head):
            outer = self._owner, self._target.namespace
            return any(self._modules.is_module(item, path) or item.name in outer for item in imports)
        return head == self._owner or self._is_module_in_sight(ref, head)

    def _is_member(self, ref: Reference) -> bool:
        """Whether the syntax shows an object before a name, and no module."""
        separator = _SEPARATORS.get(self._source.language)
        if separator is None:
            return False
        line = self._source.text.split("\n", ref.line)[ref.line - 1]
        return re.search(rf"{re.escape(separator)}\s*{re.escape(ref.name)}(?!\w)", line) is None

    def _is_module_in_sight(self, ref: Reference, head: str) -> bool:
        """Whether a name that no import brings is the module: a variable may be called so too."""
        path, language = self._definition.path, self._source.language
        if language == "ruby":  # its modules have names of their own
            return False
        if language == "kotlin" and self._definition.symbol.kind == "function":
            return dotted(ref.qualifier) == self._modules.package(path)
        if language == "go":
            brought = any(not item.alias and self._modules.brings(item, path) for item in self._imports)
            return brought and self._modules.is_at(head, path)
        if language in _SCOPED and not self._imported_as(ref.qualifier.partition(".")[0]):
            return False
        return head == self._target.namespace or self._modules.is_at(head, path)

    def _resolves_bare(self, ref: Reference) -> bool:
        path = self._definition.path
        if imports := self._imported_as(ref.name):
            return any(self._may_bring(item) for item in imports)
        if ref.name != self._definition.symbol.name:  # an alias of something else
            return False
        if self._may_be_hidden(ref):
            return False
        if self._is_own_file() or self._source.language not in _SCOPED:
            return True
        if self._source.language == "html" and self._target.is_global:
            return True
        return any(item.name == "*" and self._modules.may_export(item, path) for item in self._imports)

    def _may_be_hidden(self, ref: Reference) -> bool:
        return may_be_hidden(ref, self._target, self._source, self._modules)

    def _may_bring(self, imported: Reference) -> bool:
        if self._source.language == "csharp" and imported.alias:  # `using Cash = Shop.Money`: a namespace, and no file
            return head_of(imported) == self._target.namespace
        if self._source.language == "cpp":  # `using shop::price;`, perhaps beside an overload of its own
            return head_of(imported) == self._owner or self._is_own_file()
        is_exported = self._modules.may_export(imported, self._definition.path)
        return is_exported and not self._is_other_default(imported)

    def _is_other_default(self, imported: Reference) -> bool:
        """Whether it is the default export of another file; if that is the definition, `Aliases` knows."""
        module = module_of(imported, self._source.path)
        module = module[:-1] if module[-1:] == ["index"] else module
        is_relative = imported.qualifier.startswith(".")
        return imported.is_default and is_relative and module != parts_of(self._definition.path)

    def _imported_before(self, ref: Reference) -> list[Reference]:
        """The imports of what stands before a name, which is no parameter and no variable."""
        return [] if ref.is_local else self._imported_as(head_of(ref))

    def _imported_as(self, local: str) -> list[Reference]:
        return self._by_local.get(local, [])

    def _is_own_file(self) -> bool:
        return self._source.path == self._definition.path
