"""Nearest vectors by cosine: FAISS, and the plain arithmetic that it is held against.

Knows ids and vectors only. Vectors are L2-normalised rows, so the inner product is the cosine.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]


class VectorIndex(Protocol):
    """A set of (id, vector). Adding an id that is there raises ValueError; removing one that is not does nothing."""

    dim: int

    def __len__(self) -> int: ...

    def add(self, ids: Sequence[int], vectors: Vectors) -> None:
        """`vectors` is float32 (len(ids), dim); ValueError when it is not, or when an id is already there."""
        ...

    def remove(self, ids: Sequence[int]) -> None: ...

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """At most `k` (id, cosine), best first, equal ones by id; only among `allowed` where it is given."""
        ...


class FaissIndex:
    """Exact search by FAISS; 50,000 x 384 in about 4 ms."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._ids: set[int] = set()
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Sequence[int], vectors: Vectors) -> None:
        _check(ids, vectors, self.dim, self._ids)
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors), np.asarray(ids, np.int64))
            self._ids.update(ids)

    def remove(self, ids: Sequence[int]) -> None:
        known = self._ids.intersection(ids)
        if known:
            self._index.remove_ids(faiss.IDSelectorBatch(np.fromiter(known, np.int64, len(known))))
            self._ids -= known

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        _check_query(vector, self.dim)
        k = min(k, len(self._ids))
        if k < 1 or (allowed is not None and not len(allowed)):
            return []
        if allowed is None:
            scores, ids = self._index.search(vector[np.newaxis], k)
        else:
            selector = faiss.IDSelectorBatch(np.asarray(allowed, np.int64))
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]  # its stub has no fields
            scores, ids = self._index.search(vector[np.newaxis], k, params=parameters)
        return _ranked(
            (i, s) for i, s in zip(ids[0].tolist(), scores[0].tolist(), strict=True) if i >= 0
        )  # -1: padding


class BruteForceIndex:
    """The oracle: nothing but a matrix product."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._vectors: dict[int, Vectors] = {}

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, ids: Sequence[int], vectors: Vectors) -> None:
        _check(ids, vectors, self.dim, self._vectors.keys())
        self._vectors.update(zip(ids, vectors, strict=True))

    def remove(self, ids: Sequence[int]) -> None:
        for i in ids:
            self._vectors.pop(i, None)

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        _check_query(vector, self.dim)
        ids = [i for i in self._vectors if allowed is None or i in set(allowed)]
        return _ranked((i, float(self._vectors[i] @ vector)) for i in ids)[: max(k, 0)]


def _ranked(found: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _check(ids: Sequence[int], vectors: Vectors, dim: int, known: Collection[int]) -> None:
    if vectors.dtype != np.float32 or vectors.shape != (len(ids), dim):
        raise ValueError(f"expected float32 ({len(ids)}, {dim}), not {vectors.dtype} {vectors.shape}")
    if len(set(ids)) != len(ids) or any(i in known for i in ids):
        raise ValueError("an id is given twice or is already in the index")


def _check_query(vector: Vectors, dim: int) -> None:
    if vector.dtype != np.float32 or vector.shape != (dim,):
        raise ValueError(f"expected float32 ({dim},), not {vector.dtype} {vector.shape}")
