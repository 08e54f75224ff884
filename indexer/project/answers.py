"""Questions about the project answered with the lines of its own files, without any model.

Gives no answer to a question that names something else, or where nothing is found. Does not know how an answer is
worded.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from indexer.navigation.locations import Location
from indexer.navigation.structural_answers import load, with_code
from indexer.navigation.working_tree import WorkingTree
from indexer.project.commands import commands
from indexer.project.facts import FINDERS
from indexer.project.questions import ProjectQuery
from indexer.project.tree import ProjectTree
from indexer.storage.store import Store
from indexer.types import Hit

_LOCATIONS = 10
_PER_FILE = 4


@dataclass(frozen=True, slots=True)
class ProjectAnswer:
    """An answer from the files that describe the project."""

    query: ProjectQuery
    locations: tuple[Location, ...]  # best first
    hits: tuple[Hit, ...]  # the code of the first locations


def answer_about_project(query: ProjectQuery, store: Store) -> ProjectAnswer | None:
    """None where nothing is found. Reads a few files. Raises NotIndexed, IndexDamaged, IndexStorage."""
    with store.read() as snapshot:
        load(snapshot.languages())
        files = WorkingTree(store.root, snapshot)
        tree = ProjectTree(files, snapshot, store.root.name)
        if query.owner and query.owner not in tree.names():
            return None
        found = _spread(FINDERS.get(query.kind, commands)(tree, query))
        return ProjectAnswer(query, *with_code(found, files, whole=False)) if found else None


def _spread(locations: Iterable[Location]) -> list[Location]:
    """The first ones, each line once, and at most a few of each file."""
    chosen: dict[tuple[str, int], Location] = {}
    for location in locations:
        same_file = [path for path, _ in chosen if path == location.path]
        if len(same_file) < _PER_FILE and len(chosen) < _LOCATIONS:
            chosen.setdefault((location.path, location.line), location)
    return list(chosen.values())
