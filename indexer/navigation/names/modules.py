"""Names of modules in imports, and the files of a codebase that they mean.

Goes by manifests and `package` lines where there are any, else by paths. Knows no other code.
"""

import copy
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from indexer.files.languages import LANGUAGES, language_of
from indexer.navigation.intent import StructuralQuery
from indexer.navigation.names.manifests import Manifests, folder_of, is_below
from indexer.parsing.packages import ECOSYSTEMS, is_imported_by_line, package_of
from indexer.parsing.references import Reference
from indexer.storage.snapshot import Snapshot
from indexer.types import SourceFile

_TOP = frozenset({"crate", "self", "super", ""})
_INDEX = frozenset({"__init__", "index", "mod", "lib"})  # files that stand for their folder
_NAMESPACES = frozenset({"javascript", "typescript", "tsx"})  # a whole module is imported under any name
_TYPES = frozenset({"class", "interface"})
_LINES = 3000  # of a file before its `package` line
_SUFFIXES = frozenset(suffix.removeprefix(".") for row in LANGUAGES for suffix in row.suffixes)


def parts_of(path: str) -> list[str]:
    """`indexer/store.py` -> [indexer, store]; a file that stands for its folder is the folder."""
    pure = PurePosixPath(path)
    stem = pure.name.partition(".")[0]
    return [*pure.parent.parts, *([] if stem in _INDEX else [stem])]


def module_of(imported: Reference, path: str) -> list[str]:
    """The parts of the module that an import in the file at `path` names, from the root where that is clear."""
    folder = list(PurePosixPath(path).parent.parts)
    qualifier = imported.qualifier
    parts = [part for part in re.split(r"[./\\:]+", qualifier) if part not in ("", "crate")]
    if parts and parts[-1] in _SUFFIXES:
        parts.pop()
    if qualifier.startswith("."):
        dots = len(qualifier) - len(qualifier.lstrip("."))
        up = qualifier.split("/").count("..") if "/" in qualifier else dots - 1
        parts = folder[: max(0, len(folder) - up)] + parts
    elif "." in imported.name:  # a file beside this one: `#include "pool.h"`
        parts = folder + parts
    return parts


