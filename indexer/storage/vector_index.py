"""Nearest vectors by cosine: by FAISS, and by brute force to test it against.

Knows ids and vectors only. Vectors are L2-normalised rows, so the inner product is the cosine.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]

FLAT = 200_000  # up to so many vectors a search compares all: 8 ms on one core at 256 components
_CLUSTERS = 1024
_PER_CLUSTER = 40  # vectors to train a cluster with: FAISS warns below 39
_MARGIN = 0.25  # share of each component's range in the sample, kept free on both sides for later vectors
_PROBED = 64  # clusters searched
_LENGTH, _CHECKSUM = 4, 32  # bytes at the end of a saved index: its note's length, its SHA-256
_BLOCK = 1 << 20  # bytes read at once


class VectorIndex(Protocol):
    """A set of (id, vector). Adding an existing id raises ValueError; removing a missing one does nothing."""

    dim: int

    def __len__(self) -> int: ...

    def add(self, ids: Sequence[int], vectors: Vectors) -> None:
        """`vectors` is float32 (len(ids), dim); ValueError when it is not, or when an id already exists."""
        ...

    def remove(self, ids: Sequence[int]) -> None: ...

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """At most `k` (id, cosine), best first, ties by id; with `allowed`, only among these ids."""
        ...


class FaissIndex:
    """By FAISS. Up to `flat` vectors: half floats, all compared. Beyond: one byte a component, in clusters (IVF).

    Flat cosines are right to three digits; 50,000 x 256 take 2 ms, with 32-bit floats 3 to 11. The clusters find 97 %
    of the nearest 50 of clustered vectors of 256 components (HNSW at the same speed: 94 %, built six times as slowly)
    and take 0.3 GB for a million. They are trained on the vectors present when the index outgrows `flat`, and stay
    when vectors are removed.
    """

    def __init__(self, dim: int, flat: int = FLAT) -> None:
        self.dim = dim
        self._flat = flat
        self._ids: Ids = np.empty(0, np.int64)  # ascending
        halves = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index: Any = faiss.IndexIDMap2(halves)  # the stubs do not distinguish kinds of index

    @property
    def is_flat(self) -> bool:
        return not isinstance(self._index, faiss.IndexIVF)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Sequence[int], vectors: Vectors) -> None:
        new = np.asarray(ids, np.int64)
        _check(ids, vectors, self.dim, bool(_is_member(new, self._ids).any()))
        if not len(new):
            return
        if self.is_flat and len(self) + len(new) > self._flat:
            self._cluster(vectors)
        self._index.add_with_ids(np.ascontiguousarray(vectors), new)
        self._ids = np.sort(np.concatenate([self._ids, new]), kind="stable")  # mostly in order already

    def remove(self, ids: Sequence[int]) -> None:
        old = np.asarray(ids, np.int64)
        old = old[_is_member(old, self._ids)]
        if len(old):
            self._index.remove_ids(faiss.IDSelectorBatch(old))
            self._ids = self._ids[~np.isin(self._ids, old)]

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        _check_query(vector, self.dim)
        k = min(k, len(self))
        if k < 1 or (allowed is not None and not len(allowed)):
            return []
        selector = None if allowed is None else faiss.IDSelectorBatch(np.asarray(allowed, np.int64))
        with _one_thread():
            scores, ids = self._index.search(vector[np.newaxis], k, params=self._parameters(selector))
        return _ranked(
            (i, s) for i, s in zip(ids[0].tolist(), scores[0].tolist(), strict=True) if i >= 0
        )  # -1: padding

    def save(self, file: Path, note: str) -> None:
        """Writes the index and `note` to `file` atomically. Raises OSError."""
        new = file.with_suffix(f".{os.getpid()}.new")
        try:
            faiss.write_index(self._index, os.fspath(new))
            data = note.encode()
            with new.open("ab") as out:
                out.write(data + len(data).to_bytes(_LENGTH, "little"))
            with new.open("r+b") as out:
                checksum = hashlib.file_digest(out, "sha256").digest()
                out.write(checksum)
            new.replace(file)
        except RuntimeError as error:  # FAISS cannot write
            raise OSError(str(error)) from error
        finally:
            new.unlink(missing_ok=True)

    @classmethod
    def load(cls, file: Path, dim: int) -> "tuple[FaissIndex, str] | None":
        """The index that `save` wrote, and its note; None when the file is missing or damaged."""
        try:
            note = _note(file)
            if note is None:
                return None
            loaded = faiss.read_index(os.fspath(file))
        except (OSError, RuntimeError):
            return None
        index = cls(dim)
        index._index = loaded
        index._ids = np.sort(_ids_of(loaded))
        return (index, note) if loaded.d == dim else None

    def _cluster(self, added: Vectors) -> None:
        """Switches to clusters, trained on a sample of the stored vectors and of those about to be added."""
        stored = self._index.index.reconstruct_n(0, len(self)) if len(self) else added[:0]
        stored_ids = faiss.vector_to_array(self._index.id_map)
        vectors = np.concatenate([stored, added])
        clusters = max(1, min(_CLUSTERS, len(vectors) // _PER_CLUSTER))
        quantizer = faiss.IndexFlatIP(self.dim)
        scalar = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(quantizer, self.dim, clusters, scalar, faiss.METRIC_INNER_PRODUCT)
        index.sq.rangestat_arg = _MARGIN
        sample = np.random.default_rng(0).permutation(len(vectors))[: clusters * _PER_CLUSTER]
        index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
        index.nprobe = _PROBED
        if len(stored):
            index.add_with_ids(stored, stored_ids)
        self._index = index

    def _parameters(self, selector: faiss.IDSelector | None) -> faiss.SearchParameters:
        if self.is_flat:
            return faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]  # its stub has no fields
        # A few allowed ids may lie in any cluster, and comparing only these is fast.
        probed = self._index.nprobe if selector is None else self._index.nlist
        return faiss.SearchParametersIVF(sel=selector, nprobe=probed)  # type: ignore[call-arg]


class BruteForceIndex:
    """The reference for tests: inner products, one by one."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._vectors: dict[int, Vectors] = {}

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, ids: Sequence[int], vectors: Vectors) -> None:
        _check(ids, vectors, self.dim, any(i in self._vectors for i in ids))
        self._vectors.update(zip(ids, vectors, strict=True))

    def remove(self, ids: Sequence[int]) -> None:
        for i in ids:
            self._vectors.pop(i, None)

    def search(self, vector: Vectors, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        _check_query(vector, self.dim)
        ids = [i for i in self._vectors if allowed is None or i in set(allowed)]
        return _ranked((i, float(self._vectors[i] @ vector)) for i in ids)[: max(k, 0)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """More threads are no faster for one query, and on busy cores they wait for each other: 17 ms instead of 1.4."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _ranked(found: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _is_member(ids: Ids, ascending: Ids) -> NDArray[np.bool_]:
    """Which of `ids` are in `ascending`."""
    if not len(ascending):
        return np.zeros(len(ids), np.bool_)
    return np.asarray(ascending[np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)] == ids)


def _ids_of(index: Any) -> Ids:
    if not isinstance(index, faiss.IndexIVF):
        return np.asarray(faiss.vector_to_array(index.id_map), np.int64)
    lists: Any = index.invlists
    parts = [
        faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
        for i in range(index.nlist)
        if lists.list_size(i)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _note(file: Path) -> str | None:
    """The note at the end of a saved index; None when the checksum is wrong."""
    size = file.stat().st_size
    if size < _LENGTH + _CHECKSUM:
        return None
    with file.open("rb") as data:
        checksum = hashlib.sha256()
        left = size - _CHECKSUM
        while left > 0 and (block := data.read(min(left, _BLOCK))):
            checksum.update(block)
            left -= len(block)
        if data.read() != checksum.digest():
            return None
        data.seek(size - _CHECKSUM - _LENGTH)
        length = int.from_bytes(data.read(_LENGTH), "little")
        data.seek(size - _CHECKSUM - _LENGTH - length)
        return data.read(length).decode()


def _check(ids: Sequence[int], vectors: Vectors, dim: int, any_exists: bool) -> None:
    if vectors.dtype != np.float32 or vectors.shape != (len(ids), dim):
        raise ValueError(f"expected float32 ({len(ids)}, {dim}), not {vectors.dtype} {vectors.shape}")
    if any_exists or len(set(ids)) != len(ids):
        raise ValueError("an id is given twice or is already in the index")


def _check_query(vector: Vectors, dim: int) -> None:
    if vector.dtype != np.float32 or vector.shape != (dim,):
        raise ValueError(f"expected float32 ({dim},), not {vector.dtype} {vector.shape}")
