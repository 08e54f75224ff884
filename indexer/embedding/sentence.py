"""Any sentence-transformers model as an embedder. Needs the extra `[embedders]`.

torch, transformers and sentence_transformers are imported when a model is loaded (2-5 s), never before. Nothing here
touches the network.
"""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.embedding.base import Vectors
from indexer.errors import EmbedderUnavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_INSTALL = "pip install 'lantern[embedders]'"
_DOWNLOAD = (
    "give a folder with the model, or fetch it once: `hf download NAME` (sentence-transformers/NAME for short names)"
)
_WINDOW = 256  # tokens: the window MiniLM was trained with; longer ones cost more than they find
_BATCH = 16  # texts embedded at once
_ROUND = 16  # tokens: few distinct shapes, so that their compiled kernels are used again


class SentenceEmbedder:
    """A model by name or path.

    Raises `EmbedderUnavailable` if its weights or the libraries are not installed.
    """

    def __init__(self, name_or_path: str) -> None:
        self._model = _load(name_or_path)
        self._lock = threading.Lock()  # a tokenizer of transformers is not safe to share; the model is
        self._prompts = self._model.prompts or {}
        self.model_id = _model_id(name_or_path)
        self._model.max_seq_length = min(_WINDOW, self._model.max_seq_length or _WINDOW)
        self.dim = len(self.embed_query("dimension"))

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        prompt = self._prompts.get("document", "")
        return self._embed([prompt + text for text in texts])

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._embed([self._prompts.get("query", "") + text])[0]
        return vector

    def _embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dim), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        batches = [
            self._embed_batch([texts[i] for i in order[at : at + _BATCH]]) for at in range(0, len(order), _BATCH)
        ]
        vectors = np.concatenate(batches)
        rows = np.empty_like(vectors)
        rows[order] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return rows

    def _embed_batch(self, texts: Sequence[str]) -> Vectors:
        import torch
        from torch.nn.functional import pad

        with self._lock:
            features: dict[str, Any] = self._model.preprocess(texts)
        missing = -features["input_ids"].shape[1] % _ROUND
        with torch.inference_mode():
            padded = {
                name: pad(value, (0, missing)) if isinstance(value, torch.Tensor) and value.ndim == 2 else value
                for name, value in features.items()
            }
            vectors: Vectors = self._model(padded)["sentence_embedding"].float().numpy()
        return vectors


def _load(source: str) -> "SentenceTransformer":
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ModuleNotFoundError as error:
        raise EmbedderUnavailable(
            f"the embedding model {source!r} needs {error.name}, which is not installed: {_INSTALL}"
        ) from error

    logging.disable_progress_bar()
    try:
        model = SentenceTransformer(source, device="cpu", local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EmbedderUnavailable(f"the embedding model {source!r} cannot be loaded ({reason}): {_DOWNLOAD}") from error
    if torch.cpu.get_capabilities().get("avx512_bf16"):  # native: 2.5 x as fast, cosine to fp32 0.9999
        model.to(torch.bfloat16)
    return model.eval()


def _model_id(name_or_path: str) -> str:
    """A folder's weights may change under its name: part of their digest goes into the id."""
    weights = Path(name_or_path) / "model.safetensors"
    if not weights.is_file():
        return name_or_path
    with weights.open("rb") as stream:
        return f"{Path(name_or_path).name}@{hashlib.file_digest(stream, 'sha256').hexdigest()[:12]}"
