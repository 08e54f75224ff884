"""The file of one state, with a checksum over every byte. Knows no folder, no limits, no llama.cpp."""

import hashlib
import json
import mmap
import os
import struct
import sys
from array import array
from collections.abc import Iterable
from io import BufferedIOBase
from typing import NamedTuple

import numpy as np

# A file: fixed part (magic, length of the head, count of tokens, SHA-256 of head and tokens, SHA-256 of the state),
# head (JSON), tokens (4 bytes each), state. Nothing is parsed before its checksum is verified.
_FIXED = struct.Struct("<11sII32s32s")
_MAGIC = b"LANTERNKV3\n"

Spans = list[tuple[int, int]]
State = bytearray | memoryview


class Head(NamedTuple):
    """Which tokens a state is of: those after the first `begin` of `tokens`."""

    tokens: list[int]
    begin: int
    answers: Spans  # spans of `tokens` that the model generated


def blank(size: int) -> memoryview:
    """Memory for a state: not zeroed and, where the system has huge pages, not mapped in small ones. Either would
    take as long as filling it.
    """
    return np.empty(size, np.uint8).data


def write_state(file: BufferedIOBase, key: str, head: Head, state: State) -> None:
    """`key` identifies the model and everything that shapes its cells."""
    front = json.dumps({"key": key, "begin": head.begin, "answers": head.answers}).encode()
    packed = _packed(head.tokens)
    sums = (hashlib.sha256(front + packed).digest(), hashlib.sha256(state).digest())
    for piece in (_FIXED.pack(_MAGIC, len(front), len(head.tokens), *sums), front, packed, state):
        file.write(piece)


def read_state(file: BufferedIOBase, key: str, wanted: Head) -> State:
    """Raises ValueError where a byte has changed, or the state is of other tokens."""
    head, sha = read_head(file, key)
    # Mapped, so that it needs no memory of its own. Private: nothing is ever written back.
    state = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))[file.tell() :]
    if head != wanted or hashlib.sha256(state).digest() != sha:
        raise ValueError("its state has changed")
    return state


def read_head(file: BufferedIOBase, key: str) -> tuple[Head, bytes]:
    """The head of a file, and the SHA-256 of its state. The file is then read up to the state.

    Raises ValueError where it is damaged or of another model.
    """
    fixed = file.read(_FIXED.size)
    if len(fixed) < _FIXED.size or not fixed.startswith(_MAGIC):
        raise ValueError("not a snapshot")
    _, length, count, sha, state_sha = _FIXED.unpack(fixed)
    if _FIXED.size + length + 4 * count > os.fstat(file.fileno()).st_size:
        raise ValueError("cut short")
    front, packed = file.read(length), file.read(4 * count)
    if hashlib.sha256(front + packed).digest() != sha:
        raise ValueError("its head has changed")
    fields, tokens = json.loads(front), array("i", packed)
    if fields["key"] != key:
        raise ValueError("of another model or context")
    if sys.byteorder == "big":
        tokens.byteswap()
    return Head(tokens.tolist(), fields["begin"], [(begin, end) for begin, end in fields["answers"]]), state_sha


def _packed(tokens: Iterable[int]) -> bytes:
    packed = array("i", tokens)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def digest(tokens: Iterable[int], begin: int) -> bytes:
    """Identifies a state; part of its file's name."""
    return hashlib.sha256(_packed([begin, *tokens])).digest()[:16]
