"""Names of modules in imports, and the files of a codebase that they mean. Knows paths and names, no code."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from indexer.files.languages import LANGUAGES
from indexer.navigation.intent import StructuralQuery
from indexer.parsing.references import Reference
from indexer.storage.snapshot import Snapshot

_TOP = frozenset({"crate", "self", "super", ""})
_INDEX = frozenset({"__init__", "index", "mod", "lib"})  # files that stand for their folder
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
        up = qualifier.count("../") if "/" in qualifier else dots - 1
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

    def may_export(self, imported: Reference, path: str) -> bool:
        """Whether an import may bring a name that the file at `path` defines: from it, or from one that re-exports it.

        Any module of this codebase that exports the name has it from there, for it is defined only once.
        """
        parts = _parts(imported.qualifier)
        if not parts or parts[-1] in _TOP or parts[-1] in parts_of(path):
            return True
        return self._is_internal(parts, is_relative=imported.qualifier.startswith("."))

    def is_module(self, imported: Reference, path: str) -> bool:
        """Whether what is imported is itself the module at `path`, or another of this codebase."""
        parts = [*_parts(imported.qualifier), imported.name]
        is_relative = imported.qualifier.startswith(".")
        return imported.name in parts_of(path) or self._is_internal(parts, is_relative=is_relative)

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


def imports_target(imported: Reference, path: str, query: StructuralQuery, defined_in: str, modules: Modules) -> bool:
    """Whether an import in the file at `path` brings what the query names: a name, a module or a file.

    `defined_in`: the file that defines the name; "" if no definition is indexed.
    """
    module = module_of(imported, path)
    full = [*module, imported.name.partition(".")[0]]
    if defined_in:
        is_module = parts_of(defined_in)[-len(full) :] == full
        return imported.name == query.last and not is_module and modules.may_export(imported, defined_in)
    wanted = parts_of(query.name) if query.is_path else query.name.split(".")
    size = len(wanted)
    return wanted in (full[-size:], module[-size:]) or (not query.is_path and full[:size] == wanted)


def _parts(qualifier: str) -> list[str]:
    return [part for part in re.split(r"[./\\:@]+", qualifier) if part and part not in _SUFFIXES]
