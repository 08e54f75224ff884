"""The names that the manifests of a codebase give to folders and files, and what they say is from elsewhere."""

import posixpath
import re
from collections.abc import Sequence

from indexer.parsing.packages import ECOSYSTEMS, Ecosystem, compiler_paths
from indexer.storage.snapshot import Snapshot

_FROM_AFAR = re.compile(r"\w+://|(?:npm|jsr|node|bun):")
_MANIFESTS = 300  # of one kind that are read
_LINES = 3000  # of a manifest
Names = dict[str, list[tuple[str, str]]]  # name -> the folder where it holds, and the folder or file that it means


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


class Manifests:
    """What all manifests say. Each kind is read once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._named: dict[str, tuple[Names, set[str]]] = {}

    def located(self, module: str, language: str, importer: str | None) -> list[tuple[str, list[str]]] | None:
        """The folder of each package that a module belongs to, with the rest of its name.

        `importer`: the file that imports it; None for any. None if no manifest tells.
        """
        system = ECOSYSTEMS.get(language)
        if system is None or module.startswith((".", "/")):
            return None
        if _FROM_AFAR.match(module):
            return []
        names, dependencies = self.named(system)
        parts = module.split(system.separator)
        for size in range(len(parts), 0, -1):
            if folders := _nearest(names.get(system.separator.join(parts[:size]), ()), importer):
                return [(folder, parts[size:]) for folder in folders]
        is_elsewhere = any(system.separator.join(parts[:size]) in dependencies for size in (1, 2))
        return [] if is_elsewhere or (system.is_closed and names) else None

    def named(self, system: Ecosystem) -> tuple[Names, set[str]]:
        """The names that all manifests of a kind give, and the modules from elsewhere."""
        if system.manifest not in self._named:
            names: Names = {}
            dependencies: set[str] = set()
            for path in self._snapshot.files_called(system.manifest, _MANIFESTS):
                manifest = system.read(self._snapshot.lines(path, 1, _LINES))
                dependencies |= manifest.dependencies
                for name, folder in manifest.names.items():
                    scope = folder_of(path) if name.startswith("#") else ""  # of Node's: the package's own
                    names.setdefault(name, []).append((scope, _joined(folder_of(path), folder)))
            for path in (each for file in system.also for each in self._snapshot.files_called(file, _MANIFESTS)):
                for name, folder in compiler_paths(self._snapshot.lines(path, 1, _LINES)):
                    names.setdefault(name, []).append((folder_of(path), _joined(folder_of(path), folder)))
            self._named[system.manifest] = names, dependencies - names.keys()
        return self._named[system.manifest]


def _nearest(named: Sequence[tuple[str, str]], importer: str | None) -> list[str]:
    """The folders that a name means in the file that imports it: those of the innermost manifest."""
    if importer is None:
        return [folder for _, folder in named]
    inside = [(scope, folder) for scope, folder in named if is_below(importer, scope)]
    longest = max((len(scope) for scope, _ in inside), default=0)
    return [folder for scope, folder in inside if len(scope) == longest]


def _joined(folder: str, place: str) -> str:
    whole = posixpath.normpath(posixpath.join(folder, place))
    return "" if whole == "." else whole
