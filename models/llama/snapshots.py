"""States of sequences that left the cells: the last used in memory, the others on disk, each within its bytes.

A state is of some tokens behind others: what several conversations begin with is kept once, and a conversation that
went on adds only what is new. It is found by all these tokens; a file counts only for the model and context it was made
with, and only whole. Damaged or foreign means not there. Knows files and bytes, not llama.cpp.
"""

import logging
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.llama.state_file import Head, Spans, State, digest, read_head, read_state, write_state

log = logging.getLogger(__name__)

_SUFFIX = ".kv"
_LEFT_S = 3600  # a file that has been half written for so long was left behind by a process that ended


@dataclass(frozen=True, slots=True)
class Limits:
    """Where states may go, and how much of them. No folder: nothing is written to disk."""

    ram_bytes: int = 0
    disk_bytes: int = 0
    folder: Path | None = None


@dataclass(eq=False, slots=True)
class Kept:
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

    def __init__(self, limits: Limits, *, parts: bool = True) -> None:
        """`parts`: whether a part of a state can be used; else only a whole one, of tokens from the first on."""
        self._limits, self._parts, self._key = limits, parts, ""
        # By name, last used last; what a state is behind counts as used later than the state itself, so it goes later.
        self._kept: dict[bytes, Kept] = {}
        self._latest: list[Kept] = []  # what leads to the end of what was put last
        self._forgets = False  # what is on disk, as soon as it is known
        self.hits = self.misses = self.damaged = 0

    def open_disk(self, key: str) -> None:
        """From now on files of `key` (a digest of the model and of all that shapes a state) are used and written."""
        if self._limits.folder is None or not self._limits.disk_bytes:
            return
        self._limits.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = key
        for path in self._limits.folder.glob("*.part"):
            if time.time() - _written_at(path) > _LEFT_S:
                _discard(path)
        found: dict[bytes, Kept] = {}
        for path in sorted(self._limits.folder.glob(f"{key[:16]}-*{_SUFFIX}"), key=_written_at):
            if self._forgets:
                _discard(path)
                continue
            try:
                with path.open("rb") as file:
                    head, _ = read_head(file, key)
                    size = os.fstat(file.fileno()).st_size
                kept = Kept(np.array(head.tokens, np.int32), head.begin, head.answers, size, None, path)
                if path.name != self._file_name(kept):
                    raise ValueError("its name is not that of its tokens")
            except (OSError, ValueError) as error:
                self._refuse(path, error)
                continue
            found[kept.name] = kept
            if kept.name in self._kept:  # made again meanwhile
                self._kept[kept.name].path = path
        self._kept = found | self._kept
        self._shrink()
        self._make_room_beside_others()

    @property
    def is_open(self) -> bool:
        """Whether files are used."""
        return bool(self._key)

    @property
    def keeps(self) -> bool:
        """Whether there is anywhere to keep a state."""
        return bool(self._limits.ram_bytes or self._key)

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

    def chain(self, tokens: Sequence[int], held: int = 0) -> list[Kept]:
        """The states that lead furthest into `tokens`, one behind the other, from the first `held` of them on."""
        wanted = np.array(tokens, np.int32)
        found = [(kept.shared(wanted), kept) for kept in self._kept.values()]
        chain: list[Kept] = []
        reach = held
        while True:
            going_on = [pair for pair in found if pair[1].begin <= reach < pair[0] and self._fits(*pair)]
            if not going_on:
                return chain
            reach, kept = max(going_on, key=itemgetter(0))
            chain.append(kept)

    def _fits(self, shared: int, kept: Kept) -> bool:
        return self._parts or shared == len(kept.tokens)

    def state(self, kept: Kept) -> State | None:
        """The state itself; None where it turns out damaged or gone, and is kept no more."""
        state = kept.state if kept.state is not None else self._load(kept)
        if state is None:
            self.misses += 1
            if self._kept.get(kept.name) is kept:
                del self._kept[kept.name]
            return None
        self.hits += 1
        return state

    def put(self, tokens: Sequence[int], begin: int, answers: Spans, state: State) -> None:
        """Keeps the state of what is behind the first `begin` tokens; what it holds, too, is dropped elsewhere."""
        new = Kept(np.array(tokens, np.int32), begin, answers, len(state), state)
        for kept in list(self._kept.values()):
            if kept.begin >= begin and new.shared(kept.tokens) == len(kept.tokens):
                self._drop(kept)
        self._kept[new.name] = new
        self._latest = self.chain(tokens)
        self.touch(self._latest)
        self._shrink()

    def due(self) -> Kept | None:
        """What has to go to disk next, because memory is over its bound; to be written by `write`, outside of locks."""
        if not self._key or self.ram_bytes <= self._limits.ram_bytes:
            return None
        return next((kept for kept in self._kept.values() if kept.state is not None and kept.path is None), None)

    def wrote(self, kept: Kept, path: Path | None) -> None:
        """What `write` answered. What was dropped meanwhile, or could not be written, is not kept."""
        if self._kept.get(kept.name) is kept:
            kept.path = path
            if path is None:
                self._drop(kept)
            else:
                _stamp(self.chain(kept.tokens.tolist()))
        elif path is not None:
            _discard(path)
        self._shrink()
        self._make_room_beside_others()

    def forget(self) -> None:
        self._forgets = not self._key
        for kept in list(self._kept.values()):
            self._drop(kept)
        self._latest = []

    def touch(self, chain: Sequence[Kept]) -> None:
        """Counts these as the last used, for other processes too."""
        for kept in reversed(chain):
            self._kept[kept.name] = self._kept.pop(kept.name)
        _stamp(chain)

    def store(self, tokens: Sequence[int]) -> None:
        """Writes to disk what leads to the end of `tokens`, where it is not there yet."""
        for kept in self.chain(tokens):
            if kept.path is None and self._key:
                kept.path = self.write(kept)

    def flush(self) -> None:
        """Writes to disk what is only in memory, the last used first: the process may be ended over it."""
        now = time.time()
        for age, kept in enumerate(reversed(self._kept.values())):
            if kept.path is None and self._key:
                kept.path = self.write(kept)
            if kept.path is not None and kept.path.exists():
                os.utime(kept.path, (now - age, now - age))  # the order that `open_disk` finds
        self._shrink()

    def _shrink(self) -> None:
        """Keeps both bounds. Memory may be over its own while the disk catches up: by as much again, or the latest."""
        most, ram, disk = self._limits.ram_bytes, self.ram_bytes, self.disk_bytes
        for kept in list(self._kept.values()):
            can_go = kept.path is not None or not self._key or (ram > 2 * most and kept not in self._latest)
            if ram > most and can_go and kept.state is not None:
                kept.state, ram = None, ram - kept.size
            is_over = kept.path is not None and disk > self._limits.disk_bytes
            if is_over or (kept.state is None and kept.path is None):
                disk -= kept.size if kept.path is not None else 0
                self._drop(kept)

    def _make_room_beside_others(self) -> None:
        """The folder is for all models: what others left there goes, the oldest first, where it is too much."""
        assert self._limits.folder is not None
        files = [path for path in self._limits.folder.glob(f"*{_SUFFIX}") if not path.name.startswith(self._key[:16])]
        sizes = {path: _size(path) for path in sorted(files, key=_written_at)}
        over = self.disk_bytes + sum(sizes.values()) - self._limits.disk_bytes
        for path, size in sizes.items():
            if over <= 0:
                break
            _discard(path)
            over -= size

    def _drop(self, kept: Kept) -> None:
        del self._kept[kept.name]
        kept.state = None
        if kept.path is not None:
            _discard(kept.path)

    def write(self, kept: Kept) -> Path | None:
        """To a file of its own, complete or not at all; a full disk costs the snapshot, nothing else."""
        state = kept.state
        if state is None or self._limits.folder is None or kept.size > self._limits.disk_bytes:
            return None
        path = self._limits.folder / self._file_name(kept)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                write_state(file, self._key, kept.head, state)
            part.replace(path)
        except OSError as error:
            log.warning("a snapshot could not be written: %s", error)
            _discard(part)
            return None
        return path

    def _load(self, kept: Kept) -> State | None:
        """The state in a file, if there is one and every byte of it is as it was written."""
        if kept.path is None:
            return None
        try:
            with kept.path.open("rb") as file:
                return read_state(file, self._key, kept.head)
        except FileNotFoundError:  # another model's process needed the room
            return None
        except (OSError, ValueError) as error:
            self._refuse(kept.path, error)
        return None

    def _refuse(self, path: Path, why: Exception) -> None:
        log.warning("the snapshot %s cannot be used: %s", path.name, why)
        self.damaged += 1
        _discard(path)

    def _file_name(self, kept: Kept) -> str:
        return f"{self._key[:16]}-{kept.name.hex()}{_SUFFIX}"


def _stamp(chain: Iterable[Kept]) -> None:
    """Makes their files the newest, what others are behind the very newest: that is how they go."""
    for kept in reversed(list(chain)):
        if kept.path is not None:
            with suppress(OSError):  # it is found missing when it is wanted
                os.utime(kept.path)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process of the same folder was faster
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("a snapshot cannot be removed: %s", error)
