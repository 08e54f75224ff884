"""Text -> search terms: each identifier as a whole and split into its words, lightly stemmed.

Scripts that are written without spaces give pairs of neighbouring characters. Letters are composed (Unicode's NFC).
The same function is used for the full-text index and for questions. A change here must raise `TERMS`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

from indexer.files.content.encodings import composed

TERMS = 2  # version of what `split` gives, part of every index's recipe

_WORD = re.compile(r"[^\W\d_]\w*+|(?<!_)_++[^\W_]\w*+|\d++")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MAX_CHARS = 64  # of a term: longer ones are data, not names
# Thai to Khmer, kana, Han and Hangul: words follow each other without a space, or with endings joined to them.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
_PIECE = re.compile(rf"([{_UNSPACED}]++)|[^\W\d_{_UNSPACED}]++|\d++")

_COMMON = """
    a about after all also am an and any are as at be because been before being both but by can could describe did
    do does doing done each either else ever every explain find for from get give given gets had happen happens has
    have having here how i if in inside into is it its itself just kind know let like list look make makes many may me
    might more most much must my need of on one only or other our out over please same shall she should show so some
    such take tell than that the their them then there these they thing things this those through to too under until
    up us use used uses using very want was we were what when where whether which while who whom whose why will with
    without work works would you your codebase repo repository code project"""
STOP_WORDS = frozenset(_COMMON.split())


def split(text: str) -> list[str]:
    """Lower-case terms of `text` in order: each identifier as a whole if it has parts, then its parts, stemmed."""
    return list(chain.from_iterable(map(_ascii_terms if text.isascii() else _terms, _words(text))))


def query_terms(question: str) -> list[str]:
    """The terms of a question without stop words and duplicates; all terms if there are only stop words."""
    words = dict.fromkeys(term for word in _words(question) if word.lower() not in STOP_WORDS for term in _terms(word))
    return list(words) or list(dict.fromkeys(split(question)))


def content_words(question: str) -> list[str]:
    """The words of a question without stop words, as written; of a text without spaces, its pairs of characters."""
    words = (word for word in _words(question) if word.lower() not in STOP_WORDS)
    return [part for word in words for part in _pairs(word)]


def word_parts(text: str) -> list[str]:
    """The words and numbers of a text as they are written, identifiers split at case and underscores."""
    if text.isascii():
        return _PART.findall(text)
    return [part for word in _words(text) for piece in _pieces(word) for part in _pairs(piece)]


def is_identifier(word: str) -> bool:
    """Whether a word looks like a name in code, not a word of a sentence: `snake_case`, `camelCase`, `HTTPError`."""
    return len(_pieces(word)) > 1 or "_" in word


def _words(text: str) -> list[str]:
    return _WORD.findall(composed(text))


def _terms(word: str) -> tuple[str, ...]:
    if word.isascii():
        return _ascii_terms(word)
    pieces = _pieces(word)
    parts = [stem(part.lower()) for piece in pieces for part in _pairs(piece) if len(part) <= _MAX_CHARS]
    return (word.lower().strip("_"), *parts) if len(pieces) > 1 and len(word) <= _MAX_CHARS else tuple(parts)


@lru_cache(maxsize=100_000)
def _ascii_terms(word: str) -> tuple[str, ...]:
    if len(word) > _MAX_CHARS:
        return ()
    parts = [stem(part.lower()) for part in _PART.findall(word)]
    whole = word.lower().strip("_")
    return (whole, *parts) if len(parts) > 1 else tuple(parts)


def _pieces(word: str) -> list[str]:
    """A word cut at underscores, digits, capitals, and where a script without spaces begins or ends."""
    if word.isascii():
        return _PART.findall(word)
    return [part for match in _PIECE.finditer(word) for part in _cut_at_capitals(match[0])]


def _cut_at_capitals(piece: str) -> Iterator[str]:
    """`ÜberTräger` -> Über, Träger; `HTTPÜbertragung` -> HTTP, Übertragung."""
    start = 0
    for at in range(1, len(piece)):
        follows_small = piece[at - 1].islower()
        ends_acronym = piece[at - 1].isupper() and piece[at + 1 : at + 2].islower()
        if piece[at].isupper() and (follows_small or ends_acronym):
            yield piece[start:at]
            start = at
    yield piece[start:]


def _pairs(piece: str) -> list[str]:
    """The pairs of neighbouring characters in a piece without spaces; any other piece as it is."""
    match = _PIECE.fullmatch(piece)
    if match is None or match[1] is None or len(piece) < 2:
        return [piece]
    return [piece[at : at + 2] for at in range(len(piece) - 1)]


@lru_cache(maxsize=50_000)  # many names consist of few words
def stem(word: str) -> str:
    """Removes plural, -ing and -ed from longer words. Applied to both sides of a match."""
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) >= 3 and re.search("[aeiouy]", base):
            return _undoubled(base)
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def action(word: str) -> str:
    """The verb of an agent noun: builder -> build, parser -> pars (the stem of parse). Other words stay as they are.

    Not part of `stem`: measured on the development repositories, it helps names and harms full text.
    """
    base = word.removesuffix("er").removesuffix("or")
    return _undoubled(base) if base != word and len(base) > 3 else word


def _undoubled(base: str) -> str:
    """runn -> run, but call stays call. `stem` drops a silent e, too: parse, parsing -> pars."""
    if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz":
        return base[:-1]
    return base
