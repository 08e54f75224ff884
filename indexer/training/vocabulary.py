"""Texts -> the tokenizer of the static table: names are split as programmers split them, then into word pieces.

The pieces are those of MiniLM that the texts use, and frequent words of the texts that MiniLM lacks.
"""

import json
import re
import string
from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from indexer.training.published import TOKENIZER, minilm_folder

UNKNOWN = "[UNK]"
_BORDERS = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"  # camelCase, HTTPError
_WORDS = r"[^\W\d_]+|\d+"  # without punctuation, which carries little and costs time
_LONGEST = 40  # characters: a longer word is unknown


def tokenizer_of(pieces: Iterable[str]) -> Tokenizer:
    """A WordPiece tokenizer. `pieces`: in the order of their ids, which follow the unknown token's 0."""
    ids = {piece: index for index, piece in enumerate([UNKNOWN, *pieces])}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN, max_input_chars_per_word=_LONGEST))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(_BORDERS), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def minilm_tokenizer() -> Tokenizer:
    """MiniLM's own tokenizer, without padding and truncation, for names split into words: it makes all letters small.

    MRR of the published layers on 700 documentation -> definition pairs: 0.775 with whole names, 0.790 with split ones.
    """
    tokenizer: Tokenizer = Tokenizer.from_file(str(minilm_folder() / TOKENIZER))
    split = normalizers.Replace(Regex(_BORDERS), " ")
    tokenizer.normalizer = normalizers.Sequence([split, tokenizer.normalizer])
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def words_of(texts: Iterable[str]) -> Counter[str]:
    """The words of `texts`, split as the tokenizer splits, with their counts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(re.findall(_WORDS, re.sub(_BORDERS, " ", text).lower()))
    return counts


def pieces_of(words: Counter[str], base: Tokenizer, size: int) -> list[str]:
    """The `size` most used pieces: those of `base` in `words`, words that it lacks, and ASCII letters and digits."""
    characters = string.ascii_lowercase + string.digits
    alphabet = [*characters, *(f"##{character}" for character in characters)]
    vocabulary = set(json.loads(base.to_str())["model"]["vocab"])
    use: Counter[str] = Counter()
    for word, count in words.items():
        if len(word) > _LONGEST:
            continue
        if word not in vocabulary and word.isascii():
            use[word] += count
        for token in base.encode(word, add_special_tokens=False).tokens:
            use[token] += count
    for token in [token for token in use if token.startswith("[") and token.endswith("]")]:
        del use[token]
    best = [piece for piece, _ in sorted(use.items(), key=lambda item: (-item[1], item[0]))]
    return list(dict.fromkeys([*alphabet, *best]))[:size]
