"""Structural questions answered with exact lines, without any model: one function for each kind of question.

Gives no answer when it is unsure, or when nothing is found. Does not know how an answer is worded.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from indexer.files.secrets.masking import mask
from indexer.navigation.definitions import list_definitions, list_members
from indexer.navigation.entrypoints import list_commands, list_routes
from indexer.navigation.intent import QueryKind, StructuralQuery
from indexer.navigation.locations import Location
from indexer.navigation.modules import Modules
from indexer.navigation.navigator import Navigator
from indexer.navigation.usages import list_calls, list_imports, list_subtypes, list_tests, list_uses
from indexer.navigation.working_tree import WorkingTree
from indexer.parsing import references
from indexer.storage.store import Store
from indexer.types import Hit

_ANSWERS: dict[QueryKind, Callable[[Navigator], list[Location]]] = {
    "definition": list_definitions,
    "signature": list_definitions,
    "calls": list_calls,
    "uses": list_uses,
    "imports": list_imports,
    "subclasses": list_subtypes,
    "tests": list_tests,
    "outline": list_members,
    "routes": list_routes,
    "commands": list_commands,
}
_SHOWING_DEFINITIONS = frozenset({"definition", "signature", "outline"})
_LOCATIONS = 200
_CHARACTERS = 6000  # of the code that comes with the locations: about 1,500 tokens in a later prompt


@dataclass(frozen=True, slots=True)
class StructuralAnswer:
    """An exact answer."""

    query: StructuralQuery
    locations: tuple[Location, ...]
    hits: tuple[Hit, ...]  # the code of the first locations
    is_complete: bool  # False: there may be more


def answer(query: StructuralQuery, store: Store) -> StructuralAnswer | None:
    """None when unsure. Reads files, for about 0.1 s at most. Raises NotIndexed, IndexDamaged, IndexStorage."""
    with store.read() as snapshot:
        load(snapshot.languages())
        files = WorkingTree(store.root, snapshot)
        navigator = Navigator(query, snapshot, files, Modules(snapshot, store.root.name))
        found = _ANSWERS[query.kind](navigator)
        if not found:
            return None
        whole, is_complete = query.kind in _SHOWING_DEFINITIONS, navigator.is_complete and len(found) <= _LOCATIONS
        return StructuralAnswer(query, *with_code(found[:_LOCATIONS], files, whole=whole), is_complete)


def load(languages: Iterable[str]) -> None:
    """Loads what reading and parsing need. A process does so once, and no question should run out of time for it."""
    mask("")
    for language in languages:
        references.load(language)


def with_code(
    locations: Sequence[Location], files: WorkingTree, *, whole: bool
) -> tuple[tuple[Location, ...], tuple[Hit, ...]]:
    """The locations with the hit that holds each, as long as the hits are short enough for a prompt."""
    hits: list[Hit] = []
    linked = []
    for location in locations:
        index = next((n for n, hit in enumerate(hits) if _holds(hit, location)), None)
        if index is None and sum(len(hit.text) for hit in hits) < _CHARACTERS:
            hit = files.hit(location.path, location.line, location.symbol, whole=whole)
            index = len(hits) if hit else None
            hits += [hit] if hit else []
        linked.append(replace(location, hit=index))
    return tuple(linked), tuple(hits)


def _holds(hit: Hit, location: Location) -> bool:
    return hit.path == location.path and hit.start_line <= location.line <= hit.end_line
