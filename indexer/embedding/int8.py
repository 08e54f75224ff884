"""Unit vectors as bytes: eight bits per component and a checksum, a quarter of float32. Knows no index.

A row is scaled so that its largest component becomes 127; its length is 1 by definition, so no scale is stored. The
cosine to the exact vector is above 0.999 for 256 and more dimensions.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.embedding.base import Vectors

_TOP = 127
_CHECK = 4  # bytes of CRC-32


def pack(vectors: Vectors) -> list[bytes]:
    """(n, dim) to n rows of `dim` + 4 bytes."""
    largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True, initial=0.0), 1e-12)
    codes = np.rint(vectors * (_TOP / largest)).astype(np.int8)
    return [row + zlib.crc32(row).to_bytes(_CHECK, "little") for row in (code.tobytes() for code in codes)]


def unpack(rows: Sequence[bytes], dim: int) -> tuple[Vectors, NDArray[np.bool_]]:
    """The normalised vectors (sound rows, dim) and which rows are sound: as long as they should be, and unchanged."""
    sound = np.fromiter((_is_sound(row, dim) for row in rows), np.bool_, len(rows))
    joined = b"".join(row[:dim] for row, good in zip(rows, sound, strict=True) if good)
    vectors = np.frombuffer(joined, np.int8).reshape(-1, dim).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors, sound


def _is_sound(row: bytes, dim: int) -> bool:
    return len(row) == dim + _CHECK and zlib.crc32(row[:dim]) == int.from_bytes(row[dim:], "little")