class Modules:
    """Which modules belong to this codebase. Lookups are cached, for one query."""

    def __init__(self, snapshot: Snapshot, root: str) -> None:
        """`root`: the name of the codebase's folder, which some imports begin with."""
        self._snapshot, self._root = snapshot, root
        self._is_indexed: dict[str, bool] = {}
        self._manifests = Manifests(snapshot)
        self._importer: str | None = None
        self._packages: dict[str, str] = {}

    def seen_from(self, path: str) -> "Modules":
        """The same for the imports of one file: the names of a `tsconfig.json` hold in its folder."""
        other = copy.copy(self)
        other._importer = path
        return other

    def may_export(self, imported: Reference, path: str) -> bool:
        """Whether an import may bring a name that the file at `path` defines: from it, or from one that re-exports it.

        Any module of this codebase that exports the name has it from there, for it is defined only once.
        """
        known = self.brings(imported, path)
        if known is not None:
            return known
        parts = _parts(imported.qualifier)
        if not parts or parts[-1] in _TOP or parts[-1] in parts_of(path):
            return True
        return self._is_internal(parts, is_relative=imported.qualifier.startswith("."))

    def is_module(self, imported: Reference, path: str) -> bool:
        """Whether what is imported is itself the module at `path`, or another of this codebase."""
        known = self.brings(imported, path)
        if known is not None:
            return known
        module = _parts(imported.qualifier)
        if language_of(path).name in _NAMESPACES and module and parts_of(path)[-len(module) :] == module:
            return True  # `import * as tone from "./tone"`
        parts = [*module, imported.name]
        is_relative = imported.qualifier.startswith(".")
        return imported.name in parts_of(path) or self._is_internal(parts, is_relative=is_relative)

    def brings(self, imported: Reference, path: str) -> bool | None:
        """Whether an import names the package of the file at `path`, something in it, or what may re-export it.

        None if neither a manifest nor a `package` line tells.
        """
        language = language_of(path).name
        if is_imported_by_line(language):
            return _names_package(imported, self.package(path))
        if language == "go":
            found = self.places(imported, language)
            return None if found is None else folder_of(path) in found
        located = self.located(imported.qualifier, language)
        if not located and language == "rust" and imported.qualifier.partition("::")[0] in parts_of(path):
            return None  # a module beside, or a crate of that name
        return None if located is None else bool(located)

    def is_undeclared(self, imported: Reference, path: str) -> bool:
        """Whether no manifest tells what a module is, though there are some: a build tool may give it that name."""
        system = ECOSYSTEMS.get(language_of(path).name)
        if system is None or system.manifest != "package.json" or imported.qualifier.startswith("."):
            return False
        return any(self._manifests.named(system)) and self.brings(imported, path) is None

    def is_unknown(self, imported: Reference, path: str) -> bool:
        """Whether a name from a module of this codebase is defined nowhere: it may be the module at `path`, renamed."""
        if not imported.qualifier or imported.is_default or imported.name == "*":
            return False
        named = self._snapshot.named([imported.name])
        return self.may_export(imported, path) and not any(item.symbol.name == imported.name for item in named)

    def gives_all(self, module: Sequence[str]) -> bool:
        """Whether a script gives on all that another one exports."""
        places = ("/".join([*module, *index]) for index in ((), ("index",)))
        paths = [f"{place}{suffix}" for place in places for suffix in (".ts", ".tsx", ".js", ".mjs")]
        return any("export *" in self._snapshot.lines(path, 1, _LINES) for path in paths)

    def signatures(self, name: str) -> list[str]:
        """Of the types with a name."""
        named = self._snapshot.named([name])
        return [item.symbol.signature for item in named if item.symbol.name == name and item.symbol.kind in _TYPES]

    def package(self, path: str) -> str:
        """The package that the file at `path` says it is in; "" if it says none."""
        if path not in self._packages:
            self._packages[path] = package_of(self._snapshot.lines(path, 1, _LINES), language_of(path).name)
        return self._packages[path]

    def shares_package(self, source: SourceFile, path: str) -> bool | None:
        """Whether a file is in the package of the file at `path`; None in a language where that brings no names."""
        if source.language == "go":
            return folder_of(source.path) == folder_of(path)
        if not is_imported_by_line(source.language):
            return None
        return package_of(source.text, source.language) == self.package(path)

    def located(self, module: str, language: str) -> list[str] | None:
        """The folders of the packages that a module belongs to; none of one from elsewhere; None: no manifest tells."""
        found = self._manifests.located(module, language, self._importer)
        return None if found is None else [folder for folder, _ in found]

    def places(self, imported: Reference, language: str) -> list[str] | None:
        """The files or folders, without suffix, that the whole name of an import means by the manifests."""
        separator = ECOSYSTEMS[language].separator if language in ECOSYSTEMS else "/"
        whole = f"{imported.qualifier}{separator}{imported.name}" if imported.qualifier else imported.name
        found = self._manifests.located(whole, language, self._importer)
        return None if found is None else ["/".join(filter(None, (folder, *rest))) for folder, rest in found]

    def own_names(self, path: str) -> list[str]:
        """The names that manifests give to the very file, under which imports may bring it."""
        system = ECOSYSTEMS.get(language_of(path).name)
        names = self._manifests.named(system)[0] if system and system.also else {}
        return [name for name, named in names.items() if any(to and is_place(to, path) for _, to in named)]

    def may_be_at(self, imported: Reference, language: str, path: str) -> bool:
        """Whether an import that no manifest tells may be of the file at `path` by the end of its name.

        A build tool may give any folder a name: `@/util`, `#util`.
        """
        system, qualifier = ECOSYSTEMS.get(language), imported.qualifier
        if system is None or not system.also or qualifier.startswith(".") or imported.name.startswith("."):
            return False
        if self.places(imported, language) is not None:
            return False
        for written in (qualifier, f"{qualifier}/{imported.name}".strip("/")):
            first, *rest = parts_of(written) or [""]
            end = rest or [first.strip("@#~$")]
            if parts_of(path)[-len(end) :] == end:
                return True
        return False

    def is_at(self, name: str, path: str) -> bool:
        """Whether a name that stands before another is a module that the file at `path` belongs to."""
        found = self.located(name, language_of(path).name)
        is_located = any(is_below(path, folder) for folder in found or ())
        return is_located or name in parts_of(path) or (path.endswith(".go") and name == self.package(path))

    def has_constant(self, name: str) -> bool:
        found = self._snapshot.named([name])
        return any(item.symbol.name == name and item.symbol.kind == "constant" for item in found)

    def _is_internal(self, parts: Sequence[str], *, is_relative: bool) -> bool:
        inside = parts[1:] if parts[0] == self._root else parts
        if not inside:
            return True
        path = "/".join(inside[-1:] if is_relative else inside)
        if path not in self._is_indexed:
            self._is_indexed[path] = re.search(r"[*?\[]", path) is None and self._snapshot.has_module(path)
        return self._is_indexed[path]


