"""Structural questions answered with exact lines, without any model: one function for each kind of question.

Gives no answer when it is unsure, or when nothing is found. Does not know how an answer is worded.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from indexer.files.secrets.masking import mask
from indexer.navigation.definitions import CONTAINERS, list_commands, list_definitions, list_members, list_routes
from indexer.navigation.doubts import Doubt
from indexer.navigation.intent import QueryKind, StructuralQuery
from indexer.navigation.locations import Location, of_definition, of_reference, one_per_line
from indexer.navigation.names.modules import Modules
from indexer.navigation.navigator import Navigator
from indexer.navigation.subtypes import list_subtypes
from indexer.navigation.unparsed import MAX_DEFINITIONS
from indexer.navigation.usages import list_calls, list_imports, list_tests, list_uses
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
_OF_A_DEFINITION: dict[QueryKind, frozenset[str]] = {  # with the kinds of references that are listed
    "calls": frozenset({"call"}),
    "uses": frozenset({"call", "inherit", "use"}),
    "imports": frozenset({"import"}),
    "subclasses": frozenset({"inherit"}),
    "tests": frozenset({"call", "inherit", "use"}),
    "outline": frozenset(),
}
_LOCATIONS = 200
_CHARACTERS = 6000  # of the code that comes with the locations: about 1,500 tokens in a later prompt


@dataclass(frozen=True, slots=True)
class Group:
    """The locations for one definition."""

    definition: Location | None  # None: the only one; in the last of several groups: any of them may be meant
    locations: tuple[Location, ...]
    doubts: tuple[Doubt, ...] = ()  # why there may be more
    uses: tuple[Location, ...] = ()  # beside calls: where it is passed or stored by its name


@dataclass(frozen=True, slots=True)
class StructuralAnswer:
    """An exact answer: one group, or one for each definition of a name."""

    query: StructuralQuery
    groups: tuple[Group, ...]
    hits: tuple[Hit, ...]  # the code of the first locations

    @property
    def locations(self) -> tuple[Location, ...]:
        return tuple(location for group in self.groups for location in group.locations)

    @property
    def is_complete(self) -> bool:
        """False: there may be more."""
        return not any(group.doubts for group in self.groups)


def answer(query: StructuralQuery, store: Store) -> StructuralAnswer | None:
    """None when unsure. Reads files, for about 0.1 s at most. Raises NotIndexed, IndexDamaged, IndexStorage."""
    with store.read() as snapshot:
        load(snapshot.languages())
        files = WorkingTree(store.root, snapshot)
        groups = groups_of(Navigator(query, snapshot, files, Modules(snapshot, store.root.name)))
        if query.kind == "calls":
            groups = [_apart(group) for group in groups]
        if not any(group.locations or group.uses for group in groups):
            return None
        hits: list[Hit] = []
        whole, left, shown = query.kind in _SHOWING_DEFINITIONS, _LOCATIONS, []
        defined = [with_code([each], hits, files, whole=whole) for group in groups if (each := group.definition)]
        definitions = chain.from_iterable(defined)  # first, for the text names the lines of each
        for group in groups:
            doubts = (*group.doubts, Doubt("places")) if len(group.locations) > left else group.doubts
            linked = with_code(group.locations[:left], hits, files, whole=whole)
            left -= len(linked)
            uses = with_code(group.uses[:left], hits, files, whole=whole)
            left -= len(uses)
            shown.append(Group(next(definitions) if group.definition else None, linked, doubts, uses))
        return StructuralAnswer(query, tuple(shown), tuple(hits))


def groups_of(navigator: Navigator) -> list[Group]:
    """The locations that answer, for each definition that may be meant."""
    kind = navigator.query.kind
    is_of_one = kind in _OF_A_DEFINITION and not navigator.query.is_path
    targets = navigator.targets() if is_of_one else []
    if kind == "outline":
        targets = [target for target in targets if target.symbol.kind in CONTAINERS]
    if len(targets) == 1:
        navigator = navigator.on(targets[0])
    if not 1 < len(targets) <= MAX_DEFINITIONS:
        return [Group(None, tuple(_ANSWERS[kind](navigator)), tuple(navigator.doubts))]
    navigators = [navigator.on(target) for target in targets]
    found = [_ANSWERS[kind](each) for each in navigators]
    seen = Counter((location.path, location.line) for locations in found for location in locations)
    groups = [
        Group(
            of_definition(target),
            tuple(location for location in locations if seen[location.path, location.line] == 1),
            tuple(each.doubts),
        )
        for target, each, locations in zip(targets, navigators, found, strict=True)
    ]
    unclear = [location for locations in found for location in locations if seen[location.path, location.line] > 1]
    for each in navigators:
        refs = ((source, ref) for source, refs in each.unassigned for ref in refs)
        unclear += [of_reference(source, ref) for source, ref in refs if ref.kind in _OF_A_DEFINITION[kind]]
    unclear = [location for location in unclear if seen[location.path, location.line] != 1]
    return [*groups, Group(None, tuple(one_per_line(unclear)))] if unclear else groups


def _apart(group: Group) -> Group:
    """The calls of a definition, and apart from them its other uses."""
    calls = tuple(location for location in group.locations if location.kind != "use")
    return replace(
        group, locations=calls, uses=tuple(location for location in group.locations if location.kind == "use")
    )


def load(languages: Iterable[str]) -> None:
    """Loads what reading and parsing need. A process does so once, and no question should run out of time for it."""
    mask("")
    for language in languages:
        references.load(language)


def with_code(
    locations: Sequence[Location], hits: list[Hit], files: WorkingTree, *, whole: bool
) -> tuple[Location, ...]:
    """The locations with the hit that holds each. Adds to `hits` as long as they are short enough for a prompt."""
    linked = []
    for location in locations:
        index = next((n for n, hit in enumerate(hits) if _holds(hit, location)), None)
        if index is None and sum(len(hit.text) for hit in hits) < _CHARACTERS:
            hit = files.hit(location.path, location.line, location.symbol, whole=whole)
            index = len(hits) if hit else None
            hits += [hit] if hit else []
        linked.append(replace(location, hit=index))
    return tuple(linked)


def _holds(hit: Hit, location: Location) -> bool:
    return hit.path == location.path and hit.start_line <= location.line <= hit.end_line
