"""Other names under which files import a definition: exported under them, as a default, or re-exported so.

Goes by exports, imports and paths. Does not read files and does not search for them.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from indexer.files.languages import language_of
from indexer.navigation.names.import_paths import (
    Search,
    pattern_of_word,
    script_pattern_of,
    search_for,
    searches_for,
    stands_for_folder,
)
from indexer.navigation.names.modules import Modules, is_place, module_of, parts_of
from indexer.navigation.names.resolution import head_of
from indexer.parsing.references import Reference
from indexer.parsing.usage.exports import exports_of
from indexer.types import SourceFile

_MOST = 20  # of one definition
_SECONDS = 0.02  # for the exports of one file
_GIVEN_ON = frozenset({"python", "rust"})  # what a file imports under another name, others can import from it
_LOADED = re.compile(
    r"(=\s*(?:await\s+)?)?\b(?:require|import)\(\s*['\"`]([^'\"`\n]*)['\"`]\s*\)\s*\)?(\s*\.\s*default\b)?"
)
_ROOTS = frozenset({"@", "~", "#", "self", "super", "src"})  # how imports begin that are no relative paths


@dataclass(frozen=True, slots=True)
class Alias:
    """A name under which the file at `path` gives a definition to others."""

    path: str
    name: str  # "default": its default export

    @property
    def searches(self) -> list[Search]:
        """One of them finds each file that imports it: by the name, or by the path."""
        return searches_for(self.path) if self.name == "default" else [search_for(self.name)]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What is in every file that imports it; of a default export, an import of the path."""
        return script_pattern_of(self.path) if self.name == "default" else pattern_of_word(self.name)

    def is_brought_by(self, imported: Reference, path: str, modules: Modules) -> bool:
        """Whether an import in the file at `path` brings it."""
        named = imported.name == self.name or (self.name == "default" and imported.is_default)
        if not named or imported.kind != "import":
            return False
        places = modules.seen_from(path).places(imported, language_of(path).name) or ()
        is_place_of = any(is_place(place, self.path) for place in places)
        return is_place_of or self.path_is(module_of(imported, path), imported.qualifier)

    def path_is(self, module: Sequence[str], written: str) -> bool:
        """Whether a module, with its parts and as it is written, is the file."""
        if written.startswith("."):
            folder, _, name = self.path.rpartition("/")
            outer, stem = folder.split("/") if folder else [], name.partition(".")[0]
            return list(module) == [*outer, stem] or (stands_for_folder(self.path) and list(module) == outer)
        parts = [part for part in module if part not in _ROOTS]
        if parts and parts[-1] == "index":
            parts.pop()
        own = [part for part in parts_of(self.path) if part not in _ROOTS]
        return bool(parts) and own[-len(parts) :] == parts

    def references(self, path: str, refs: Sequence[Reference], modules: Modules) -> list[Reference]:
        """The references of a file that mean it, by names that the file imports from there, or from that module."""
        names = {ref.local for ref in refs if self.is_brought_by(ref, path, modules)}
        names |= {self.name} if any(self.comes_with(ref, path) for ref in refs) else set()
        heads = {ref.local for ref in refs if ref.kind == "import" and self._is_module(ref, path)}
        return [
            ref
            for ref in refs
            if ref.kind not in ("import", "unclear")
            and not ref.is_local
            and (head_of(ref) in heads and ref.name == self.name if ref.qualifier else ref.name in names)
        ]

    def comes_with(self, imported: Reference, path: str) -> bool:
        """Whether an import in the file at `path` brings it with all that its module has: `from shop import *`."""
        is_all = imported.kind == "import" and imported.name == "*" and language_of(path).name in _GIVEN_ON
        return is_all and self.name[0] != "_" and self.path_is(module_of(imported, path), imported.qualifier)

    def may_be_unseen(self, source: SourceFile, refs: Sequence[Reference], modules: Modules) -> bool:
        """Whether a file may have it from a module that no manifest tells, or as a default without an own name.

        `import("./slug").then((m) => m.default())`
        """
        if self.name != "default":
            named = (ref for ref in refs if ref.kind == "import" and ref.name == self.name)
            return any(modules.seen_from(source.path).is_undeclared(ref, self.path) for ref in named)
        for assigned, written, default in _LOADED.findall(source.text):
            if (default or not assigned) and self.path_is(_module(written, source.path), written):
                return True
        spaces = {ref.local for ref in refs if ref.kind == "import" and self._is_module(ref, source.path)}
        return any(re.search(rf"(?<![\w$.]){re.escape(name)}\s*\.\s*default\b", source.text) for name in spaces)

    def _is_module(self, imported: Reference, path: str) -> bool:
        module = module_of(imported, path)
        written = imported.qualifier
        return any(self.path_is(parts, written) for parts in (module, [*module, imported.name]))


class Aliases:
    """The aliases of one definition, as they are found. Iterating gives each once, also those found meanwhile."""

    def __init__(self, path: str, name: str, modules: Modules) -> None:
        self._modules = modules
        self.root = Alias(path, name)
        self._found: dict[Alias, None] = {}

    def __iter__(self) -> Iterator[Alias]:
        at = 0
        while at < min(len(self._found), _MOST):
            yield list(self._found)[at]
            at += 1

    def note(self, source: SourceFile, refs: Sequence[Reference], arrived: Alias) -> None:
        """Adds the names under which a file gives on what it has, or gets by the alias `arrived`."""
        brought = [ref for ref in refs if arrived.is_brought_by(ref, source.path, self._modules)]
        names = {ref.local for ref in brought} | ({arrived.name} if source.path == arrived.path else set())
        given = {ref.alias for ref in brought if ref.alias and source.language in _GIVEN_ON}
        given |= {arrived.name} if any(arrived.comes_with(ref, source.path) for ref in refs) else set()
        if _may_rename(source.text, {*names, arrived.name}, is_alias=arrived != self.root):
            for export in exports_of(source.text, source.language, _SECONDS):
                if not export.module:
                    given |= {export.exported} if export.name in names else set()
                elif export.name in (arrived.name, "*") and arrived.path_is(
                    _module(export.module, source.path), export.module
                ):
                    given.add(arrived.name if export.name == "*" else export.exported)
        for name in sorted(given - {self.root.name}):
            if (name, source.path) != (arrived.name, arrived.path):
                self._found.setdefault(Alias(source.path, name))


def _may_rename(text: str, names: Collection[str], *, is_alias: bool) -> bool:
    """Whether a module may export one of the names under another one; spares most modules the parsing."""
    either = "|".join(map(re.escape, names))
    as_other = rf"(?<![\w$])(?:{either})\s+as\s|[=:]\s*(?:{either})\s*[,;}}\n]"
    as_default = rf"|\bexport\s+default\s[^\n]{{0,400}}\b(?:{either})\b"
    given_on = r"|\bexport\s*[*{]" if is_alias else ""
    return "export" in text and re.search(as_other + as_default + given_on, text) is not None


def _module(written: str, path: str) -> list[str]:
    return module_of(Reference("", "import", 0, "", written), path)
