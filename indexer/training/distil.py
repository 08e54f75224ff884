"""Word pieces -> their initial vectors: a sentence model's embedding of each piece alone, in fewer dimensions (PCA).

Knows the sentence model only as an `Embedder`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.embedding.base import Embedder

_LENGTH = 3.0  # scale of the vectors: long enough that training turns them slowly


def distilled(pieces: Sequence[str], embedder: Embedder, dim: int) -> NDArray[np.float32]:
    """(len(pieces), dim): the principal components of each piece's embedding. A piece `##x` is embedded as `x`."""
    vectors = embedder.embed_documents([piece.removeprefix("##") for piece in pieces])
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # by ascending variance
    projected: NDArray[np.float32] = (centred @ axes[:, ::-1][:, :dim] * _LENGTH).astype(np.float32)
    return projected
