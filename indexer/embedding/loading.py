"""Chooses the embedder by its name: the default one, or any other through sentence-transformers.

Loads its weights. Imports no model library before that.
"""

from indexer.embedding.base import Embedder
from indexer.embedding.onnx import DEFAULT_MODEL, GRAPH, OnnxEmbedder, read_graph
from indexer.embedding.sentence import SentenceEmbedder
from indexer.errors import EmbedderUnavailable

NONE = "none"  # a name that asks for no embedder


def load_embedder(name_or_path: str = DEFAULT_MODEL) -> Embedder:
    """The embedder of that name: the default one from `GRAPH`, any other through sentence-transformers.

    Raises `EmbedderUnavailable`.
    """
    if name_or_path == NONE:
        raise EmbedderUnavailable("EMBEDDING_MODEL=none: what a search finds is not re-ranked")
    if name_or_path.removeprefix("sentence-transformers/") == DEFAULT_MODEL:
        return OnnxEmbedder(read_graph(GRAPH))
    return SentenceEmbedder(name_or_path)
