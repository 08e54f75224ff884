"""The postings of one file as bytes: which terms each of its chunks has, how often, and in which column.

A term is the CRC-32 of its text, so an index needs no dictionary. Of a hundred thousand terms one pair shares a number,
and counts as one term. Knows no database.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

ChunkTerms = tuple[Sequence[str], ...]  # of a chunk's path, its symbol, its signature and doc, its text

# A count has 16 bits: those of the text, of signature and doc, of the symbol, of the path. Higher ones are cut off.
_BITS = (2, 3, 4, 7)
_SHIFT = (14, 11, 7, 0)
_COLUMNS = len(_BITS)
_MAX_COUNT = np.array([(1 << bits) - 1 for bits in _BITS])
_CHECK = 4  # bytes of CRC-32
_CACHED_TERMS = 200_000


@dataclass(frozen=True, slots=True)
class Postings:
    """Of n chunks with p different terms in total; a chunk's terms stand together, in the order of the chunks."""

    lengths: NDArray[np.uint32]  # (n,) tokens of each chunk
    sizes: NDArray[np.uint32]  # (n,) different terms of each chunk
    terms: NDArray[np.uint32]  # (p,)
    counts: NDArray[np.uint16]  # (p,)

    @classmethod
    def none(cls, chunks: int) -> "Postings":
        """Of chunks whose terms are not known."""
        nothing = np.zeros(chunks, np.uint32)
        return cls(nothing, nothing, np.empty(0, np.uint32), np.empty(0, np.uint16))


class _Hashes(dict[str, int]):
    """The number of each term seen so far. Code repeats its terms."""

    def __missing__(self, term: str) -> int:
        if len(self) >= _CACHED_TERMS:
            self.clear()
        self[term] = number = zlib.crc32(term.encode("utf-8", "surrogatepass"))
        return number


_HASHES = _Hashes()


def numbers_of(terms: Sequence[str]) -> NDArray[np.uint32]:
    """(len(terms),), as `Postings.terms` has them."""
    return np.fromiter(map(_HASHES.__getitem__, terms), np.uint32, len(terms))


def column_counts(counts: NDArray[np.uint16]) -> NDArray[np.int64]:
    """(p, 4): how often a term is in each column of its chunk."""
    by_column: NDArray[np.int64] = (counts[:, np.newaxis].astype(np.int64) >> np.array(_SHIFT)) & _MAX_COUNT
    return by_column


def pack_postings(chunks: Sequence[ChunkTerms]) -> bytes:
    """The postings of a file's chunks, with a checksum."""
    columns = list(chain.from_iterable(chunks))
    lengths = np.fromiter(map(len, columns), np.int64, len(columns))
    terms = numbers_of(list(chain.from_iterable(columns))).astype(np.int64)
    column = np.repeat(np.arange(len(columns)), lengths)
    # Chunk, term and column in one number: sorting it brings the occurrences of a term in a chunk together.
    found, counts = np.unique((column // _COLUMNS) << 34 | terms << 2 | column % _COLUMNS, return_counts=True)
    shifted = np.minimum(counts, _MAX_COUNT[found & 3]) << np.array(_SHIFT)[found & 3]
    pairs = found >> 2  # of chunk and term
    first = np.flatnonzero(np.diff(pairs, prepend=-1))
    sizes = np.bincount(pairs[first] >> 32, minlength=len(chunks))
    data = b"".join(
        (
            np.array([len(chunks)], "<u4").tobytes(),
            lengths.reshape(-1, _COLUMNS).sum(axis=1).astype("<u4").tobytes(),
            sizes.astype("<u4").tobytes(),
            (pairs[first] & 0xFFFFFFFF).astype("<u4").tobytes(),
            (np.add.reduceat(shifted, first) if len(first) else shifted).astype("<u2").tobytes(),
        )
    )
    return data + zlib.crc32(data).to_bytes(_CHECK, "little")


def unpack_postings(data: bytes) -> Postings | None:
    """None if the bytes are not those that were packed."""
    body, check = data[:-_CHECK], data[-_CHECK:]
    if len(body) < 4 or zlib.crc32(body) != int.from_bytes(check, "little"):
        return None
    n = int.from_bytes(body[:4], "little")
    lengths, sizes = np.frombuffer(body, "<u4", 2 * n, 4).reshape(2, n)
    p = int(sizes.sum())
    return Postings(
        lengths, sizes, np.frombuffer(body, "<u4", p, 4 + 8 * n), np.frombuffer(body, "<u2", p, 4 + 8 * n + 4 * p)
    )
