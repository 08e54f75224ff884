"""The definitions and uses of a name, found in a worker. Knows no protocol."""

from backend.errors import ApiError
from backend.indexing.indexes import Indexes
from indexer.errors import WorkerDied
from indexer.navigation.symbol_lookup import FoundSymbol, find_symbol
from indexer.storage.codebases import CodebaseInfo
from indexer.storage.store import Store

_CPU_S = 3.0


def look_up(indexes: Indexes, codebase: CodebaseInfo, name: str, uses: bool) -> FoundSymbol:
    """What `find_symbol` finds in a codebase. Raises `ApiError`."""
    try:
        return indexes.workers.questions(_find, name, indexes.codebases.get(codebase.id), uses, seconds=_CPU_S)
    except WorkerDied as death:
        raise ApiError("index_unavailable", f"{name!r} cannot be looked up: {death}") from None


def _find(name: str, store: Store, uses: bool) -> FoundSymbol:
    """Leaves no file open: a worker process that held the database of a deleted codebase would keep its space."""
    try:
        return find_symbol(name, store, uses)
    finally:
        store.close()
