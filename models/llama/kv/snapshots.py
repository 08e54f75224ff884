"""States of sequences that left the cells: the last used in memory, the others on disk, each within its bytes.

A state is of some tokens behind others: what several conversations begin with is kept once, and a conversation that
went on adds only what is new. It is found by all these tokens. Knows bytes and when they go, not llama.cpp.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.llama.kv.state_file import Head, Spans, State, digest
from models.llama.kv.state_folder import StateFolder, discard, stamp


@dataclass(frozen=True, slots=True)
class KvLimits:
    """Where states may go, and how much of them. No folder: nothing is written to disk."""

    ram_bytes: int = 0
    disk_bytes: int = 0
    folder: Path | None = None


@dataclass(eq=False, slots=True)
class KvSnapshot:
    """The state of what is behind the first `begin` of `tokens`."""

    tokens: NDArray[np.int32]
    begin: int
    answers: Spans  # spans of `tokens` that the model itself has said
    size: int
    state: State | None  # None: it is in `path`
    path: Path | None = None

    @property
    def name(self) -> bytes:
        return digest(self.tokens, self.begin)

    @property
    def head(self) -> Head:
        return Head(self.tokens.tolist(), self.begin, self.answers)

    def shared(self, tokens: NDArray[np.int32]) -> int:
        """How many tokens from the beginning are the same."""
        most = min(len(self.tokens), len(tokens))
        differ = np.flatnonzero(self.tokens[:most] != tokens[:most])
        return int(differ[0]) if len(differ) else most


class Snapshots:
    """The states, the least recently used first to go: from memory to disk, from disk away."""

    def __init__(self, limits: KvLimits, *, parts: bool = True) -> None:
        """`parts`: whether a part of a state can be used; else only a whole one, of tokens from the first on."""
        self._limits, self._parts = limits, parts
        self._folder: StateFolder | None = None
        # By name, last used last; what a state is behind counts as used later than the state itself, so it goes later.
        self._kept: dict[bytes, KvSnapshot] = {}
        self._latest: list[KvSnapshot] = []  # what leads to the end of what was put last
        self._forgets = False  # what is on disk, as soon as it is known
        self.hits = self.misses = 0

    def open_disk(self, key: str) -> None:
        """From now on files of `key` (a digest of the model and of all that shapes a state) are used and written."""
        if self._limits.folder is None or not self._limits.disk_bytes:
            return
        self._folder = StateFolder(self._limits.folder, key, self._limits.disk_bytes)
        found: dict[bytes, KvSnapshot] = {}
        for head, size, path in self._folder.found():
            if self._forgets:
                discard(path)
                continue
            kept = KvSnapshot(np.array(head.tokens, np.int32), head.begin, head.answers, size, None, path)
            found[kept.name] = kept
            if kept.name in self._kept:  # made again meanwhile
                self._kept[kept.name].path = path
        self._kept = found | self._kept
        self._shrink()
        self._folder.make_room(self.disk_bytes)

    @property
    def is_open(self) -> bool:
        """Whether files are used."""
        return self._folder is not None

    @property
    def keeps(self) -> bool:
        """Whether there is anywhere to keep a state."""
        return self._limits.ram_bytes > 0 or self.is_open

    @property
    def damaged(self) -> int:
        return self._folder.damaged if self._folder else 0

    @property
    def most_ram_bytes(self) -> int:
        return self._limits.ram_bytes

    def answers(self) -> list[tuple[list[int], Spans]]:
        """Tokens and what of them the model has said, of all that is kept."""
        return [(kept.tokens.tolist(), kept.answers) for kept in self._kept.values()]

    # Both are asked for by other threads, too.
    @property
    def ram_bytes(self) -> int:
        return sum(kept.size for kept in list(self._kept.values()) if kept.state is not None)

    @property
    def disk_bytes(self) -> int:
        return sum(kept.size for kept in list(self._kept.values()) if kept.path is not None)

    def reach(self, tokens: Sequence[int], held: int = 0) -> int:
        """How many tokens from the beginning can be had where the first `held` of them are in cells."""
        chain = self.chain(tokens, held)
        return chain[-1].shared(np.array(tokens, np.int32)) if chain else held

    def chain(self, tokens: Sequence[int], held: int = 0) -> list[KvSnapshot]:
        """The states that lead furthest into `tokens`, one behind the other, from the first `held` of them on."""
        wanted = np.array(tokens, np.int32)
        found = [(kept.shared(wanted), kept) for kept in self._kept.values()]
        chain: list[KvSnapshot] = []
        reach = held
        while True:
            going_on = [pair for pair in found if pair[1].begin <= reach < pair[0] and self._fits(*pair)]
            if not going_on:
                return chain
            reach, kept = max(going_on, key=itemgetter(0))
            chain.append(kept)

    def _fits(self, shared: int, kept: KvSnapshot) -> bool:
        return self._parts or shared == len(kept.tokens)

    def state(self, kept: KvSnapshot) -> State | None:
        """The state itself; None where it cannot be had: it is kept no more, unless its file is still there."""
        state = kept.state if kept.state is not None else self._read(kept)
        if state is None:
            self.misses += 1
            is_there = kept.path is not None and kept.path.exists()
            if self._kept.get(kept.name) is kept and not is_there:
                del self._kept[kept.name]
            return None
        self.hits += 1
        return state

    def put(self, tokens: Sequence[int], begin: int, answers: Spans, state: State) -> None:
        """Keeps the state of what is behind the first `begin` tokens; what it holds, too, is dropped elsewhere."""
        new = KvSnapshot(np.array(tokens, np.int32), begin, answers, len(state), state)
        for kept in list(self._kept.values()):
            if kept.begin >= begin and new.shared(kept.tokens) == len(kept.tokens):
                self._drop(kept)
        self._kept[new.name] = new
        self._latest = self.chain(tokens)
        self.touch(self._latest)
        self._shrink()

    def due(self) -> KvSnapshot | None:
        """What has to go to disk next, because memory is over its bound; to be written by `write`, outside of locks."""
        if not self.is_open or self.ram_bytes <= self._limits.ram_bytes:
            return None
        return next((kept for kept in self._kept.values() if kept.state is not None and kept.path is None), None)

    def wrote(self, kept: KvSnapshot, path: Path | None) -> None:
        """What `write` answered. What was dropped meanwhile, or could not be written, is not kept."""
        if self._kept.get(kept.name) is kept:
            kept.path = path
            if path is None:
                self._drop(kept)
            else:
                _stamp(self.chain(kept.tokens.tolist()))
        elif path is not None:
            discard(path)
        self._shrink()
        if self._folder:
            self._folder.make_room(self.disk_bytes)

    def forget(self) -> None:
        self._forgets = not self.is_open
        for kept in list(self._kept.values()):
            self._drop(kept)
        self._latest = []

    def touch(self, chain: Sequence[KvSnapshot]) -> None:
        """Counts these as the last used, for other processes too."""
        for kept in reversed(chain):
            self._kept[kept.name] = self._kept.pop(kept.name)
        _stamp(chain)

    def store(self, tokens: Sequence[int]) -> None:
        """Writes to disk what leads to the end of `tokens`, where it is not there yet."""
        for kept in self.chain(tokens):
            if kept.path is None:
                kept.path = self.write(kept)

    def flush(self) -> None:
        """Writes to disk what is only in memory, the last used first: the process may be ended over it."""
        latest = list(reversed(self._kept.values()))
        for kept in latest:
            if kept.path is None:
                kept.path = self.write(kept)
        _stamp(latest)  # the order that `open_disk` finds
        self._shrink()
        if self._folder:
            self._folder.make_room(self.disk_bytes)

    def _shrink(self) -> None:
        """Keeps both bounds. Memory may be over its own while the disk catches up: by as much again, or the latest."""
        most, ram, disk = self._limits.ram_bytes, self.ram_bytes, self.disk_bytes
        for kept in list(self._kept.values()):
            can_go = kept.path is not None or not self.is_open or (ram > 2 * most and kept not in self._latest)
            if ram > most and can_go and kept.state is not None:
                kept.state, ram = None, ram - kept.size
            is_over = kept.path is not None and disk > self._limits.disk_bytes
            if is_over or (kept.state is None and kept.path is None):
                disk -= kept.size if kept.path is not None else 0
                self._drop(kept)

    def _drop(self, kept: KvSnapshot) -> None:
        del self._kept[kept.name]
        kept.state = None
        if kept.path is not None:
            discard(kept.path)

    def write(self, kept: KvSnapshot) -> Path | None:
        """To a file of its own, if there is a folder with room for it."""
        state = kept.state  # another thread may drop it meanwhile
        if state is None or self._folder is None or kept.size > self._limits.disk_bytes:
            return None
        return self._folder.write(kept.head, state)

    def _read(self, kept: KvSnapshot) -> State | None:
        return self._folder.read(kept.path, kept.head) if self._folder and kept.path else None


def _stamp(chain: Sequence[KvSnapshot]) -> None:
    """The first is the newest, as what others are behind goes last."""
    stamp(kept.path for kept in chain if kept.path is not None)
