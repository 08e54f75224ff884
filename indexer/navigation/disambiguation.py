"""Which of several files that define one name the references of another file mean.

Goes by that file's imports and by its folder. Gives no file when it is unsure.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from indexer.navigation.modules import module_of, parts_of
from indexer.navigation.resolution import head_of
from indexer.parsing.references import Reference
from indexer.types import SourceFile


class Disambiguator:
    """For the references of one file. If only one file defines the name, every reference means that one."""

    def __init__(self, paths: Sequence[str], source: SourceFile, refs: Sequence[Reference]) -> None:
        """`paths`: the files that define the name. `refs`: those of `source`, with its imports."""
        self._paths, self._own_path = list(dict.fromkeys(paths)), source.path
        self._imports = [ref for ref in refs if ref.kind == "import"]
        self._by_local: dict[str, list[Reference]] = {}
        for ref in self._imports:
            self._by_local.setdefault(ref.local, []).append(ref)

    def file_of(self, ref: Reference) -> str:
        """A path; "" if it may be any of them."""
        if len(self._paths) == 1:
            return self._paths[0]
        head = head_of(ref)
        if imported := self._by_local.get(head or ref.name):
            return self.imported_file(imported)
        if self._own_path in self._paths:
            return self._own_path
        folder = PurePosixPath(self._own_path).parent
        by_name = [path for path in self._paths if head in parts_of(path)]
        beside = [path for path in self._paths if PurePosixPath(path).parent == folder]
        for found in (by_name, beside):  # a folder is a package in Go and Java
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

    def _fit(self, imported: Reference, path: str) -> int:
        """How many last parts the imported module, or name in it, shares with the file or its folder."""
        module = module_of(imported, self._own_path)
        name, parts = [*module, imported.name.partition(".")[0]], parts_of(path)
        return max(_common_suffix(a, b) for a in (module, name) for b in (parts, parts[:-1]))


def _common_suffix(left: Sequence[str], right: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(left), reversed(right), strict=False):
        if a != b:
            break
        count += 1
    return count
