"""Whether a reference means a definition, as far as names, imports and paths can tell; no types are known.

Rather says no: what is listed as a call of X shall be one.
"""

import io
import re
import socket
from collections.abc import Sequence
from pathlib import PurePosixPath

from indexer.files.languages import LANGUAGES
from indexer.files.roles import is_test
from indexer.navigation.intent import StructuralQuery
from indexer.parsing.references import Reference
from indexer.storage.snapshot import IndexedSymbol, Snapshot
from indexer.types import SourceFile

# Names that the types of every language's library have too: the object must say that it is ours.
_LIBRARY = (str, bytes, list, dict, set, int, float, io.TextIOWrapper, socket.socket)
_OTHERS = "call delete execute has load match open parse push run save search size start stop then"
_OF_BUILTINS = {name for kind in _LIBRARY for name in dir(kind)} | set(_OTHERS.split())
_SELF = frozenset({"self", "this", "cls", "super", "Self", "@", "$this", "super()", "base", "static", "parent"})
# Names of other files are known only where they are imported.
_SCOPED = frozenset({"python", "javascript", "typescript", "tsx"})
_IMPLICIT = frozenset({"java", "cpp", "csharp", "kotlin", "ruby"})  # a method is called without its object
_TOP = frozenset({"crate", "self", "super", ""})
_INDEX = frozenset({"__init__", "index", "mod", "lib"})  # files that stand for their folder
_SUFFIXES = frozenset(suffix.removeprefix(".") for row in LANGUAGES for suffix in row.suffixes)


def parts_of(path: str) -> list[str]:
    """`indexer/store.py` -> [indexer, store]; a file that stands for its folder is the folder."""
    pure = PurePosixPath(path)
    stem = pure.name.partition(".")[0]
    return [*pure.parent.parts, *([] if stem in _INDEX else [stem])]


def means(place: IndexedSymbol, name: str) -> bool:
    """Whether a name with some of its scopes (`Budget.trim`, `prompts.build.trim`) means that definition."""
    whole = ".".join([*parts_of(place.path), place.symbol.qualified])
    return f".{whole}".endswith(f".{name}")


def preferred(found: Sequence[IndexedSymbol], path: str) -> list[IndexedSymbol]:
    """Of several definitions with a name the real ones, those in the file at `path`, those that are no tests."""

    def is_there(place: IndexedSymbol) -> bool:
        return place.path == path

    for better in (is_real, is_there, _is_no_constructor, _is_no_constant, _is_no_test):
        found = [place for place in found if better(place)] or found
    return list(found)


def is_real(place: IndexedSymbol) -> bool:
    return place.symbol.kind not in ("declaration", "impl") and not place.path.endswith((".pyi", ".d.ts"))


def _is_no_constructor(place: IndexedSymbol) -> bool:
    """Java's and C++'s constructors have the name of their class."""
    return place.symbol.qualified.split(".")[-2:-1] != [place.symbol.name]


def _is_no_constant(place: IndexedSymbol) -> bool:
    """`const read = require("./read")` defines nothing new."""
    return place.symbol.kind != "constant"


def _is_no_test(place: IndexedSymbol) -> bool:
    return not is_test(place.path)


class Modules:
    """Which modules are of this codebase, remembered for one question."""

    def __init__(self, snapshot: Snapshot, root: str) -> None:
        self._snapshot, self._root = snapshot, root
        self._known: dict[str, bool] = {}

    def give(self, imported: Reference, path: str) -> bool:
        """Whether a name defined in the file at `path` may be imported so: from it, or from a module that passes it on.

        A module of this codebase has the name from nowhere else, for it is defined only once.
        """
        words = _words(imported.qualifier)
        if not words or words[-1] in _TOP or words[-1] in parts_of(path):
            return True
        return self._are_here(words, relative=imported.qualifier.startswith("."))

    def holds(self, imported: Reference, path: str) -> bool:
        """Whether what is imported is itself the module at `path`, or another of this codebase."""
        words = [*_words(imported.qualifier), imported.name]
        return imported.name in parts_of(path) or self._are_here(words, relative=imported.qualifier.startswith("."))

    def has_constant(self, name: str) -> bool:
        found = self._snapshot.named([name])
        return any(place.symbol.name == name and place.symbol.kind == "constant" for place in found)

    def _are_here(self, words: list[str], *, relative: bool) -> bool:
        inside = words[1:] if words[0] == self._root else words
        if not inside:
            return True
        path = "/".join(inside[-1:] if relative else inside)
        if path not in self._known:
            self._known[path] = re.search(r"[*?\[]", path) is None and self._snapshot.has_module(path)
        return self._known[path]


