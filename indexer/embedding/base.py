"""The protocol of embedders, text -> vector, and a double without weights for tests.

Imports no model library. Does not know chunks or where vectors are stored.
"""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.parsing.identifiers import split

Vectors = NDArray[np.float32]

REINSTALL = "reinstall Lantern, or restore the file with `git checkout` in a clone"


class Embedder(Protocol):
    """Texts to L2-normalised float32 rows. Safe to call from several threads at once."""

    @property
    def model_id(self) -> str:
        """Names the vectors: two embedders with the same id give comparable vectors."""
        ...

    @property
    def dim(self) -> int: ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim), in the order of `texts`."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """(dim,)"""
        ...


class HashEmbedder:
    """The double: a text is the sum of its terms' random directions, so similar texts have similar vectors.

    The same in every process; needs no weights.
    """

    def __init__(self, dim: int = 64, model_id: str = "hash") -> None:
        self.model_id, self.dim = f"{model_id}-{dim}", dim

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts]) if texts else np.empty((0, self.dim), np.float32)

    def embed_query(self, text: str) -> Vectors:
        total = np.full(self.dim, 1e-6, np.float32)
        for term in split(text):
            total += self._direction(term)
        unit: Vectors = total / np.linalg.norm(total)
        return unit

    def _direction(self, term: str) -> Vectors:
        return np.frombuffer(hashlib.shake_128(term.encode()).digest(self.dim), np.int8).astype(np.float32)
