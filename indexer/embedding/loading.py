"""Chooses the embedder by its name: the default one, or any other through sentence-transformers.

Loads its weights. Imports no model library before that.
"""

from indexer.embedding.base import Embedder
from indexer.embedding.onnx import DEFAULT_MODEL, GRAPH, OnnxEmbedder, read_graph
from indexer.embedding.sentence import SentenceEmbedder
from indexer.errors import EmbedderOff

NONE = "none"  # a name that asks for no embedder


def load_embedder(name_or_path: str = DEFAULT_MODEL) -> Embedder:
    """The embedder of that name: the default one from `GRAPH`, any other through sentence-transformers.

    Raises `EmbedderUnavailable`; `EmbedderOff` if the name asks for none.
    """
    if name_or_path == NONE:
        raise EmbedderOff("EMBEDDING_MODEL=none: no embedding model is loaded, nothing is re-ranked")
    if name_or_path.removeprefix("sentence-transformers/") == DEFAULT_MODEL:
        return OnnxEmbedder(read_graph(GRAPH))
    return SentenceEmbedder(name_or_path)
