"""The metadata of a model file: architecture, sizes, vocabulary, chat template. Checks that the file is complete.

Does not know llama.cpp or the catalogue, nor whether the weights make sense.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelUnavailable
from models.gguf.reader import Array, Part, Value, read_numbers, read_part

VOCAB_KINDS = {"llama": "spm", "gpt2": "bpe", "bert": "wpm", "t5": "ugm"}
PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The metadata of a model. Sizes are of all parts of a split file together."""

    path: Path
    architecture: str
    name: str
    context_length: int  # tokens the model was trained for
    file_bytes: int
    tensor_bytes: int  # 0: the file is a vocabulary without a model
    n_layers: int
    n_embd: int
    n_ff: int
    n_head: int
    n_head_kv: int  # the largest of the layers where they differ
    key_dim: int  # of one head
    value_dim: int  # of one head
    n_vocab: int
    vocab_kind: str  # spm, bpe, wpm, ugm, or the name the file gives
    vocab_pre: str  # the pre-tokenizer's name; "" where the file names none
    bos_id: int | None
    eos_id: int | None
    add_bos: bool | None  # None: the file leaves it to the kind of vocabulary
    chat_template: str  # Jinja; "" where the file has none


def read_header(path: Path) -> GgufHeader:
    """Reads and checks a model file, and the other parts of a split one, without loading it.

    Raises ModelUnavailable when a file is missing, empty, no GGUF, cut short or inconsistent.
    """
    paths = split_parts(path)
    parts = [read_part(part) for part in paths]
    pairs = _Pairs(path, parts[0].pairs)
    _check_vocabulary(pairs)
    architecture = pairs.text("general.architecture")
    if not architecture:
        raise ModelUnavailable(f"{path.name} does not say which architecture it is: it is no language model")
    return _header(path, architecture, pairs, parts)


def split_parts(path: Path) -> list[Path]:
    """All files of a model cut in parts (`NAME-00001-of-00003.gguf`), or the one file. Raises if a part is missing."""
    match = PART.search(path.name)
    if match is None:
        return [path]
    stem, total = path.name[: match.start()], int(match[2])
    if not 1 <= int(match[1]) <= total:
        raise ModelUnavailable(f"{path.name} is part {int(match[1])} of {total}: rename it as it was published")
    parts = [path.with_name(f"{stem}-{n:05}-of-{total:05}{path.suffix}") for n in range(1, total + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing and path.is_file():
        raise ModelUnavailable(f"{path.name} is one of {total} parts; missing beside it: {', '.join(missing)}")
    return parts


class _Pairs:
    """The metadata; the type and range of a value are checked when it is read."""

    def __init__(self, path: Path, pairs: dict[str, Value]) -> None:
        self.path, self.get = path, pairs.get
        self.n_vocab = self.count("tokenizer.ggml.tokens")

    def text(self, key: str) -> str:
        found = self.get(key)
        return found if isinstance(found, str) else ""

    def count(self, key: str) -> int:
        found = self.get(key)
        return found.count if isinstance(found, Array) else 0

    def positive(self, key: str, default: int | None = None) -> int:
        """A number above zero. Where layers differ the key holds an array, and its largest counts."""
        found = self.get(key, default)
        if isinstance(found, Array):
            found = max((int(n) for n in read_numbers(self.path, key)), default=None)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 1 << 31:
            raise ModelUnavailable(f"{self.path.name} is damaged or no language model ({key} is {found})")
        return found

    def token(self, key: str) -> int | None:
        found = self.get(key)
        if not isinstance(found, int):
            return None
        if not 0 <= found < self.n_vocab:
            what = f"{key} is {found} of {self.n_vocab}"
            raise ModelUnavailable(f"{self.path.name} is damaged ({what}): download it again")
        return found


def _header(path: Path, architecture: str, pairs: _Pairs, parts: Sequence[Part]) -> GgufHeader:
    of, n_vocab = f"{architecture}.", pairs.n_vocab
    n_embd, n_head = pairs.positive(of + "embedding_length"), pairs.positive(of + "attention.head_count")
    head_dim = pairs.positive(of + "attention.key_length", n_embd // n_head)
    model = pairs.text("tokenizer.ggml.model")
    add_bos = pairs.get("tokenizer.ggml.add_bos_token")
    return GgufHeader(
        path=path,
        architecture=architecture,
        name=pairs.text("general.name"),
        context_length=pairs.positive(of + "context_length"),
        file_bytes=sum(part.file_bytes for part in parts),
        tensor_bytes=sum(part.tensor_bytes for part in parts),
        n_layers=pairs.positive(of + "block_count"),
        n_embd=n_embd,
        n_ff=pairs.positive(of + "feed_forward_length", 4 * n_embd),
        n_head=n_head,
        n_head_kv=pairs.positive(of + "attention.head_count_kv", n_head),
        key_dim=head_dim,
        value_dim=pairs.positive(of + "attention.value_length", head_dim),
        n_vocab=n_vocab,
        vocab_kind=VOCAB_KINDS.get(model, model),
        vocab_pre=pairs.text("tokenizer.ggml.pre"),
        bos_id=pairs.token("tokenizer.ggml.bos_token_id"),
        eos_id=pairs.token("tokenizer.ggml.eos_token_id"),
        add_bos=add_bos if isinstance(add_bos, bool) else None,
        chat_template=pairs.text("tokenizer.chat_template"),
    )


def _check_vocabulary(pairs: _Pairs) -> None:
    """llama.cpp indexes these arrays by token without looking at their length."""
    n_vocab = pairs.n_vocab
    if n_vocab == 0:
        raise ModelUnavailable(f"{pairs.path.name} has no vocabulary: it is no language model")
    for key in ("tokenizer.ggml.scores", "tokenizer.ggml.token_type"):
        if pairs.count(key) not in (0, n_vocab):
            raise ModelUnavailable(f"{pairs.path.name} is damaged ({key} does not fit the vocabulary)")
