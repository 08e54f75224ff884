"""Word pieces -> their first vectors: what a sentence model says of each piece alone, turned to fewer dimensions.

Knows the sentence model only as an `Embedder`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.embedding.base import Embedder

_LENGTH = 3.0  # of a mean vector: long enough that training turns it slowly


def distilled(pieces: Sequence[str], embedder: Embedder, dim: int) -> NDArray[np.float32]:
    """(len(pieces), dim): the principal components of each piece's embedding. A later piece `##x` is read as `x`."""
    vectors = embedder.embed_documents([piece.removeprefix("##") for piece in pieces])
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # in the order of growing variance
    turned: NDArray[np.float32] = (centred @ axes[:, ::-1][:, :dim] * _LENGTH).astype(np.float32)
    return turned