def _names_package(imported: Reference, package: str) -> bool:
    """Whether an import is of a package, of something in it, or of something in one of its classes."""
    module = dotted(imported.qualifier)
    if not package:  # only its own files see it
        return not module
    is_in_class = re.match(r"\.[A-Z]", module.removeprefix(package)) if module.startswith(package) else None
    return is_of(imported, package) or module == package or (is_in_class is not None and "\\" not in imported.qualifier)


def is_of(imported: Reference, package: str) -> bool:
    """Whether an import is of a package itself, as `import shop.*` is."""
    return package == dotted(f"{imported.qualifier}.{imported.name}")


def dotted(module: str) -> str:
    return module.replace("\\", ".").strip(".")


def imports_target(imported: Reference, path: str, query: StructuralQuery, defined_in: str, modules: Modules) -> bool:
    """Whether an import in the file at `path` brings what the query names: a name, a module or a file.

    `defined_in`: the file that defines the name; "" if no definition is indexed.
    """
    module = module_of(imported, path)
    full = [*module, imported.name.partition(".")[0]]
    if defined_in:
        is_file = not is_imported_by_line(language_of(defined_in).name)  # else the type in a file has its name
        is_module = is_file and parts_of(defined_in)[-len(full) :] == full
        return imported.name == query.last and not is_module and modules.may_export(imported, defined_in)
    wanted = parts_of(query.name) if query.is_path else query.name.split(".")
    if module[-1:] == ["index"] and language_of(path).name in _NAMESPACES:
        module.pop()
    size = len(wanted)
    if wanted in (full[-size:], module[-size:]) or (not query.is_path and full[:size] == wanted):
        return True
    if not query.is_path:
        return False
    language, folder = language_of(path).name, folder_of(path)
    beside = [f"{folder}/{'/'.join(full)}".strip("/")] if language == "rust" else []
    return any(is_place(place, query.name) for place in [*beside, *(modules.places(imported, language) or ())])


def is_place(place: str, path: str) -> bool:
    """Whether a place by a manifest, or the module around it, is the file at the end of a path. `src` is in no name."""
    wanted, parts = ([part for part in parts_of(each) if part != "src"] for each in (path, f"{place}.x"))
    size = len(wanted)
    return bool(wanted) and wanted in (parts[-size:], parts[:-1][-size:])


def _parts(qualifier: str) -> list[str]:
    return [part for part in re.split(r"[./\\:@]+", qualifier) if part and part not in _SUFFIXES]
