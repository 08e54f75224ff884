"""The vectors of one index in memory, brought up to date with the database before each search.

Reads only what changed since the last sync. A large set is cached in a checked file beside the database, which may
always be deleted. Not thread-safe.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from indexer.storage.schema import KEPT_GENERATIONS
from indexer.storage.snapshot import Snapshot
from indexer.storage.vector_index import FLAT, FaissIndex, Vectors

_SAVE_SHARE = 0.1  # the file is written again when more than this share of the vectors is new


class VectorMirror:
    """Vectors by one model. `file` caches them when there are more than `FLAT`."""

    def __init__(self, model: str, dim: int, file: Path) -> None:
        self._model = model
        self._dim = dim
        self._file = file
        self._index = FaissIndex(dim)
        self._epoch = ""
        self._generation = -1  # of the database, at the last complete sync
        self._latest = 0  # highest chunk id that was read
        self._unsaved = 0

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """As `VectorIndex.search`, over the vectors of the last sync."""
        return self._index.search(vector, k, allowed)

    def sync(self, snapshot: Snapshot, cancelled: Callable[[], bool] = lambda: False) -> list[int]:
        """Makes the vectors those of `snapshot`. Returns the ids of vectors that are damaged in the database.

        After a sync that was `cancelled`, the next one continues from there.
        """
        epoch, generation = snapshot.version
        if epoch != self._epoch or generation - self._generation > KEPT_GENERATIONS:
            self._reset(epoch)
            self._load(generation)
        if generation <= self._generation:  # synced with a newer snapshot: its extra ids have no rows in this one
            return []
        if len(self._index):
            self._index.remove(snapshot.deleted_after(self._generation))
        damaged: list[int] = []
        for latest, ids, vectors, unsound in snapshot.vectors_after(self._latest, self._model, self._dim):
            self._index.add(ids, vectors)
            self._latest = latest
            self._unsaved += len(ids)
            damaged += unsound
            if cancelled():
                return damaged
        self._generation = generation
        self._save()
        return damaged

    def _reset(self, epoch: str) -> None:
        self._index = FaissIndex(self._dim)
        self._epoch = epoch
        self._generation = -1
        self._latest = 0
        self._unsaved = 0

    def _load(self, generation: int) -> None:
        loaded = FaissIndex.load(self._file, self._dim)
        if loaded is None:
            return
        index, note = loaded[0], json.loads(loaded[1])
        age = generation - note["generation"]
        if (note["epoch"], note["model"]) == (self._epoch, self._model) and 0 <= age <= KEPT_GENERATIONS:
            self._index, self._generation, self._latest = index, note["generation"], note["latest"]

    def _save(self) -> None:
        if len(self._index) > FLAT and self._unsaved > _SAVE_SHARE * len(self._index):
            note = {"epoch": self._epoch, "generation": self._generation, "model": self._model, "latest": self._latest}
            with suppress(OSError):  # without the file the next start takes some seconds longer
                self._index.save(self._file, json.dumps(note))
                self._unsaved = 0
