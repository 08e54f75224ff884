"""The full text of one index in memory: BM25 over arrays, several times as fast as SQL.

An index is a value: changes make a new one, so several threads may read it. Knows no database.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.storage.postings import Postings, column_counts, numbers_of
from indexer.types import ChunkHead

Places = NDArray[np.intp]  # of chunks in the arrays of an index

# Of path, symbol, head, body. A chunk's path and symbol decide more than its words: measured on the development
# repositories.
WEIGHTS = (2.0, 3.0, 1.5, 1.0)
_SYMBOL = 1  # column
_K1, _B, _LEAST_IDF = 1.2, 0.75, 1e-6  # as in SQLite's BM25; the last one for a term in more than half of the chunks

_ALL_COUNTS = column_counts(np.arange(1 << 16).astype(np.uint16))
# By a posting's count: how often the term is in the chunk, weighted by column; whether it is in its symbol.
_FREQUENCY: NDArray[np.float64] = _ALL_COUNTS @ np.array(WEIGHTS)
_IN_SYMBOL: NDArray[np.bool_] = _ALL_COUNTS[:, _SYMBOL] > 0


@dataclass(frozen=True, slots=True)
class PostingLists:
    """Postings by term: those of `terms[i]` are at `starts[i]` to `starts[i + 1]`. At least one."""

    terms: NDArray[np.uint32]  # ascending
    starts: Places
    chunks: NDArray[np.int32]  # places of chunks
    counts: NDArray[np.uint16]

    @classmethod
    def of(cls, terms: NDArray[np.uint32], chunks: NDArray[np.int32], counts: NDArray[np.uint16]) -> "PostingLists":
        """From postings in order of chunks."""
        order = np.argsort(terms, kind="stable")
        terms = terms[order]
        starts = np.flatnonzero(np.diff(terms, prepend=terms[:1] ^ 1, append=terms[-1:] ^ 1))
        return cls(terms[starts[:-1]], starts, chunks[order], counts[order])

    def merge(self, later: "PostingLists") -> "PostingLists":
        """With the postings of chunks that come after the chunks of this one."""
        terms = [np.repeat(part.terms, np.diff(part.starts)) for part in (self, later)]
        chunks, counts = [self.chunks, later.chunks], [self.counts, later.counts]
        return PostingLists.of(np.concatenate(terms), np.concatenate(chunks), np.concatenate(counts))

    def find(self, numbers: NDArray[np.uint32]) -> list[slice]:
        """Where the postings of each term are."""
        at = np.minimum(np.searchsorted(self.terms, numbers), len(self.terms) - 1)
        ends = np.where(self.terms[at] == numbers, self.starts[at + 1], 0)  # a slice that ends at 0 is empty
        return list(map(slice, self.starts[at].tolist(), ends.tolist()))


@dataclass(frozen=True, slots=True)
class TermIndex:
    """The chunks of an index, in order of their ids, and their terms. `heads` must not be changed."""

    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # ascending
    heads: Sequence[ChunkHead] = ()
    lengths: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))  # tokens; 0 of a deleted chunk
    is_alive: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))  # False: it is deleted
    segments: tuple[PostingLists, ...] = ()

    @property
    def deleted(self) -> float:
        """Share of its chunks."""
        return 1 - self._alive() / len(self.ids) if len(self.ids) else 0.0

    def with_chunks(self, ids: Sequence[int], heads: Sequence[ChunkHead], postings: Sequence[Postings]) -> "TermIndex":
        """With more chunks, whose ids are above all others. One item of `postings` for each file, in order."""
        sizes = np.concatenate([item.sizes for item in postings])
        places = np.repeat(np.arange(len(self.ids), len(self.ids) + len(ids), dtype=np.int32), sizes)
        terms, counts = (np.concatenate([getattr(item, name) for item in postings]) for name in ("terms", "counts"))
        segments = [*self.segments, *([PostingLists.of(terms, places, counts)] if len(terms) else [])]
        # Each is at least twice as large as the next: there are few, and a posting is sorted again only a few times.
        while len(segments) > 1 and len(segments[-2].chunks) < 2 * len(segments[-1].chunks):
            segments[-2:] = [segments[-2].merge(segments[-1])]
        return TermIndex(
            ids=np.concatenate([self.ids, np.asarray(ids, np.int64)]),
            heads=[*self.heads, *heads],
            lengths=np.concatenate([self.lengths, *(item.lengths for item in postings)]),
            is_alive=np.concatenate([self.is_alive, np.ones(len(ids), np.bool_)]),
            segments=tuple(segments),
        )

    def without(self, ids: Sequence[int]) -> "TermIndex":
        """Without these chunks. Their postings stay."""
        gone = np.isin(self.ids, np.asarray(ids, np.int64))
        return TermIndex(self.ids, self.heads, self.lengths * ~gone, self.is_alive & ~gone, self.segments)

    def heads_of(self, ids: Collection[int]) -> dict[int, ChunkHead]:
        """The heads of these chunks, without those that are not here."""
        wanted = np.fromiter(ids, np.int64, len(ids))
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        known = (self.ids[at] == wanted) & self.is_alive[at] if len(self.ids) else np.zeros(len(ids), np.bool_)
        return {i: self.heads[place] for i, place in zip(wanted[known].tolist(), at[known].tolist(), strict=True)}

    def frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many chunks each term occurs; terms that occur nowhere are left out."""
        return {term: len(chunks) for term, chunks, _ in self._postings(terms) if len(chunks)}

    def search(self, terms: Sequence[str], limit: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """(chunk id, BM25) of the chunks with any of `terms`, best first; with `allowed`, only among these chunks."""
        mean_length = self.lengths.sum() / max(1, self._alive()) or 1.0
        norms = _K1 * (1 - _B + _B / mean_length * self.lengths)
        scores = np.zeros(len(self.ids))
        for _, chunks, counts in self._postings(terms):
            frequency = _FREQUENCY[counts]
            scores[chunks] += self._idf(len(chunks)) * (_K1 + 1) * frequency / (frequency + norms[chunks])
        if allowed is not None:
            scores *= np.isin(self.ids, np.asarray(allowed, np.int64))
        return self._best(scores, limit)

    def named_like(self, terms: Sequence[str], limit: int) -> list[tuple[int, str]]:
        """(chunk id, symbol) of the chunks with two of `terms` in their symbol, those with the rarest terms first."""
        scores, matches = np.zeros(len(self.ids)), np.zeros(len(self.ids), np.intp)
        for _, chunks, counts in self._postings(terms):
            named = chunks[_IN_SYMBOL[counts]]
            scores[named] += self._idf(len(chunks))
            matches[named] += 1
        heads = self.heads_of([i for i, _ in self._best(scores * (matches > 1), limit)])
        return [(i, head.symbol) for i, head in heads.items()]

    def _postings(self, terms: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int32], NDArray[np.uint16]]]:
        """Each term with the places of the chunks that have it, and its counts there."""
        numbers, is_whole = numbers_of(terms), self._alive() == len(self.ids)
        found = [segment.find(numbers) for segment in self.segments]
        for at, term in enumerate(terms if found else ()):
            parts = [
                (s.chunks[slices[at]], s.counts[slices[at]]) for s, slices in zip(self.segments, found, strict=True)
            ]
            chunks, counts = map(np.concatenate, zip(*parts, strict=True)) if len(parts) > 1 else parts[0]
            kept = slice(None) if is_whole else self.is_alive[chunks]
            yield term, chunks[kept], counts[kept]

    def _idf(self, frequency: int) -> float:
        return max(_LEAST_IDF, math.log((self._alive() - frequency + 0.5) / (frequency + 0.5)))

    def _alive(self) -> int:
        return int(np.count_nonzero(self.is_alive))

    def _best(self, scores: NDArray[np.float64], limit: int) -> list[tuple[int, float]]:
        """(chunk id, score) of the highest scores above 0, best first, ties by id."""
        found = np.flatnonzero(scores)
        if len(found) > limit:
            least = np.partition(scores[found], len(found) - limit)[len(found) - limit]
            found = found[scores[found] >= least]
        found = found[np.argsort(-scores[found], kind="stable")][:limit]
        return list(zip(self.ids[found].tolist(), scores[found].tolist(), strict=True))
