"""A name looked up exactly: its definitions and its uses, from the symbol table and the files as they are now.

Takes a name, not a question. Does not know how the result is shown.
"""

import re
from dataclasses import dataclass
from itertools import chain

from indexer.navigation.doubts import Doubt
from indexer.navigation.intent import StructuralQuery
from indexer.navigation.locations import Location
from indexer.navigation.names.modules import Modules
from indexer.navigation.navigator import Navigator
from indexer.navigation.structural_answers import groups_of, load
from indexer.navigation.working_tree import WorkingTree
from indexer.storage.snapshot import IndexedSymbol
from indexer.storage.store import Store

_PATIENCE = 8.0  # who asks for the uses of a name waits longer than a question may: 0.6 s of CPU time
_SEPARATORS = re.compile(r"::|#|\\|->")


@dataclass(frozen=True, slots=True)
class FoundSymbol:
    """What a name means and where it is used."""

    definitions: tuple[IndexedSymbol, ...]
    uses: tuple[Location, ...]  # calls included; the definitions are not
    doubts: tuple[Doubt, ...]  # why there may be more


def find_symbol(name: str, store: Store, uses: bool) -> FoundSymbol:
    """The definitions of a name, which may be qualified (`Class.method`, `ns::f`), and with `uses` its references.

    Raises NotIndexed, IndexDamaged, IndexStorage.
    """
    name = _SEPARATORS.sub(".", name).strip(".:")
    with store.read() as snapshot:
        load(snapshot.languages())
        files, modules = WorkingTree(store.root, snapshot), Modules(snapshot, store.root.name)
        navigator = Navigator(StructuralQuery("definition", name), snapshot, files, modules)
        definitions = tuple(navigator.definitions())
        users = Navigator(StructuralQuery("uses", name), snapshot, files, modules)
        users.patience = _PATIENCE
        groups = groups_of(users) if uses else []
    places = tuple(chain.from_iterable(group.locations for group in groups))
    doubts = chain(navigator.doubts, *(group.doubts for group in groups))
    return FoundSymbol(definitions, places, tuple(dict.fromkeys(doubts)))
