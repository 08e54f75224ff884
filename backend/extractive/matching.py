"""Ranks snippets by the words that they share with a question.

The order of retrieval is the prior; this only moves a definition that the question names or describes to the front.
Pure; knows no index.
"""

import enum
import re
from dataclasses import dataclass

from indexer.files.roles import is_test
from indexer.navigation.intent import parse_structural_query
from indexer.parsing.identifiers import content_words, stem, word_parts
from models.types import ContextSnippet

_NAME = re.compile(r"[^\W\d][\w.]*\w|[^\W\d]")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about an and any are as at be been by called can code codebase could describe did do does explain file find "
        "for from get give has have how i in into is it its let me my of on or our place repo repository shall should "
        "show tell that the their them then there these they this those to us used using was we were what when where "
        "which who whose why will with within work works would you your",
    )
)
# The weight of a question's word, by the best field of a snippet that contains it.
_NAME_WORTH, _DOC_WORTH, _SIGNATURE_WORTH, _PATH_WORTH, _TEXT_WORTH = 1.0, 0.6, 0.5, 0.4, 0.2
_DEFINES = 10.0  # it is the definition that the question asks for
_NAMED_OUTRIGHT = 2.0  # the question spells the symbol
_NAMED_BY_A_WORD = 1.0  # the same where the name may be a plain word; divided by the number of words
_NAMED_INSIDE = 0.5  # the same of a method or an attribute
_MENTIONED = 3.0  # the text has a name of the question that no snippet defines
_OUTDATED = 0.6  # factor for deprecated code
_NOT_A_DEFINITION = 0.6  # factor for blocks and windows
_PROSE = 0.6  # factor for sections, unless the question is about documents
_TEST_CODE = 0.4  # factor, unless the question is about tests
_RETRIEVED = 0.3  # score of a snippet that shares no word
_PRIOR_HALVES_AFTER = 12  # ranks
_FEW = 3  # content words of a question that asks for a name only
_CODE = re.compile(r"[^\W_]_|[^\W\d_A-Z][A-Z]")  # in names that are no words: `snake_case`, `camelCase`
_DOCS = re.compile(
    r"\b(docs?|document\w*|readme|changelog|guide|licen[cs]e|install\w*|contribut\w+|set ?up)\b", re.IGNORECASE
)
_DEPRECATED = re.compile(r"[@\\]deprecated\b|\bDEPRECATED\b")


class Kind(enum.Enum):
    """What kind of question it is."""

    WHERE = enum.auto()
    HOW = enum.auto()
    WHAT = enum.auto()


