"""Text -> vector by a table of token vectors: the mean of its tokens' rows. Needs numpy and tokenizers, no torch.

The format is sentence-transformers' StaticEmbedding (`tokenizer.json`, `model.safetensors`), so the folder loads there
too. Splitting names at camelCase and digits is part of tokenizer.json. Does not know how the table was trained.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load
from tokenizers import Tokenizer

from indexer.embedding.base import REINSTALL, Vectors
from indexer.errors import EmbedderUnavailable

OWN_TABLE = Path(__file__).parent / "weights" / "static"
WEIGHTS, TOKENIZER, MANIFEST = "model.safetensors", "tokenizer.json", "SHA256SUMS"
TENSOR = "embedding.weight"
_BATCH = 2048  # texts tokenized at once: bounds the memory of their tokens
_MAX_WORDS = 200_000  # in the cache of words
_WORD = re.compile(r"[A-Za-z]+|[0-9]+")
_SPACED = "".join(chr(n) if _WORD.match(chr(n)) else " " for n in range(128))  # a space for all that ends a word
# How Lantern's own tokenizer splits words (`training.vocabulary`): no rule looks beyond a run of letters or digits.
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


class StaticEmbedder:
    """The table in `folder`, by default Lantern's own. The bytes are checked against its `SHA256SUMS`.

    Raises `EmbedderUnavailable` if a file is missing or damaged, or is no table of token vectors. A text without tokens
    of the table has the zero vector, which is similar to nothing.
    """

    def __init__(self, folder: Path = OWN_TABLE) -> None:
        self._folder = folder
        weights, tokenizer = _checked(folder)
        try:
            # half floats on disk, float32 in memory: numpy adds those 20 x as fast
            self._table = np.ascontiguousarray(load(weights)[TENSOR], np.float32)
            self._tokenizer = Tokenizer.from_str(tokenizer.decode("utf-8"))
            self._words = _WordCache(self._tokenizer) if _splits_by_words(tokenizer) else None
        except (SafetensorError, KeyError, ValueError) as error:
            raise EmbedderUnavailable(
                f"{folder.name} holds no table of token vectors ({error}): {REINSTALL}"
            ) from error
        self.model_id = f"static@{hashlib.sha256(weights + tokenizer).hexdigest()[:12]}"
        self.dim: int = self._table.shape[1]

    def __reduce__(self) -> tuple[Callable[[Path], "StaticEmbedder"], tuple[Path]]:
        """Pickled by its folder: a worker process reads the table once, instead of receiving it with each call."""
        return _shared, (self._folder,)

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
        """The sum of each text's token vectors, which has the direction of their mean."""
        sums = np.zeros((len(texts), self.dim), np.float32)
        for row, ids in enumerate(self._tokens(texts)):
            if ids:
                self._table.take(ids, axis=0).sum(axis=0, out=sums[row])
        return sums

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        by_words = [self._words is not None and text.isascii() for text in texts]
        others = [text for text, is_by_words in zip(texts, by_words, strict=True) if not is_by_words]
        encoded = iter(self._tokenizer.encode_batch_fast(others, add_special_tokens=False))
        return [
            list(chain.from_iterable(map(self._words.__getitem__, text.translate(_SPACED).split())))
            if self._words is not None and is_by_words
            else next(encoded).ids
            for text, is_by_words in zip(texts, by_words, strict=True)
        ]


@cache
def _shared(folder: Path) -> StaticEmbedder:
    return StaticEmbedder(folder)


class _WordCache(dict[str, tuple[int, ...]]):
    """The tokens of words seen so far: ASCII letters and digits without anything between them.

    Code repeats its words, and a look-up is far faster than tokenizing.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) >= _MAX_WORDS:
            self.clear()
        parts = [self._tokenizer.encode(part, add_special_tokens=False).ids for part in _WORD.findall(word)]
        self[word] = ids = tuple(chain.from_iterable(parts))
        return ids


def _splits_by_words(tokenizer: bytes) -> bool:
    """Whether the tokens of an ASCII text are the tokens of its `_WORD`s, in order."""
    config = json.loads(tokenizer)
    return (config.get("normalizer"), config.get("pre_tokenizer")) == (_NORMALIZER, _PRE_TOKENIZER)


def manifest(files: dict[str, bytes]) -> str:
    """Lines of digest and name, as `sha256sum` writes them."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())


def _checked(folder: Path) -> tuple[bytes, bytes]:
    """The bytes of the table and of its tokenizer, checked against the manifest. Raises `EmbedderUnavailable`."""
    try:
        weights, tokenizer, sums = ((folder / name).read_bytes() for name in (WEIGHTS, TOKENIZER, MANIFEST))
    except OSError as error:
        name = Path(error.filename).name
        raise EmbedderUnavailable(
            f"the static table's {name} cannot be read ({error.strerror}): {REINSTALL}"
        ) from error
    for line, name in zip(
        manifest({WEIGHTS: weights, TOKENIZER: tokenizer}).splitlines(), (WEIGHTS, TOKENIZER), strict=True
    ):
        if line.encode() not in sums.splitlines():
            raise EmbedderUnavailable(f"the static table's {name} is damaged (sha256 {line[:12]}...): {REINSTALL}")
    return weights, tokenizer
