"""Which of several files that define one name the references of another file mean.

Goes by that file's imports, its package and its folder. Gives no file when it is unsure.
"""

import re
from collections.abc import Collection, Sequence

from indexer.navigation.names.manifests import folder_of, is_below
from indexer.navigation.names.modules import Modules, dotted, is_of, is_place, module_of, parts_of
from indexer.navigation.names.resolution import head_of
from indexer.parsing.references import Reference
from indexer.types import SourceFile

_WHOLESALE = frozenset({"java", "kotlin", "scala"})  # an import of a package brings all its names
_SURE, _LOCATED = 1000, 500  # how well an import fits a file in its package; below: how many parts of their names agree


class Disambiguator:
    """For the references of one file."""

    def __init__(
        self,
        paths: Sequence[str],
        source: SourceFile,
        refs: Sequence[Reference],
        modules: Modules,
        not_bare: Collection[str] = (),
        scopes: Collection[str] = (),
    ) -> None:
        """`paths`: the files that define the name; `not_bare`: those where it has an object. `refs`: with imports.

        `scopes`: what the definitions are in.
        """
        self._opened = _opened(source, scopes)
        self._is_own_bare = source.path in paths and source.path not in not_bare
        self._paths, self._source, self._modules = list(dict.fromkeys(paths)), source, modules.seen_from(source.path)
        self._imports = [ref for ref in refs if ref.kind == "import"]
        self._shared: dict[str, bool | None] = {}
        self._by_local: dict[str, list[Reference]] = {}
        for ref in self._imports:
            self._by_local.setdefault(ref.local, []).append(ref)

    def file_of(self, ref: Reference) -> str:
        """A path; "" if it may be any of them."""
        if len(self._paths) == 1:
            return self._paths[0]
        head = head_of(ref)
        if not head and (self._opened & {"", ref.name}):
            return ""
        if imported := [] if ref.is_local else self._by_local.get(head or ref.name):
            is_own_too = not head and self._is_own_bare  # one of them is in a scope of its own
            return "" if is_own_too else self.imported_file(imported)
        if self._is_own_bare or (head and self._source.path in self._paths):
            return self._source.path
        folder = folder_of(self._source.path)
        by_name = [path for path in self._paths if head in parts_of(path)]
        in_package = [path for path in self._paths if self._shares_package(path)]
        beside = [path for path in self._paths if folder_of(path) == folder]
        for found in (by_name, in_package, beside):
            if found:
                return found[0] if len(found) == 1 else ""
        return self.imported_file(self._imports)

    def imported_file(self, imports: Sequence[Reference]) -> str:
        """The file that fits one of the imports better than every other file does; "" if there is none."""
        if len(self._paths) == 1:
            return self._paths[0]
        fits = {path: max((self._fit(item, path) for item in imports), default=0) for path in self._paths}
        most = max(fits.values(), default=0)
        best = [path for path, fit in fits.items() if fit and fit == most]
        return best[0] if len(best) == 1 else ""

    def is_out_of_sight(self, ref: Reference, path: str) -> bool:
        """Whether a name outside classes in the file at `path` cannot be meant, because its package is not imported."""
        if self._shares_package(path) is not False:
            return False
        package, head = self._modules.package(path), head_of(ref)
        if path.endswith(".php") and not package:  # functions of no namespace are seen everywhere
            return False
        bringing = [item for item in self._imports if self._modules.brings(item, path) is not False]
        if head:
            return dotted(ref.qualifier) != package and not any(
                head in (item.local, item.name) or (head == package and not item.alias) for item in bringing
            )
        return not any(
            item.local in (ref.name, "*", ".") or (is_of(item, package) and self._source.language in _WHOLESALE)
            for item in bringing
        )

    def _shares_package(self, path: str) -> bool | None:
        if path not in self._shared:
            self._shared[path] = self._modules.shares_package(self._source, path)
        return self._shared[path]

    def _fit(self, imported: Reference, path: str) -> int:
        """How many last parts the imported module, or name in it, shares with the file or its folder."""
        module = module_of(imported, self._source.path)
        name, parts = [*module, imported.name.partition(".")[0]], parts_of(path)
        shared = max(_common_suffix(a, b) for a in (module, name) for b in (parts, parts[:-1]))
        located = self._modules.located(imported.qualifier, self._source.language)
        if self._source.language != "go" and located:
            is_there = any(is_below(path, folder) or is_place(folder, path) for folder in located)
            return _LOCATED + shared if is_there else 0
        brings = self._modules.brings(imported, path)
        return shared if brings is None else (_SURE + shared) * brings


def _opened(source: SourceFile, scopes: Collection[str]) -> set[str]:
    """The names that a file of C++ has from one of some namespaces, beside what else has them; "" for all names."""
    last = "|".join({re.escape(scope.rpartition(".")[2]) for scope in scopes} - {""})
    if source.language != "cpp" or not last:
        return set()
    whole = re.search(rf"\busing\s+namespace\s+(?:\w+::)*(?:{last})\s*;", source.text)
    single = re.findall(rf"\busing\s+(?:\w+::)*(?:{last})::(\w+)\s*;", source.text)
    return {*single, *([""] if whole else [])}


def _common_suffix(left: Sequence[str], right: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(left), reversed(right), strict=False):
        if a != b:
            break
        count += 1
    return count
