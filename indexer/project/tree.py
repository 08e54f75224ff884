"""The files of a codebase that say what it is: manifests, task files, readmes, ... and their entries, as on
disk now."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from indexer.files.roles import Role, is_test, role_of
from indexer.navigation.locations import Location
from indexer.navigation.working_tree import WorkingTree
from indexer.parsing.manifests.entries import entries
from indexer.parsing.manifests.entry import Entry
from indexer.project.documents import Section, sections
from indexer.storage.snapshot import IndexedSymbol, Snapshot

_FILES = 24  # of one role that are read
_PAGES = 3
_OPENING = re.compile(
    r"(?:docs?|documentation|website|site)/(?:[\w-]+/)?(?:index|introduction|installation|readme)\.(?:md|rst|mdx)"
)
# A manifest below these tells of them, not of the project.
_ASIDE = frozenset({"docs", "doc", "website", "site", "deps", "external", "extern", "contrib", "templates", "template"})
_MEMBER = 2  # rank of a manifest that is not the project's own
_NAME_KEYS = frozenset({
    "name", "project.name", "package.name", "tool.poetry.name", "metadata.name", "project.artifactid", "module",
    "rootproject.name", "project",
})  # fmt: skip
_DEPTH = 3  # folders above a file that is read
_EXAMPLES = frozenset({"examples", "example", "vendor", "third_party", "node_modules", "benchmarks", "fixtures"})


@dataclass(slots=True)
class ProjectTree:
    """The files by role. Those nearer to the root come first."""

    files: WorkingTree
    snapshot: Snapshot
    name: str  # of the folder
    paths: list[str] = field(default_factory=list)
    _own_names: frozenset[str] = frozenset()  # of its folder, in lower case
    _by_role: dict[Role, list[str]] = field(default_factory=dict)
    _entries: dict[str, tuple[Entry, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paths = self.snapshot.paths()
        self._own_names = frozenset([self.name.lower(), *re.split(r"[+.-]", self.name.lower())])
        for path in sorted(self.paths, key=lambda path: (path.count("/"), path)):
            role, folders = role_of(path), path.lower().split("/")[:-1]
            others = _EXAMPLES | _ASIDE if role in ("manifest", "configuration") else _EXAMPLES
            if len(folders) <= _DEPTH and not is_test(path) and others.isdisjoint(folders):
                self._by_role.setdefault(role, []).append(path)

    def of_role(self, *roles: Role) -> list[str]:
        """Nearest to the root first."""
        found = sorted((path for role in roles for path in self._by_role.get(role, ())), key=self.rank)
        return found[:_FILES]

    def rank(self, path: str) -> tuple[int, int]:
        """0 for the files of the root, 1 for a member that has the name of the project or `app`, 2 for the others."""
        folders = path.lower().split("/")[:-1]
        is_main = bool(folders) and (folders[-1] in self._own_names or folders == ["app"])
        return (1 if is_main else 2) if folders and role_of(path) == "manifest" else 0, len(folders)

    def entries(self, path: str) -> tuple[Entry, ...]:
        if path not in self._entries:
            self._entries[path] = entries(path, self.text(path))
        return self._entries[path]

    def entries_of(self, *roles: Role) -> Iterator[tuple[str, Entry]]:
        for path in self.of_role(*roles):
            for entry in self.entries(path):
                yield path, entry

    def own_entries_of(self, *roles: Role) -> Iterator[tuple[str, Entry]]:
        """Without what its members say where its root has a manifest, and without the variables of `.env.example`."""
        has_manifest = any(self.rank(path)[0] == 0 for path in self.of_role("manifest"))
        for path, entry in self.entries_of(*roles):
            is_member = has_manifest and self.rank(path)[0] == _MEMBER
            if not is_member and not path.rpartition("/")[2].startswith(".env"):
                yield path, entry

    def text(self, path: str) -> str:
        """ "" if the file is gone."""
        source = self.files.source(path)
        return source.text if source else ""

    def has(self, path: str) -> bool:
        """Whether the file is still there."""
        return self.files.source(path) is not None

    def still_has(self, location: Location) -> bool:
        """False for what is in the index only: the file has changed since, and the line has."""
        source, indexed = self.files.source(location.path), self.snapshot.file(location.path)
        if source is None or (indexed is not None and source.sha == indexed.sha):
            return source is not None
        rows = source.text.split("\n")[location.line - 1 : max(location.line, location.end)]
        return " ".join(row.strip() for row in rows) == location.text

    def versions(self, names: Collection[str]) -> list[IndexedSymbol]:
        """The constants in code that tell the version of the project, nearest to the root first."""
        found = [item for item in self.snapshot.named(names) if item.symbol.kind == "constant" and self._is_own(item)]
        return sorted(found, key=lambda item: (item.path.count("/"), item.path))

    def _is_own(self, item: IndexedSymbol) -> bool:
        scope = item.symbol.qualified.rpartition(".")[0].lower()
        is_version_file = "version" in item.path.rpartition("/")[2].lower()
        return not is_test(item.path) and (not scope or is_version_file or scope in self._own_names)

    def sections(self, path: str) -> list[Section]:
        return sections(self.text(path))

    def opening_pages(self) -> list[str]:
        """The pages with which the documentation begins."""
        return [path for path in self.paths if _OPENING.fullmatch(path.lower())][:_PAGES]

    def names(self) -> set[str]:
        """What the project is called, in lower case: its folder and what its own manifests say, with no scope."""
        names = {self.name.lower(), self.name.lower().rpartition("+")[2]}
        for path, entry in self.entries_of("manifest"):
            if self.rank(path)[0] < _MEMBER and entry.key.lower() in _NAME_KEYS and not entry.is_table:
                value = entry.value.lower()
                value = value.split(" ")[0] if entry.key == "project" else value  # project(shop VERSION 1.2)
                names |= {value, value.rpartition("/")[2]}
        return names