class ReferenceResolver:
    """Tells the references of one file that mean a definition.

    `refs`: the file's, with all its imports. `shared`: other types have a method of that name too.
    """

    def __init__(
        self, place: IndexedSymbol, source: SourceFile, refs: Sequence[Reference], modules: Modules, *, shared: bool
    ) -> None:
        self._place, self._source, self._modules, self._shared = place, source, modules, shared
        self._owner = place.symbol.qualified.rpartition(".")[0].rpartition(".")[2]
        self._imports = [ref for ref in refs if ref.kind == "import"]

    def __call__(self, ref: Reference) -> bool:
        head = re.split(r"::|\.|\\|->", ref.qualifier)[-1]
        is_method = self._place.symbol.kind in ("method", "declaration") and self._owner
        if is_method:
            return self._of_method(ref, head)
        return self._qualified(ref, head) if head else self._bare(ref)

    def _of_method(self, ref: Reference, head: str) -> bool:
        if not head:
            return self._source.language in _IMPLICIT and self._source.path == self._place.path
        if head in _SELF:
            return self._owner in ref.enclosing.split(".")
        known = [other for other in self._imports if other.local == head]
        if head == self._owner or any(other.name == self._owner for other in known):
            return True
        if re.sub(r"[\W_]", "", head).lower().endswith(self._owner.lower().strip("_")):
            return True  # told by what the object is called: `self._store` is a Store
        if self._shared or head == "?" or self._place.symbol.name in _OF_BUILTINS:
            return False
        if known:  # a module or another class, or else an object
            return self._modules.has_constant(head)
        return not head[:1].isupper() or head.isupper()

    def _qualified(self, ref: Reference, head: str) -> bool:
        parts = parts_of(self._place.path)
        if head in _SELF or head == "?":
            return self._source.language == "rust" and head != "?"
        known = [other for other in self._imports if other.local == head]
        if known:
            return any(self._modules.holds(other, self._place.path) or other.name == self._owner for other in known)
        return head in parts or head == self._owner

    def _bare(self, ref: Reference) -> bool:
        named = [other for other in self._imports if other.local == ref.name]
        if named:
            return any(self._modules.give(other, self._place.path) for other in named)
        if ref.name != self._place.symbol.name:  # an alias of something else
            return False
        if self._source.path == self._place.path or self._source.language not in _SCOPED:
            return True
        return any(other.name == "*" and self._modules.give(other, self._place.path) for other in self._imports)


def _words(qualifier: str) -> list[str]:
    return [word for word in re.split(r"[./\\:@]+", qualifier) if word and word not in _SUFFIXES]


def imports_it(ref: Reference, path: str, asked: StructuralQuery, defined_in: str, modules: Modules) -> bool:
    """Whether an import in the file at `path` brings what was asked for: a name, a module or a file."""
    words = _module(ref, path)
    whole = [*words, ref.name.partition(".")[0]]
    if defined_in:
        is_module = parts_of(defined_in)[-len(whole) :] == whole
        return ref.name == asked.last and not is_module and modules.give(ref, defined_in)
    wanted = parts_of(asked.name) if asked.is_path else asked.name.split(".")
    size = len(wanted)
    return wanted in (whole[-size:], words[-size:]) or (not asked.is_path and whole[:size] == wanted)


def _module(ref: Reference, path: str) -> list[str]:
    """The parts of the module that an import in the file at `path` names, from the root where it can tell."""
    folder = list(PurePosixPath(path).parent.parts)
    words = [word for word in re.split(r"[./\\:]+", ref.qualifier) if word not in ("", "crate")]
    if words and words[-1] in _SUFFIXES:
        words.pop()
    if ref.qualifier.startswith("."):
        up = (
            ref.qualifier.count("../")
            if "/" in ref.qualifier
            else len(ref.qualifier) - len(ref.qualifier.lstrip(".")) - 1
        )
        words = folder[: max(0, len(folder) - up)] + words
    elif "." in ref.name:  # a file beside this one: `#include "pool.h"`
        words = folder + words
    return words


class Nearest:
    """Tells which of several files with a definition of one name the references of another file mean.

    Goes by what the file imports and where it is; rather says none.
    """

    def __init__(self, paths: Sequence[str], source: SourceFile, refs: Sequence[Reference]) -> None:
        """`paths`: where the name is defined. Of one alone everything means that one."""
        self._paths, self._here = list(dict.fromkeys(paths)), source.path
        self._imports = [ref for ref in refs if ref.kind == "import"]

    def __call__(self, ref: Reference) -> str:
        """A path, or "" where it may be any."""
        if len(self._paths) == 1:
            return self._paths[0]
        head = re.split(r"::|\.|\\|->", ref.qualifier)[-1]
        if imported := [other for other in self._imports if other.local == (head or ref.name)]:
            return self.imported(imported)
        if self._here in self._paths:
            return self._here
        by_name = [path for path in self._paths if head in parts_of(path)]
        beside = [path for path in self._paths if PurePosixPath(path).parent == PurePosixPath(self._here).parent]
        for found in (by_name, beside):  # a folder is a package in Go and Java
            if found:
                return found[0] if len(found) == 1 else ""
        return self.imported(self._imports)

    def imported(self, imports: Sequence[Reference]) -> str:
        """The file that one of the imports fits better than the others."""
        if len(self._paths) == 1:
            return self._paths[0]
        fits = {path: max((self._fit(ref, path) for ref in imports), default=0) for path in self._paths}
        best = [path for path, fit in fits.items() if fit and fit == max(fits.values())]
        return best[0] if len(best) == 1 else ""

    def _fit(self, imported: Reference, path: str) -> int:
        words = _module(imported, self._here)
        return max(_in_common(words, path), _in_common([*words, imported.name.partition(".")[0]], path))


def _in_common(words: Sequence[str], path: str) -> int:
    """How many last parts of a module's name are those of a file, or of its folder."""
    parts = parts_of(path)
    return max(_last_in_common(words, parts), _last_in_common(words, parts[:-1]))


def _last_in_common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
