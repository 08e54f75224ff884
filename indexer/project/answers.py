"""Questions about the project answered with the lines of its own files, without any model.

Gives no answer to a question that names something else, or where nothing is found. Does not know how an answer is
worded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from indexer.navigation.locations import Location
from indexer.navigation.structural_answers import load, with_code
from indexer.navigation.working_tree import WorkingTree
from indexer.project.commands import commands
from indexer.project.environment import environment_variables
from indexer.project.facts import FINDERS
from indexer.project.keys import ALIASES
from indexer.project.layout import Overview, folders, overview
from indexer.project.listings import ListQuery, find_lists, parse_list_query
from indexer.project.questions import ProjectQuery, parse_project_query
from indexer.project.settings import SettingQuery, parse_setting_query
from indexer.project.tree import ProjectTree
from indexer.project.value_answers import find_values
from indexer.storage.store import Store
from indexer.types import Hit

Query = ProjectQuery | SettingQuery | ListQuery

_BEGINNINGS = frozenset({"purpose", "layout", "tools"})
_SERVED = frozenset({"server", "service", "app", "application", "website", "site", "daemon", "api"})
_LOCATIONS = 10
_PER_FILE = 4
_VARIABLES = 24  # whose names are listed


@dataclass(frozen=True, slots=True)
class ProjectAnswer:
    """An answer from the files that describe the project."""

    query: Query
    locations: tuple[Location, ...]  # best first
    hits: tuple[Hit, ...]  # the code of the first locations

    @property
    def is_whole(self) -> bool:
        """False: it is only where an answer begins. A value, or the version of what is no known platform, is found by
        its words alone; a purpose needs more words."""
        if not isinstance(self.query, ProjectQuery) or self.query.kind in _BEGINNINGS:
            return False
        return self.query.kind != "runtime" or not ALIASES.keys().isdisjoint(self.query.thing.split(" "))


def parse_project_question(question: str) -> Query | None:
    """None for a question that is neither about the project nor for a value or a list."""
    return parse_project_query(question) or parse_setting_query(question) or parse_list_query(question)


def answer_about_project(query: Query, store: Store) -> ProjectAnswer | None:
    """None where nothing is found. Reads a few files. Raises NotIndexed, IndexDamaged, IndexStorage."""
    with store.read() as snapshot:
        load(snapshot.languages())
        files = WorkingTree(store.root, snapshot)
        tree = ProjectTree(files, snapshot, store.root.name)
        if not isinstance(query, ProjectQuery):
            return _listed(query, tree)
        is_started = query.thing in ("run", "start") and query.owner in _SERVED
        is_own = not query.owner or query.owner in tree.names() or is_started
        if not is_own and query.thing == "run":  # a script or a tool: "How do I run clippy?"
            query, is_own = replace(query, thing=query.owner), True
        found = _answer(query, _found(tree, query), tree) if is_own else None
        other = None if found else parse_setting_query(query.text) or parse_list_query(query.text)
        return _listed(other, tree) if other else found


def _answer(query: Query, locations: Sequence[Location], tree: ProjectTree) -> ProjectAnswer | None:
    hits: list[Hit] = []
    linked = with_code(locations, hits, tree.files, whole=False)
    shown = tuple(location for location in linked if location.hit is not None)  # the others' files are gone
    return ProjectAnswer(query, shown, tuple(hits)) if shown else None


def _listed(query: SettingQuery | ListQuery, tree: ProjectTree) -> ProjectAnswer | None:
    found = find_values(query, tree.snapshot) if isinstance(query, SettingQuery) else find_lists(query, tree.snapshot)
    found = [location for location in found if tree.still_has(location)]
    if not found and isinstance(query, SettingQuery) and query.measure == "variable":
        found = _found(tree, ProjectQuery("environment"))
    return _answer(query, found, tree)


def overview_of(store: Store) -> Overview:
    """Reads a few files. Raises NotIndexed, IndexDamaged, IndexStorage."""
    with store.read() as snapshot:
        return overview(ProjectTree(WorkingTree(store.root, snapshot), snapshot, store.root.name))


def _find(tree: ProjectTree, query: ProjectQuery) -> Iterable[Location]:
    if query.kind == "layout":
        return folders(tree)
    if query.kind == "environment":
        return environment_variables(tree)
    return commands(tree, query) if query.kind in ("command", "install") else FINDERS[query.kind](tree, query)


def _found(tree: ProjectTree, query: ProjectQuery) -> list[Location]:
    locations = list(_find(tree, query))
    shown = _spread(locations)
    if query.kind != "environment" or len(shown) == len(locations):
        return shown
    names = ", ".join(location.symbol for location in locations[:_VARIABLES])  # all of them first
    count = f"{_VARIABLES} of " * (len(locations) > _VARIABLES) + str(len(locations))
    return [replace(shown[0], symbol=f"{count} environment variables", kind="list", text=names), *shown[1:]]


def _spread(locations: Iterable[Location]) -> list[Location]:
    """The first ones, each line once, and at most a few of each file."""
    chosen: dict[tuple[str, int], Location] = {}
    for location in locations:
        same_file = [path for path, _ in chosen if path == location.path]
        if len(same_file) < _PER_FILE and len(chosen) < _LOCATIONS:
            chosen.setdefault((location.path, location.line), location)
    return list(chosen.values())
