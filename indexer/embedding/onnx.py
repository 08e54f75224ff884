"""The default embedder without torch: all-MiniLM-L6-v2 with our own upper layers, tuned on code, as the int8 ONNX graph
that `indexer.embedding.onnx_export` made at set-up.

onnxruntime is imported when a graph is loaded, never before. Does not know how the graph is built, or what texts are.
"""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from indexer.embedding.base import DEFAULT_MODEL, WEIGHTS_SHA256, Embedder, SentenceEmbedder, Vectors, is_default
from indexer.errors import EmbedderUnavailable

log = logging.getLogger(__name__)

# Of weights/minilm/layers.safetensors, as `indexer.training.minilm` tells it.
LAYERS_SHA256 = "d1da614cf68e61f51ab6aeda8cbf188509273e523328fb88cdd27a8ba74d282b"
MODEL_ID = f"{DEFAULT_MODEL}-int8@{LAYERS_SHA256[:12]}"
CONVERTED = Path(sys.prefix) / "share" / "lantern" / f"{DEFAULT_MODEL}-int8.onnx"
RECIPE = "2"  # of the conversion: a graph made by another one is refused, and made again by the next set-up
_REMAKE = "`make setup` makes it again"
WINDOW = 128  # tokens: on docstring -> definition pairs 256 took twice as long and found less (docs/benchmarks.md)
_ERRORS_ONLY = 3  # ONNX Runtime's log severity


class OnnxEmbedder:
    """A graph of `quantize.convert` in ONNX Runtime; safe to share between threads.

    A run holds one text on one core, and as many run at once as there are cores: nothing is padded, no thread waits
    for another, and a vector does not depend on what was embedded beside it (int8 activations are scaled by the range
    of a whole run).
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
        return (
            np.stack(list(self._cores.map(self.embed_query, texts))) if texts else np.empty((0, self.dim), np.float32)
        )

    def embed_query(self, text: str) -> Vectors:
        ids = self._tokenizer.encode(text).ids
        seen = [*ids[: WINDOW - 1], ids[-1]]  # the last one is [SEP], which every text ends with
        vector: Vectors = self._session.run(None, {"ids": np.array([seen])})[0][0]
        return vector


def load_embedder(name_or_path: str = DEFAULT_MODEL) -> Embedder:
    """The embedder of that name. The default one runs without torch where its converted graph is.

    Raises `EmbedderUnavailable`.
    """
    if not is_default(name_or_path):
        return SentenceEmbedder(name_or_path)
    if not CONVERTED.exists():
        log.warning("%s is not here: %s loads with torch, which takes seconds (%s)", CONVERTED, DEFAULT_MODEL, _REMAKE)
        return SentenceEmbedder(name_or_path)
    return OnnxEmbedder(read_converted(CONVERTED))


def manifest(graph: bytes) -> dict[str, str]:
    """What stands beside a converted graph, in `manifest_path`: its own digest, those of its weights, the recipe."""
    return {
        "sha256": hashlib.sha256(graph).hexdigest(),
        "source": WEIGHTS_SHA256,
        "layers": LAYERS_SHA256,
        "recipe": RECIPE,
    }


def manifest_path(file: Path) -> Path:
    return file.with_suffix(".json")


def read_converted(file: Path) -> bytes:
    """The graph's bytes; raises `EmbedderUnavailable` unless they are the ones that this version's conversion wrote."""
    try:
        graph = file.read_bytes()
        told = json.loads(manifest_path(file).read_bytes())
    except OSError as error:
        name = Path(error.filename or file).name
        raise EmbedderUnavailable(f"{name} cannot be read ({error.strerror}): {_REMAKE}") from error
    except ValueError as error:
        raise EmbedderUnavailable(f"{manifest_path(file).name} is damaged ({error}): {_REMAKE}") from error
    made = manifest(graph)
    if not isinstance(told, dict) or told.get("sha256") != made["sha256"]:
        raise EmbedderUnavailable(f"{file.name} is damaged (sha256 {made['sha256'][:12]}...): {_REMAKE}")
    if told != made:
        raise EmbedderUnavailable(f"{file.name} was made by another version, or from other weights: {_REMAKE}")
    return graph
