"""Which pieces of evidence a question asks for, by the words they share.

Retrieval has ranked them already: its order is the prior, this only moves a definition that the question names or
describes to the front. Pure; knows no index.
"""

import enum
import re
from dataclasses import dataclass

from models.types import Evidence

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAME = re.compile(r"[A-Za-z_][\w.]*\w|[A-Za-z_]")
_SUFFIXES = ("ations", "ation", "ings", "ing", "ers", "er", "ies", "ied", "ed", "es", "s", "e")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about an and any are as at be been by called can code codebase could describe did do does explain file find "
        "for from get give has have how i in into is it its let me my of on or our place repo repository shall should "
        "show tell that the their them then there these they this those to us used using was we were what when where "
        "which who whose why will with within work works would you your",
    )
)
# What a shared word is worth by where the evidence has it.
_NAME_WORTH, _SIGNATURE_WORTH, _DOC_WORTH, _PATH_WORTH, _TEXT_WORTH = 3.0, 1.0, 1.5, 1.0, 0.5
_NAMED_OUTRIGHT = 4.0  # the question spells the symbol
_NAMED_BY_A_WORD = 1.0  # the same where the name is a plain word, which may be meant as one
_NOT_A_DEFINITION = 0.6  # factor for blocks and windows
_TEST_CODE = 0.5  # factor, unless the question is about tests
_PRIOR_HALVES_AFTER = 8  # places


class Kind(enum.Enum):
    """What a question wants to know first."""

    WHERE = enum.auto()
    HOW = enum.auto()
    WHAT = enum.auto()


_KINDS = (
    (Kind.WHERE, re.compile(r"\b(where|which (file|module|folder)|locate[ds]?|find)\b", re.IGNORECASE)),
    (Kind.HOW, re.compile(r"\bhow\b", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Match:
    evidence: Evidence
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Evidence in the order that answers, one piece per symbol."""

    kind: Kind
    words: frozenset[str]  # the question's content words, as stems
    matches: tuple[Match, ...]  # best first, at least one
    sure: bool  # the best one shares words with the question beyond its running text


def rank(question: str, evidence: tuple[Evidence, ...]) -> Ranking:
    """Orders evidence by what it shares with the question; `evidence` is not empty."""
    words = stems(question) - _STOP_STEMS
    named = {name.lower() for name in _NAME.findall(question)}
    kind = next((kind for kind, pattern in _KINDS if pattern.search(question)), Kind.WHAT)
    scored = [Match(item, _score(item, words, named, place)) for place, item in enumerate(evidence)]
    scored.sort(key=lambda match: -match.score)
    distinct: dict[tuple[str, str], Match] = {}
    for match in scored:
        item = match.evidence
        distinct.setdefault((item.path, item.symbol or str(item.start_line)), match)
    best = scored[0].evidence
    sure = not words or bool(words & stems(f"{best.symbol} {best.signature} {best.doc} {best.path}"))
    return Ranking(kind, words, tuple(distinct.values()), sure)


def stems(text: str) -> frozenset[str]:
    """The words of a text, identifiers taken apart, without their endings."""
    return frozenset(_stem(word.lower()) for word in _WORD.findall(text) if len(word) > 1)


def _score(item: Evidence, words: frozenset[str], named: set[str], place: int) -> float:
    fields = (
        (_NAME_WORTH, item.symbol),
        (_SIGNATURE_WORTH, item.signature),
        (_DOC_WORTH, item.doc),
        (_PATH_WORTH, item.path),
        (_TEXT_WORTH, item.text),
    )
    shared = sum(worth * len(words & stems(text)) for worth, text in fields) / max(len(words), 1)
    name = item.symbol.rpartition(".")[2]
    if item.symbol and ({item.symbol.lower(), name.lower()} & (named - _STOP_WORDS)):
        only_a_word = name.isalpha() and name.islower() and ("." not in item.symbol or item.symbol.lower() not in named)
        shared += _NAMED_BY_A_WORD if only_a_word else _NAMED_OUTRIGHT
    if item.kind in ("block", "window"):
        shared *= _NOT_A_DEFINITION
    if re.search(r"(^|[/_.])tests?([/_.]|$)", item.path) and "test" not in words:
        shared *= _TEST_CODE
    return (1 + shared) * _PRIOR_HALVES_AFTER / (_PRIOR_HALVES_AFTER + place)


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


_STOP_STEMS = frozenset(_stem(word) for word in _STOP_WORDS) | _STOP_WORDS
