"""Which embedder a name means."""

import pytest

from indexer.embedding.loading import load_embedder
from indexer.errors import EmbedderOff


def test_none_is_no_embedder() -> None:
    with pytest.raises(EmbedderOff, match="EMBEDDING_MODEL=none"):
        load_embedder("none")
