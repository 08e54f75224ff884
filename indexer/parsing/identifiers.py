"""Text -> search terms: each identifier as a whole and split into its words, lightly stemmed.

The same function is used for the full-text index and for questions. A change here must raise `TERMS`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

TERMS = 1  # version of what `split` gives, part of every index's recipe

_WORD = re.compile(r"[^\W\d_]\w*+|(?<!_)_++[^\W_]\w*+|\d++")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SPACED = "".join(chr(n) if re.match(r"\w", chr(n)) else " " for n in range(128))  # a space for all that ends a word
_MAX_CHARS = 64  # of a term: longer ones are data, not names

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
    if text.isascii():  # a third of the time that the expression takes
        return list(chain.from_iterable(map(_terms_of_run, text.translate(_SPACED).split())))
    return list(chain.from_iterable(map(_terms, _WORD.findall(text))))


def query_terms(question: str) -> list[str]:
    """The terms of a question without stop words and duplicates; all terms if there are only stop words."""
    words = dict.fromkeys(
        term for word in _WORD.findall(question) if word.lower() not in STOP_WORDS for term in _terms(word)
    )
    return list(words) or list(dict.fromkeys(split(question)))


def content_words(question: str) -> list[str]:
    """The words of a question without stop words, as written."""
    return [word for word in _WORD.findall(question) if word.lower() not in STOP_WORDS]


def word_parts(text: str) -> list[str]:
    """The ASCII words and numbers of a text as they are written, identifiers split at case and underscores."""
    return _PART.findall(text)


def is_identifier(word: str) -> bool:
    """Whether a word looks like a name in code, not a word of a sentence: `snake_case`, `camelCase`, `HTTPError`."""
    return len(list(_parts(word))) > 1 or "_" in word


@lru_cache(maxsize=100_000)
def _terms_of_run(run: str) -> tuple[str, ...]:
    """Of letters, digits and underscores without anything between them: often one word."""
    return tuple(chain.from_iterable(map(_terms, _WORD.findall(run))))


@lru_cache(maxsize=100_000)
def _terms(word: str) -> tuple[str, ...]:
    if len(word) > _MAX_CHARS:
        return ()
    parts = [stem(part) for part in _parts(word)]
    whole = word.lower().strip("_")
    return (whole, *parts) if len(parts) > 1 else tuple(parts)


def _parts(word: str) -> Iterator[str]:
    if word.isascii():
        yield from (part.lower() for part in word_parts(word))
    else:
        yield word.lower().strip("_")


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
