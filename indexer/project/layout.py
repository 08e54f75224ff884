"""The folders of a codebase, the languages of its files, and the overview of what its own files say."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from indexer.files.languages import language_of
from indexer.files.roles import is_test
from indexer.navigation.locations import Location
from indexer.project.commands import commands
from indexer.project.facts import FINDERS, short
from indexer.project.questions import ProjectKind, ProjectQuery
from indexer.project.tree import ProjectTree

_FOLDERS = 12
_LANGUAGES = 3  # of a folder
_FACTS = 3  # of one kind
_LOOKED_AT = 20  # files of a folder, until one is there
_KINDS: tuple[ProjectKind, ...] = (
    "purpose", "licence", "version", "name", "dependencies", "entry points", "authors", "links",
)  # fmt: skip
_TASKS = ("setup", "build", "test", "lint", "run", "docs")


@dataclass(frozen=True, slots=True)
class Overview:
    """What a project is, from its own files as they are now."""

    name: str
    languages: tuple[tuple[str, int], ...]  # with the number of files, most first
    facts: tuple[tuple[str, Location], ...]  # kind of fact or task; where it stands, and what


def folders(tree: ProjectTree) -> Iterator[Location]:
    """The folders of the root, those with most files first, each with a file of it."""
    by_folder: dict[str, list[str]] = {}
    for path in tree.paths:
        folder, slash, _ = path.partition("/")
        if slash and not folder.startswith("."):
            by_folder.setdefault(folder, []).append(path)
    largest = sorted(by_folder.items(), key=lambda item: (-len(item[1]), item[0]))
    for folder, paths in largest[:_FOLDERS]:
        named = Counter(language_of(path).name for path in paths).most_common(_LANGUAGES)
        languages = ", ".join(f"{count} {language}" for language, count in named)
        ranked = sorted(
            paths, key=lambda path: (path.count("/"), not path.rpartition("/")[2].startswith("__init__"), path)
        )
        first = next(filter(tree.has, ranked[:_LOOKED_AT]), None)
        if first:
            yield Location(first, 1, f"{folder}/", "folder", f"{_files(len(paths))}: {languages}")


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def overview(tree: ProjectTree) -> Overview:
    """Reads the manifests and guides once."""
    counted = Counter(language_of(path).name for path in tree.paths if not is_test(path)).most_common()
    facts: list[tuple[str, Location]] = []
    for kind in _KINDS:
        facts += [(kind, found) for found in _first(tree, FINDERS[kind](tree, ProjectQuery(kind)))]
    for task in _TASKS:
        facts += [(task, found) for found in _first(tree, commands(tree, ProjectQuery("command", task)))]
    facts += [("layout", found) for found in folders(tree)]
    return Overview(tree.name, tuple(counted), tuple(facts))


def _first(tree: ProjectTree, found: Iterable[Location]) -> list[Location]:
    """The first ones whose files are still there."""
    there = (location for location in found if tree.has(location.path))
    return [replace(location, text=short(location.text)) for location in islice(there, _FACTS)]
