"""Text -> vector by a table of token vectors alone: the mean of its tokens' rows. Needs numpy and tokenizers, no torch.

The format is sentence-transformers' StaticEmbedding (`tokenizer.json`, `model.safetensors`), so the folder loads there
too. Splitting names at camelCase and digits is part of tokenizer.json. Does not know how the table was trained.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load
from tokenizers import Tokenizer

from indexer.errors import EmbedderUnavailable

Vectors = NDArray[np.float32]

OWN_TABLE = Path(__file__).parent / "weights" / "static"
WEIGHTS, TOKENIZER, MANIFEST = "model.safetensors", "tokenizer.json", "SHA256SUMS"
TENSOR = "embedding.weight"
_BATCH = 2048  # texts tokenized at once: bounds the memory of their tokens
_KEPT_WORDS = 200_000
_WORD = re.compile(r"[A-Za-z]+|[0-9]+")
# Lantern's own way to words (`training.vocabulary`): nothing that it looks at lies beyond a run of letters or digits.
_NORMALIZER = {
    "type": "Sequence",
    "normalizers": [
        {
            "type": "Replace",
            "pattern": {"Regex": "(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"},
            "content": " ",
        },
        {"type": "Lowercase"},
    ],
}
_PRE_TOKENIZER = {
    "type": "Split",
    "pattern": {"Regex": r"[^\W\d_]+|\d+"},
    "behavior": "Removed",
    "invert": True,
}
_REINSTALL = "install the project again (`make run` does)"


class StaticEmbedder:
    """The table in `folder`, by default Lantern's own one, whose bytes are checked.

    Raises `EmbedderUnavailable` when a file is missing, is not the published one or is no table of token vectors.
    A text without any known token has the zero vector, which is similar to nothing.
    """

    def __init__(self, folder: Path = OWN_TABLE) -> None:
        weights, tokenizer = _checked(folder)
        try:
            # half floats on disk, whole ones in memory: numpy adds those 20 x as fast
            self._table = np.ascontiguousarray(load(weights)[TENSOR], np.float32)
            self._tokenizer = Tokenizer.from_str(tokenizer.decode("utf-8"))
            self._words = _Words(self._tokenizer) if _is_by_words(tokenizer) else None
        except (SafetensorError, KeyError, ValueError) as error:
            raise EmbedderUnavailable(
                f"{folder.name} holds no table of token vectors ({error}): {_REINSTALL}"
            ) from error
        self.model_id = f"static@{hashlib.sha256(weights + tokenizer).hexdigest()[:12]}"
        self.dim: int = self._table.shape[1]

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim), rows of length 1, or 0 for a text without tokens."""
        rows = np.zeros((len(texts), self.dim), np.float32)
        for at in range(0, len(texts), _BATCH):
            batch = texts[at : at + _BATCH]
            rows[at : at + len(batch)] = self._sums(batch)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return rows

    def embed_query(self, text: str) -> Vectors:
        """(dim,)"""
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def _sums(self, texts: Sequence[str]) -> Vectors:
        """The sum of each text's token vectors: its direction is that of their mean."""
        sums = np.zeros((len(texts), self.dim), np.float32)
        for place, ids in enumerate(self._tokens(texts)):
            if ids:
                self._table[ids].sum(axis=0, out=sums[place])
        return sums

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        plain = [self._words is not None and text.isascii() for text in texts]
        others = [text for text, is_plain in zip(texts, plain, strict=True) if not is_plain]
        encoded = iter(self._tokenizer.encode_batch_fast(others, add_special_tokens=False))
        return [
            list(chain.from_iterable(map(self._words.__getitem__, _WORD.findall(text))))
            if self._words is not None and is_plain
            else next(encoded).ids
            for text, is_plain in zip(texts, plain, strict=True)
        ]


class _Words(dict[str, tuple[int, ...]]):
    """The tokens of each word met so far: code repeats its words, and looking one up is far faster than cutting it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) >= _KEPT_WORDS:
            self.clear()
        self[word] = ids = tuple(self._tokenizer.encode(word, add_special_tokens=False).ids)
        return ids


def _is_by_words(tokenizer: bytes) -> bool:
    """Whether the tokens of an ASCII text are those of its `_WORD`s one after the other."""
    told = json.loads(tokenizer)
    return (told.get("normalizer"), told.get("pre_tokenizer")) == (_NORMALIZER, _PRE_TOKENIZER)


def manifest(files: dict[str, bytes]) -> str:
    """The text that names the sha256 of each file, as `sha256sum` writes it."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())


def _checked(folder: Path) -> tuple[bytes, bytes]:
    """The bytes of the table and of its tokenizer, if they are those that the manifest names."""
    try:
        weights, tokenizer, told = ((folder / name).read_bytes() for name in (WEIGHTS, TOKENIZER, MANIFEST))
    except OSError as error:
        name = Path(error.filename).name
        raise EmbedderUnavailable(
            f"the static table's {name} cannot be read ({error.strerror}): {_REINSTALL}"
        ) from error
    for line, name in zip(
        manifest({WEIGHTS: weights, TOKENIZER: tokenizer}).splitlines(), (WEIGHTS, TOKENIZER), strict=True
    ):
        if line.encode() not in told.splitlines():
            raise EmbedderUnavailable(f"the static table's {name} is damaged (sha256 {line[:12]}...): {_REINSTALL}")
    return weights, tokenizer
