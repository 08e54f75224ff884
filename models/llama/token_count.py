"""Counts tokens exactly for a model that is not loaded, from its file and offline.

Byte-level BPE vocabularies become a `tiktoken.Encoding`; SentencePiece ones cannot be expressed in it (their merges go
by score, and a leading space is part of the text), so llama.cpp counts for those.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import tiktoken

from models.errors import ModelError, ModelUnavailable
from models.gguf.header import read_header
from models.gguf.reader import read_numbers, read_texts
from models.llama.worker.vocabulary import Vocabulary

_CONTROL = 3  # tokenizer.ggml.token_type
# How text is split before merging, by `tokenizer.ggml.pre`. Only for vocabularies whose ids are in the order of their
# merges, since tiktoken uses the id as the rank. Llama 3's pattern is published in its tokenizer.json; as in llama.cpp,
# only ASCII letters count for 's and similar endings.
_LLAMA3 = (
    r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PATTERNS = {"llama-bpe": _LLAMA3, "llama3": _LLAMA3, "llama-v3": _LLAMA3}


def encoding(path: Path) -> tiktoken.Encoding:
    """The vocabulary of a GGUF file for tiktoken.

    Raises ModelError for a SentencePiece vocabulary or a pre-tokenizer without a known pattern.
    """
    header = read_header(path)
    if header.vocab_kind != "bpe" or header.vocab_pre not in _PATTERNS:
        raise ModelError(
            f"{path.name} has a {header.vocab_kind} vocabulary ({header.vocab_pre}), which tiktoken cannot express"
        )
    letters = _letters()
    ranks, special = {}, {}
    kinds = read_numbers(path, "tokenizer.ggml.token_type")
    texts = read_texts(path, "tokenizer.ggml.tokens")
    for token, (text, kind) in enumerate(zip(texts, kinds, strict=True)):
        written = text.decode("utf-8", "replace")
        if kind == _CONTROL:
            special[written] = token
            continue
        try:
            ranks[bytes(letters[letter] for letter in written)] = token
        except KeyError as error:
            raise ModelUnavailable(f"{path.name} is damaged (its token {token} is {written!r})") from error
    return tiktoken.Encoding(
        header.name or path.stem, pat_str=_PATTERNS[header.vocab_pre], mergeable_ranks=ranks, special_tokens=special
    )


def counter(path: Path) -> Callable[[str], int]:
    """A function that counts the tokens of a text on its own, without BOS; control texts count as plain text.

    Creating it reads the vocabulary, so keep it. Raises ModelUnavailable for a damaged file, or where llama.cpp is
    needed and not installed.
    """
    header = read_header(path)
    if header.vocab_kind == "bpe" and header.vocab_pre in _PATTERNS:
        bpe = encoding(path)
        return lambda text: len(bpe.encode_ordinary(text))
    vocabulary = Vocabulary.load(path, only_vocabulary=True)
    return lambda text: len(vocabulary.tokenize(text))


@functools.cache
def _letters() -> dict[str, int]:
    """Byte-level BPE writes bytes as letters: printable ones as themselves, the others as U+0100 and up (GPT-2)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}
