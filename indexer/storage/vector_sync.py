"""The vectors of one index in memory, made again what the database says before each search.

Reads only what is new since the last time. A large one is kept in a file beside the database: a cache, checked and
never needed. Not safe for several threads at once.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from indexer.storage.snapshot import REMEMBERED, Snapshot
from indexer.storage.vector_index import FLAT, FaissIndex, Vectors

_WORTH_SAVING = 0.1  # share of the vectors that came since the file was written


class VectorMirror:
    """Vectors by one model. `file` is where they are kept once there are more than `FLAT`."""

    def __init__(self, model: str, dim: int, file: Path) -> None:
        self._model = model
        self._dim = dim
        self._file = file
        self._index = FaissIndex(dim)
        self._epoch = ""
        self._generation = -1  # of the database that the vectors are of
        self._latest = 0  # id of the youngest chunk that was read
        self._unsaved = 0

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """As `VectorIndex.search`, of the snapshot that was followed last."""
        return self._index.search(vector, k, allowed)

    def sync(self, snapshot: Snapshot, cancelled: Callable[[], bool] = lambda: False) -> list[int]:
        """Makes the vectors those of `snapshot`. Gives the ids of vectors that are damaged in the database.

        Where it is `cancelled`, the next time goes on from there.
        """
        epoch, generation = snapshot.version
        if epoch != self._epoch or generation - self._generation > REMEMBERED:
            self._start(epoch)
            self._load(generation)
        if generation <= self._generation:  # another thread's snapshot may be younger: its extra ids have no rows here
            return []
        if len(self._index):
            self._index.remove(snapshot.gone_after(self._generation))
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

    def _start(self, epoch: str) -> None:
        self._index = FaissIndex(self._dim)
        self._epoch = epoch
        self._generation = -1
        self._latest = 0
        self._unsaved = 0

    def _load(self, generation: int) -> None:
        found = FaissIndex.load(self._file, self._dim)
        if found is None:
            return
        told = json.loads(found[1])
        age = generation - told["generation"]
        if (told["epoch"], told["model"]) == (self._epoch, self._model) and 0 <= age <= REMEMBERED:
            self._index, self._generation, self._latest = found[0], told["generation"], told["latest"]

    def _save(self) -> None:
        if len(self._index) > FLAT and self._unsaved > _WORTH_SAVING * len(self._index):
            note = {"epoch": self._epoch, "generation": self._generation, "model": self._model, "latest": self._latest}
            with suppress(OSError):  # a full disk costs the next start some seconds
                self._index.save(self._file, json.dumps(note))
                self._unsaved = 0