_KINDS = (
    (Kind.WHERE, re.compile(r"\b(where|which (file|module|folder)|locate[ds]?|find)\b", re.IGNORECASE)),
    (Kind.HOW, re.compile(r"\bhow\b", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Match:
    snippet: ContextSnippet
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Snippets by how well they match, one per symbol."""

    kind: Kind
    words: frozenset[str]  # the question's content words, as stems
    matches: tuple[Match, ...]  # best first, at least one
    undefined: str = ""  # a name of code in the question that is the symbol of no snippet
    asks_for_name: bool = False  # it asks where this name is, and nothing else


def rank(question: str, snippets: tuple[ContextSnippet, ...]) -> Ranking:
    """Orders snippets by what they share with the question; `snippets` is not empty."""
    words = content_stems(question)
    kind = kind_of(question)
    names = frozenset(_NAME.findall(question)) - _STOP_WORDS
    about_docs, wanted = bool(_DOCS.search(question)), sought(question)
    undefined = _undefined(names, snippets)
    scored = [
        Match(
            item,
            (
                _shared(item, words)
                + _named(item, question, names, words)
                + _DEFINES * defines(item, wanted)
                + _MENTIONED * mentions(item, undefined)
            )
            * _factor(item, words, about_docs)
            * (_PRIOR_HALVES_AFTER / (_PRIOR_HALVES_AFTER + position)),
        )
        for position, item in enumerate(snippets)
    ]
    scored.sort(key=lambda match: -match.score)
    distinct: dict[tuple[str, str], Match] = {}
    for match in scored:
        item = match.snippet
        distinct.setdefault((item.path, item.symbol or str(item.start_line)), match)
    asks_for_name = bool(undefined) and kind is Kind.WHERE and len(content_words(question)) <= _FEW
    return Ranking(kind, words, tuple(distinct.values()), undefined, asks_for_name)


def sought(question: str) -> str:
    """The name whose definition a question asks for, its parts joined by dots; "" for any other question."""
    query = parse_structural_query(question)
    return query.name if query and query.kind in ("definition", "signature") else ""


def defines(item: ContextSnippet, name: str) -> bool:
    """Whether a snippet is the definition of exactly this name. The name may begin with its module."""
    symbol = f".{item.symbol}" if item.symbol and item.kind != "section" else ""
    return bool(name and symbol) and (symbol.endswith(f".{name}") or f".{name}".endswith(symbol))


def kind_of(question: str) -> Kind:
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), Kind.WHAT)


def stems(text: str) -> frozenset[str]:
    """The words of a text, identifiers taken apart, without their endings."""
    return frozenset(stem(word.lower()) for word in word_parts(text) if len(word) > 1)


def content_stems(text: str) -> frozenset[str]:
    """The same without stop words."""
    return stems(text) - _STOP_STEMS


def _shared(item: ContextSnippet, words: frozenset[str]) -> float:
    """The score for the words that a snippet shares with the question."""
    worth: dict[str, float] = {}
    for value, text in (
        (_TEXT_WORTH, item.text),
        (_PATH_WORTH, item.path),
        (_SIGNATURE_WORTH, item.signature),
        (_DOC_WORTH, item.doc),
        (_NAME_WORTH, item.symbol),
    ):
        worth |= dict.fromkeys(words & stems(text), value)
    return _RETRIEVED + (sum(worth.values()) / len(words) if words else 0.0)


def _factor(item: ContextSnippet, words: frozenset[str], about_docs: bool) -> float:
    """What the kind of a snippet takes from its score."""
    factor = 1.0
    if item.kind in ("block", "window"):
        factor *= _NOT_A_DEFINITION
    if item.kind == "section" and not about_docs:
        factor *= _PROSE
    if _DEPRECATED.search(item.doc):
        factor *= _OUTDATED
    if is_test(item.path) and "test" not in words:
        factor *= _TEST_CODE
    return factor


def _undefined(names: frozenset[str], snippets: tuple[ContextSnippet, ...]) -> str:
    """The one name in the spelling of code that no snippet defines; "" if there are several, or none."""
    defined = {part.lower() for item in snippets for part in item.symbol.split(".")}
    found = {name.rpartition(".")[2] for name in names if _CODE.search(name.rpartition(".")[2])}
    undefined = [name for name in found if name.lower() not in defined]
    return undefined[0] if len(undefined) == 1 else ""


def mentions(item: ContextSnippet, name: str) -> bool:
    """Whether a snippet has a name as a whole word."""
    return bool(name) and re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", item.text) is not None


def _named(item: ContextSnippet, question: str, names: frozenset[str], words: frozenset[str]) -> float:
    """The score for a question that spells the symbol: less where the name may be a plain word.

    `names`: those in the question.
    """
    name = item.symbol.rpartition(".")[2]
    spelled = {item.symbol, name} & names
    if not item.symbol or not (spelled or item.symbol.lower() in names):
        return 0.0
    is_code = any("." in word or "_" in word or not (word.islower() or word.istitle()) for word in spelled)
    if is_code or f"`{name}" in question:
        return _NAMED_OUTRIGHT
    return (_NAMED_INSIDE if "." in item.symbol else _NAMED_BY_A_WORD) / max(1, len(words))


_STOP_STEMS = frozenset(stem(word) for word in _STOP_WORDS) | _STOP_WORDS
