"""A name looked up exactly: its definitions and its uses, from the symbol table and the files as they are now.

Takes a name, not a question. Does not know how the result is shown.
"""

import re
from dataclasses import dataclass
from itertools import chain

from indexer.navigation.doubts import Doubt
from indexer.navigation.intent import StructuralQuery
from indexer.navigation.locations import Location, of_reference, one_per_line
from indexer.navigation.names.modules import Modules
from indexer.navigation.names.targets import matches
from indexer.navigation.navigator import TEXTS, Navigator
from indexer.navigation.structural_answers import Group, groups_of, load
from indexer.navigation.unparsed import MAX_DEFINITIONS
from indexer.navigation.working_tree import WorkingTree
from indexer.storage.snapshot import IndexedSymbol
from indexer.storage.store import Store

_PATIENCE = 8.0  # who asks for the uses of a name waits longer than a question may: 0.6 s of CPU time
_USES = frozenset({"call", "inherit", "use"})  # kinds of references
_SEPARATORS = re.compile(r"::|#|\\|->")


@dataclass(frozen=True, slots=True)
class FoundSymbol:
    """What a name means and where it is used."""

    definitions: tuple[IndexedSymbol, ...]  # all, those that a question lists first
    uses: tuple[Location, ...]  # of what a question means by the name; calls included, the definitions not
    doubts: tuple[Doubt, ...]  # why there may be more


def find_symbol(name: str, store: Store, uses: bool) -> FoundSymbol:
    """The definitions of a name, which may be qualified (`Class.method`, `ns::f`), and with `uses` its references.

    Raises NotIndexed, IndexDamaged, IndexStorage.
    """
    name = _SEPARATORS.sub(".", name.strip().removesuffix("()")).strip(".:")
    with store.read() as snapshot:
        load(snapshot.languages())
        files, modules = WorkingTree(store.root, snapshot), Modules(snapshot, store.root.name)
        navigator = Navigator(StructuralQuery("definition", name), snapshot, files, modules)
        meant = navigator.definitions() or _too_many(navigator)
        others = [item for item in navigator.definitions(every=True) if item not in meant]
        users = Navigator(StructuralQuery("uses", name), snapshot, files, modules)
        users.patience = _PATIENCE
        is_clear = 1 <= len(meant) <= MAX_DEFINITIONS
        groups = []
        if uses:
            groups = groups_of(users) if is_clear else [_uses_of_any(users)]
    places = tuple(chain.from_iterable(group.locations for group in groups))
    doubts = chain(navigator.doubts, *(group.doubts for group in groups))
    return FoundSymbol((*meant, *others), places, tuple(dict.fromkeys(doubts)))


def _too_many(navigator: Navigator) -> list[IndexedSymbol]:
    """The definitions of a name that has so many that a navigator looks at none: as they were indexed."""
    last, name = navigator.query.last, navigator.query.name
    named = [item for item in navigator.snapshot.named([last]) if item.symbol.name == last and item.path]
    found = [item for item in named if matches(item, name) and item.symbol.kind not in TEXTS]
    return found if len(found) > MAX_DEFINITIONS else []


def _uses_of_any(navigator: Navigator) -> Group:
    """The uses of a name without a definition here, as that of a library, or with too many to say which is meant."""
    found = ((source, ref) for source, refs in navigator.mentions(navigator.query.last) for ref in refs)
    uses = one_per_line(of_reference(source, ref) for source, ref in found if ref.kind in _USES)
    if uses:
        navigator.doubt("meaning")
    return Group(None, tuple(uses), tuple(navigator.doubts))
