"""The default embedder: all-MiniLM-L6-v2 with upper layers of our own, tuned on code, as an int8 ONNX graph.

onnxruntime is imported when a graph is loaded, never before. Does not know how the graph is built, or what texts are.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from indexer.embedding.base import REINSTALL, Vectors
from indexer.errors import EmbedderUnavailable

DEFAULT_MODEL = "all-MiniLM-L6-v2"
GRAPH = Path(__file__).parent / "weights" / "minilm" / "model-int8.onnx"
GRAPH_SHA256 = "1e1fb4264a8e734d7d46d2deadc3f1cf156810b8d1bda93338b750c91a87ddfe"
MODEL_ID = f"{DEFAULT_MODEL}-int8@{GRAPH_SHA256[:12]}"  # vectors in data folders are stored under it
WINDOW = 96  # tokens of a document: 128 take a fifth longer and find as much, 64 find less (decision 15)
QUERY_WINDOW = 128  # tokens: of a bug report, the beginning matters most
_ERRORS_ONLY = 3  # ONNX Runtime's log severity


class OnnxEmbedder:
    """A graph of `training.onnx_export.convert` in ONNX Runtime; safe to share between threads.

    A run holds one text on one core, and as many run at once as there are cores: nothing is padded, no thread waits
    for another, and a vector does not depend on the texts beside it (int8 activations are scaled by the range of a
    whole run).
    """

    model_id = MODEL_ID

    def __init__(self, graph: bytes) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # The graph is written as it should run; "extended" would bring back the slow fused SkipLayerNormalization.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._tokenizer: Tokenizer = Tokenizer.from_str(self._session.get_modelmeta().custom_metadata_map["tokenizer"])
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._cores = ThreadPoolExecutor(os.cpu_count(), "embed")
        self.dim: int = self._session.get_outputs()[0].shape[1]

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = list(self._cores.map(partial(self._embed, window=WINDOW), texts))
        return np.stack(vectors) if vectors else np.empty((0, self.dim), np.float32)

    def embed_query(self, text: str) -> Vectors:
        return self._embed(text, QUERY_WINDOW)

    def _embed(self, text: str, window: int) -> Vectors:
        ids = self._tokenizer.encode(text).ids
        read = [*ids[: window - 1], ids[-1]]  # the last one is [SEP], which every text ends with
        vector: Vectors = self._session.run(None, {"ids": np.array([read])})[0][0]
        return vector


def read_graph(file: Path) -> bytes:
    """The graph's bytes. Raises `EmbedderUnavailable` unless they are the published ones (`GRAPH_SHA256`)."""
    try:
        graph = file.read_bytes()
    except OSError as error:
        raise EmbedderUnavailable(f"{file.name} cannot be read ({error.strerror}): {REINSTALL}") from error
    digest = hashlib.sha256(graph).hexdigest()
    if digest != GRAPH_SHA256:
        raise EmbedderUnavailable(f"{file.name} is damaged (sha256 {digest[:12]}...): {REINSTALL}")
    return graph
