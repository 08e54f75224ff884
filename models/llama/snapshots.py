"""States of sequences that left the cells: the last used in memory, the others on disk, each within its bytes.

A state is found by the tokens that it is of; a file counts only for the model and context it was made with, and only
whole. Damaged or foreign means not there. Knows files and bytes, not llama.cpp.
"""

import hashlib
import json
import logging
import os
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from models.llama.prefixes import common

log = logging.getLogger(__name__)

# A file: magic, SHA-256 of all that follows, length of the head (4 bytes), head (JSON), tokens (4 bytes each), state.
_MAGIC = b"LANTERNKV1\n"
_SUFFIX = ".kv"
_SHA_BYTES, _LENGTH_BYTES = 32, 4
_HEAD_BYTES = 1 << 20
_START = len(_MAGIC) + _SHA_BYTES + _LENGTH_BYTES

Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where states may go, and how much of them. No folder: nothing is written to disk."""

    ram_bytes: int = 0
    disk_bytes: int = 0
    folder: Path | None = None


@dataclass(eq=False, slots=True)
class _Kept:
    tokens: list[int]
    answers: Spans  # spans of `tokens` that the model itself has said
    size: int
    state: bytearray | None  # None: it is in `path`
    path: Path | None = None


class Snapshots:
    """The states, the least recently used first to go: from memory to disk, from disk away."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._key = limits, ""
        self._kept: dict[bytes, _Kept] = {}  # by the tokens' digest, last used last
        self.hits = self.misses = self.damaged = 0

    def open_disk(self, key: str) -> None:
        """From now on files of `key` (a digest of the model and of all that shapes a state) are used and written."""
        if self._limits.folder is None or not self._limits.disk_bytes:
            return
        self._limits.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = key
        for path in sorted(self._limits.folder.glob(f"{key[:16]}-*{_SUFFIX}"), key=lambda path: path.stat().st_mtime):
            try:
                with path.open("rb") as file:
                    tokens, answers = _read_head(file, key)
                if path.name != self._name(tokens):
                    raise ValueError("its name is not that of its tokens")
            except (OSError, ValueError, TypeError, KeyError):
                self._discard(path)
                continue
            self._kept.setdefault(_digest(tokens), _Kept(tokens, answers, path.stat().st_size, None, path))
        self._shrink()

    def answers(self) -> list[tuple[list[int], Spans]]:
        """Tokens and what of them the model has said, of all that is kept."""
        return [(kept.tokens, kept.answers) for kept in self._kept.values()]

    @property
    def ram_bytes(self) -> int:
        return sum(kept.size for kept in self._kept.values() if kept.state is not None)

    @property
    def disk_bytes(self) -> int:
        return sum(kept.size for kept in self._kept.values() if kept.path is not None)

    def longest(self, tokens: Sequence[int]) -> tuple[int, int]:
        """Length of the longest kept beginning of `tokens`, and of the whole state that has it."""
        best = max(self._kept.values(), key=lambda kept: common(kept.tokens, tokens), default=None)
        return (common(best.tokens, tokens), len(best.tokens)) if best else (0, 0)

    def take(self, tokens: Sequence[int]) -> tuple[list[int], Spans, bytearray] | None:
        """Tokens, answers and state of what `longest` found; None where it turns out damaged."""
        digest = max(self._kept, key=lambda digest: common(self._kept[digest].tokens, tokens), default=None)
        if digest is None:
            return None
        kept = self._kept.pop(digest)
        state = kept.state if kept.state is not None else self._load(kept)
        if state is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept[digest] = kept  # now the last used
        return kept.tokens, kept.answers, state

    def put(self, tokens: list[int], answers: Spans, state: bytearray) -> None:
        """Keeps a state; what it is a continuation of is dropped."""
        for digest, kept in list(self._kept.items()):
            if len(kept.tokens) <= len(tokens) and common(kept.tokens, tokens) == len(kept.tokens):
                self._drop(digest)
        self._kept[_digest(tokens)] = _Kept(tokens, answers, len(state), state)
        self._shrink()

    def knows(self, tokens: list[int]) -> bool:
        """Whether all of `tokens` is kept, alone or as the beginning of more."""
        return self.longest(tokens)[0] == len(tokens)

    def flush(self) -> None:
        """Writes to disk what is only in memory, the last used first in importance."""
        for kept in self._kept.values():
            if kept.state is not None and kept.path is None:
                self._write(kept)
        self._shrink()

    def _shrink(self) -> None:
        """Keeps both bounds: out of memory to disk, out of the disk away."""
        for kept in list(self._kept.values()):
            if self.ram_bytes <= self._limits.ram_bytes:
                break
            if kept.state is not None:
                if kept.path is None:
                    self._write(kept)
                kept.state = None
        for digest, kept in list(self._kept.items()):
            over = self.disk_bytes > self._limits.disk_bytes and kept.path is not None
            if over or (kept.state is None and kept.path is None):
                self._drop(digest)

    def _drop(self, digest: bytes) -> None:
        kept = self._kept.pop(digest)
        if kept.path is not None:
            self._discard(kept.path)

    def _write(self, kept: _Kept) -> None:
        """To a file of its own, complete or not at all; a full disk costs the snapshot, nothing else."""
        assert kept.state is not None
        if not self._key or self._limits.folder is None or kept.size > self._limits.disk_bytes:
            return
        path = self._limits.folder / self._name(kept.tokens)
        part = path.with_suffix(f".{os.getpid()}.part")
        head = json.dumps({"key": self._key, "tokens": len(kept.tokens), "answers": kept.answers}).encode()
        front = len(head).to_bytes(_LENGTH_BYTES, "little") + head + _packed(kept.tokens)
        sha = hashlib.sha256(front)
        sha.update(kept.state)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for piece in (_MAGIC, sha.digest(), front, kept.state):
                    file.write(piece)
            part.replace(path)
        except OSError as error:
            log.warning("a snapshot could not be written: %s", error)
            self._discard(part)
            return
        kept.path = path

    def _load(self, kept: _Kept) -> bytearray | None:
        """The state in a file, if every byte of it is as it was written."""
        assert kept.path is not None
        try:
            with kept.path.open("rb") as file:
                sha = file.read(_START)[len(_MAGIC) : len(_MAGIC) + _SHA_BYTES]
                file.seek(0)
                _read_head(file, self._key)
                start = file.tell()
                state = bytearray(os.fstat(file.fileno()).st_size - start)
                file.readinto(state)
                file.seek(len(_MAGIC) + _SHA_BYTES)
                found = hashlib.sha256(file.read(start - file.tell()))
            found.update(state)
            if found.digest() == sha:
                return state
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.info("a snapshot cannot be read: %s", error)
        self.damaged += 1
        self._discard(kept.path)
        return None

    def _name(self, tokens: list[int]) -> str:
        return f"{self._key[:16]}-{_digest(tokens).hex()}{_SUFFIX}"

    @staticmethod
    def _discard(path: Path) -> None:
        path.unlink(missing_ok=True)


def _read_head(file: BinaryIO, key: str) -> tuple[list[int], Spans]:
    """Tokens and answers at the beginning of a file, which is then read up to its state.

    Raises ValueError, TypeError or KeyError where it is damaged or of another model.
    """
    start = file.read(_START)
    if len(start) < _START or not start.startswith(_MAGIC):
        raise ValueError("no snapshot")
    length = int.from_bytes(start[-_LENGTH_BYTES:], "little")
    head = json.loads(file.read(min(length, _HEAD_BYTES)))
    if head["key"] != key:
        raise ValueError("of another model or context")
    packed = file.read(head["tokens"] * 4)
    tokens = array("i")
    tokens.frombytes(packed)
    if sys.byteorder == "big":
        tokens.byteswap()
    if len(tokens) != head["tokens"]:
        raise ValueError("cut short")
    return tokens.tolist(), [(int(begin), int(end)) for begin, end in head["answers"]]


def _packed(tokens: Sequence[int]) -> bytes:
    packed = array("i", tokens)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _digest(tokens: Sequence[int]) -> bytes:
    return hashlib.sha256(_packed(tokens)).digest()[:16]
