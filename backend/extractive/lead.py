"""The first paragraph of an answer, before a model has read anything: where the answer is, in the code's own words.

Composes from evidence and question only and claims nothing that is not in the evidence; knows no model.
"""

from collections.abc import Sequence

from backend.extractive.calls import used_names
from backend.extractive.engine import article, ended, place
from backend.extractive.matching import Kind, Match, kind_of, rank, stems
from backend.extractive.prose import code_span, first_sentence, name
from indexer.files.roles import is_test
from models.types import ContextSnippet

USED = 6  # names in the best place's own code
USED_BESIDE = 3
NAMED = 3  # places that a lead names at most
_CLOSE = 0.6  # of the best one's score: what matches less well is not named beside it
_LONG = 240  # characters of documentation
# What the model goes on from. A lead that sounds like a whole answer made it stop.
_ON = {Kind.WHERE: "In detail:", Kind.HOW: "How it works:", Kind.WHAT: "In detail:"}


def lead_places(question: str, evidence: tuple[ContextSnippet, ...]) -> list[ContextSnippet]:
    """What a lead names, the best first; nothing where the evidence has no definition."""
    matches = rank(question, evidence).matches
    best, *others = matches
    if not best.evidence.symbol or best.evidence.kind == "section":  # a heading tells less than its text
        return []
    close = [match.evidence for match in others if _is_close(match, best)]
    return [best.evidence, *close[: NAMED - 1]]


def asks_where(question: str) -> bool:
    return kind_of(question) is Kind.WHERE


def lead(question: str, places: Sequence[ContextSnippet]) -> str:
    """The paragraph, and the words that hand over to the model; `places` are those of `lead_places`."""
    best, *others = places
    ranking = rank(question, tuple(places))
    opening = f"{name(best.symbol)} is {article(best.kind)} in {place(best)}."
    says = first_sentence(best.doc) if best.kind != "section" else ""
    if says and (len(says) > _LONG or not ranking.words & stems(says)):
        says = ""
    uses = used_names(best.text, best.symbol, ranking.words)[:USED]
    within = f"It uses {listed([code_span(one) for one in uses])} [{best.n}]." if len(uses) > 1 else ""
    beside = f"Close to it: {listed([_beside(one, ranking.words) for one in others])}." if others else ""
    return " ".join(filter(None, (opening, ended(says) if says else "", within, beside))) + f"\n\n{_ON[ranking.kind]}"


def _is_close(match: Match, best: Match) -> bool:
    one = match.evidence
    return bool(one.symbol) and match.score >= _CLOSE * best.score and is_test(one.path) <= is_test(best.evidence.path)


def _beside(one: ContextSnippet, words: frozenset[str]) -> str:
    uses = used_names(one.text, one.symbol, words)[:USED_BESIDE]
    which = f" with {listed([code_span(name) for name in uses])}" if len(uses) > 1 else ""
    return f"{name(one.symbol)} in {place(one)}{which}"


def listed(items: Sequence[str]) -> str:
    *head, last = items
    return f"{', '.join(head)} and {last}" if head else last
