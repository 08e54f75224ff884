"""Snapshots of sequences: the most recently used in memory, the others on disk, each within its limit of bytes.

A snapshot holds the state of tokens after a given prefix. So a prefix that several conversations share is stored once,
and a conversation that continues adds only its new tokens. Knows bytes and when they are dropped, not llama.cpp.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.llama.kv.state_file import Head, Spans, State, digest
from models.llama.kv.state_folder import StateFolder, discard, stamp
from models.llama.wire import KvLimits


@dataclass(eq=False, slots=True)
class KvSnapshot:
    """The state of `tokens` after the first `begin` of them."""

    tokens: NDArray[np.int32]
    begin: int
    answers: Spans  # spans of `tokens` that the model generated
    size: int  # bytes
    state: State | None  # None: it is only in `path`
    path: Path | None = None

    @property
    def name(self) -> bytes:
        return digest(self.tokens, self.begin)

    @property
    def head(self) -> Head:
        return Head(self.tokens.tolist(), self.begin, self.answers)

    def shared(self, tokens: NDArray[np.int32]) -> int:
        """How many tokens from the beginning are equal."""
        most = min(len(self.tokens), len(tokens))
        differ = np.flatnonzero(self.tokens[:most] != tokens[:most])
        return int(differ[0]) if len(differ) else most


class SnapshotStore:
    """Moves the least recently used snapshots from memory to disk, and deletes them from there."""

    def __init__(self, limits: KvLimits, *, supports_partial: bool = True) -> None:
        """`supports_partial`: a part of a state can be restored; else only a whole one from the first token on."""
        self._limits, self._supports_partial = limits, supports_partial
        self._folder: StateFolder | None = None
        # By name, last used last. A snapshot counts as used later than those after it, so it is dropped after them.
        self._by_name: dict[bytes, KvSnapshot] = {}
        self._latest: list[KvSnapshot] = []  # the chain that ends in the snapshot added last
        self._clears_disk = False  # `clear` was called before the folder was opened
        self.hits = self.misses = 0

    def open_disk(self, key: str) -> None:
        """Uses and writes files from now on. `key`: a digest of the model and of everything that shapes a state."""
        if self._limits.folder is None or not self._limits.disk_bytes:
            return
        self._folder = StateFolder(self._limits.folder, key, self._limits.disk_bytes)
        found: dict[bytes, KvSnapshot] = {}
        for head, size, path in self._folder.found():
            if self._clears_disk:
                discard(path)
                continue
            snapshot = KvSnapshot(np.array(head.tokens, np.int32), head.begin, head.answers, size, None, path)
            found[snapshot.name] = snapshot
            if snapshot.name in self._by_name:  # created again meanwhile
                self._by_name[snapshot.name].path = path
        self._by_name = found | self._by_name
        self._shrink()
        self._folder.make_room(self.disk_bytes)

    @property
    def has_disk(self) -> bool:
        """Whether files are read and written."""
        return self._folder is not None

    @property
    def is_enabled(self) -> bool:
        """Whether there is anywhere to store a snapshot."""
        return self._limits.ram_bytes > 0 or self.has_disk

    @property
    def damaged(self) -> int:
        return self._folder.damaged if self._folder else 0

    @property
    def most_ram_bytes(self) -> int:
        return self._limits.ram_bytes

    def answers(self) -> list[tuple[list[int], Spans]]:
        """The tokens of every snapshot, and their spans that the model generated."""
        return [(snapshot.tokens.tolist(), snapshot.answers) for snapshot in self._by_name.values()]

    # Other threads read both numbers.
    @property
    def ram_bytes(self) -> int:
        return sum(snapshot.size for snapshot in list(self._by_name.values()) if snapshot.state is not None)

    @property
    def disk_bytes(self) -> int:
        return sum(snapshot.size for snapshot in list(self._by_name.values()) if snapshot.path is not None)

    def available_tokens(self, tokens: Sequence[int], cached: int = 0) -> int:
        """How many tokens from the beginning are available where the first `cached` of them are in cells."""
        chain = self.chain(tokens, cached)
        return chain[-1].shared(np.array(tokens, np.int32)) if chain else cached

    def chain(self, tokens: Sequence[int], cached: int = 0) -> list[KvSnapshot]:
        """The snapshots that reach furthest into `tokens`, each after the one before, from the first `cached` on."""
        wanted = np.array(tokens, np.int32)
        found = [(snapshot.shared(wanted), snapshot) for snapshot in self._by_name.values()]
        chain: list[KvSnapshot] = []
        end = cached
        while True:
            longer = [pair for pair in found if pair[1].begin <= end < pair[0] and self._fits(*pair)]
            if not longer:
                return chain
            end, snapshot = max(longer, key=itemgetter(0))
            chain.append(snapshot)

    def _fits(self, shared: int, snapshot: KvSnapshot) -> bool:
        return self._supports_partial or shared == len(snapshot.tokens)

    def load(self, snapshot: KvSnapshot) -> State | None:
        """The state; None where it is lost. Then the snapshot is dropped, unless its file is still there."""
        state = snapshot.state if snapshot.state is not None else self._read(snapshot)
        if state is None:
            self.misses += 1
            is_there = snapshot.path is not None and snapshot.path.exists()
            if self._by_name.get(snapshot.name) is snapshot and not is_there:
                del self._by_name[snapshot.name]
            return None
        self.hits += 1
        return state

    def add(self, tokens: Sequence[int], begin: int, answers: Spans, state: State) -> None:
        """Stores the state of the tokens after the first `begin`. Snapshots that it contains are dropped."""
        new = KvSnapshot(np.array(tokens, np.int32), begin, answers, len(state), state)
        for snapshot in list(self._by_name.values()):
            if snapshot.begin >= begin and new.shared(snapshot.tokens) == len(snapshot.tokens):
                self._drop(snapshot)
        self._by_name[new.name] = new
        self._latest = self.chain(tokens)
        self.touch(self._latest)
        self._shrink()

    def next_to_write(self) -> KvSnapshot | None:
        """The snapshot to `write` next, because memory is over its limit. Writing needs no lock."""
        if not self.has_disk or self.ram_bytes <= self._limits.ram_bytes:
            return None
        only_in_ram = (item for item in self._by_name.values() if item.state is not None and item.path is None)
        return next(only_in_ram, None)

    def written(self, snapshot: KvSnapshot, path: Path | None) -> None:
        """Records the result of `write`. A snapshot that was dropped meanwhile or could not be written is not kept."""
        if self._by_name.get(snapshot.name) is snapshot:
            snapshot.path = path
            if path is None:
                self._drop(snapshot)
            else:
                _stamp(self.chain(snapshot.tokens.tolist()))
        elif path is not None:
            discard(path)
        self._shrink()
        if self._folder:
            self._folder.make_room(self.disk_bytes)

    def clear(self) -> None:
        self._clears_disk = not self.has_disk
        for snapshot in list(self._by_name.values()):
            self._drop(snapshot)
        self._latest = []

    def touch(self, chain: Sequence[KvSnapshot]) -> None:
        """Marks these as the last used, for other processes too."""
        for snapshot in reversed(chain):
            self._by_name[snapshot.name] = self._by_name.pop(snapshot.name)
        _stamp(chain)

    def write_chain(self, tokens: Sequence[int]) -> None:
        """Writes the snapshots of `tokens` to disk, where they are not there yet."""
        for snapshot in self.chain(tokens):
            if snapshot.path is None:
                snapshot.path = self.write(snapshot)

    def flush(self) -> None:
        """Writes to disk what is only in memory, the last used first: the process may be killed meanwhile."""
        latest = list(reversed(self._by_name.values()))
        for snapshot in latest:
            if snapshot.path is None:
                snapshot.path = self.write(snapshot)
        _stamp(latest)  # the order that `open_disk` finds
        self._shrink()
        if self._folder:
            self._folder.make_room(self.disk_bytes)

    def _shrink(self) -> None:
        """Enforces both limits. While the disk catches up, memory may hold twice its limit, or the latest chain."""
        most, ram, disk = self._limits.ram_bytes, self.ram_bytes, self.disk_bytes
        for snapshot in list(self._by_name.values()):
            is_disposable = (
                snapshot.path is not None or not self.has_disk or (ram > 2 * most and snapshot not in self._latest)
            )
            if ram > most and is_disposable and snapshot.state is not None:
                snapshot.state, ram = None, ram - snapshot.size
            is_over = snapshot.path is not None and disk > self._limits.disk_bytes
            if is_over or (snapshot.state is None and snapshot.path is None):
                disk -= snapshot.size if snapshot.path is not None else 0
                self._drop(snapshot)

    def _drop(self, snapshot: KvSnapshot) -> None:
        del self._by_name[snapshot.name]
        snapshot.state = None
        if snapshot.path is not None:
            discard(snapshot.path)

    def write(self, snapshot: KvSnapshot) -> Path | None:
        """Writes its file, if there is a folder with room for it."""
        state = snapshot.state  # another thread may drop it meanwhile
        if state is None or self._folder is None or snapshot.size > self._limits.disk_bytes:
            return None
        return self._folder.write(snapshot.head, state)

    def _read(self, snapshot: KvSnapshot) -> State | None:
        return self._folder.read(snapshot.path, snapshot.head) if self._folder and snapshot.path else None


def _stamp(chain: Sequence[KvSnapshot]) -> None:
    """The first becomes the newest, because the snapshots after it have to be deleted before it."""
    stamp(snapshot.path for snapshot in chain if snapshot.path is not None)
