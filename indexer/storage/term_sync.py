"""The full text of one index in memory, brought up to date with the database before each search.

Reads only what changed since the last sync. Not thread-safe, but what it gives may be used by any thread.
"""

from sys import intern

from indexer.storage.postings import Postings, unpack_postings
from indexer.storage.schema import KEPT_GENERATIONS
from indexer.storage.snapshot import Snapshot
from indexer.storage.term_index import TermIndex
from indexer.types import ChunkHead

LARGEST = 200_000  # chunks: larger indexes are searched by SQL
_DELETED = 0.2  # share of the chunks from which on everything is read again, without what was deleted


class TermMirror:
    """The terms of an index with at most `LARGEST` chunks."""

    def __init__(self) -> None:
        self._index = TermIndex()
        self._epoch = ""
        self._generation = -1  # of the database, at the last sync

    def sync(self, snapshot: Snapshot) -> tuple[TermIndex | None, list[int]]:
        """The terms of `snapshot`, and the ids of chunks whose postings are damaged in the database.

        None for a larger index, and after a sync with a newer snapshot.
        """
        epoch, generation = snapshot.version
        if snapshot.chunks > LARGEST:
            self._index, self._generation = TermIndex(), -1
            return None, []
        age = generation - self._generation
        if epoch != self._epoch or age > KEPT_GENERATIONS or self._index.deleted > _DELETED:
            self._index, self._generation = TermIndex(), -1
        damaged: list[int] = []
        if generation > self._generation:
            self._index, damaged = _synced(self._index, snapshot, self._generation)
            self._epoch, self._generation = epoch, generation
        return self._index if generation == self._generation else None, damaged


def _synced(index: TermIndex, snapshot: Snapshot, generation: int) -> tuple[TermIndex, list[int]]:
    """`index`, which is that of an earlier generation, with what changed since; the ids of damaged chunks."""
    if len(index.ids):
        index = index.without(snapshot.chunks_gone_after(generation))
    ids: list[int] = []
    heads: list[ChunkHead] = []
    postings: list[Postings] = []
    damaged: list[int] = []
    for first, path, language, kinds, data in snapshot.postings_after(int(index.ids[-1]) if len(index.ids) else 0):
        lines = kinds.split("\n")
        own = range(first, first + len(lines))
        found = unpack_postings(data)
        if found is None or len(found.sizes) != len(lines):
            damaged += own
            found = Postings.none(len(lines))
        ids += own
        for line in lines:
            kind, symbol = line.split(" ", 1)
            heads.append(ChunkHead(path, language, intern(kind), symbol))
        postings.append(found)
    return index.with_chunks(ids, heads, postings) if ids else index, damaged
