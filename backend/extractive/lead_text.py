"""The lead: the first paragraph of an answer, composed before a model runs. It names the code that answers.

Composes from the snippets and the question only; knows no model.
"""

from collections.abc import Sequence

from backend.extractive.calls import used_names
from backend.extractive.engine import article, location, with_full_stop
from backend.extractive.matching import Kind, Match, defines, kind_of, rank, sought, stems
from backend.extractive.prose import code_span, first_sentence, join_list, name
from indexer.files.roles import is_test
from models.types import ContextSnippet

USED = 6  # names in the best snippet's own code
USED_BESIDE = 3  # in the others'
NAMED = 3  # snippets that a lead names at most
_CLOSE = 0.6  # of the best score: snippets below it are not named
_LONG = 240  # characters of documentation
# What the model continues from. After a lead that sounds like a complete answer it stopped.
_HANDOVER = {Kind.WHERE: "In detail:", Kind.HOW: "How it works:", Kind.WHAT: "In detail:"}


def lead_places(question: str, snippets: tuple[ContextSnippet, ...]) -> list[ContextSnippet]:
    """The snippets that a lead names, best first; none where the best is no definition, or not the one asked for."""
    ranking = rank(question, snippets)
    best, *others = ranking.matches
    if not best.snippet.symbol or best.snippet.kind == "section":  # a heading says less than its text
        return []
    wanted = sought(question)
    if ranking.asks_for_name or (wanted and not defines(best.snippet, wanted)):  # a near miss
        return []
    close = [match.snippet for match in others if _is_close(match, best)]
    return [best.snippet, *close[: NAMED - 1]]


def asks_where(question: str) -> bool:
    return kind_of(question) is Kind.WHERE


def lead(question: str, places: Sequence[ContextSnippet]) -> str:
    """The paragraph, and the words that hand over to the model; `places` comes from `lead_places`."""
    best, *others = places
    ranking = rank(question, tuple(places))
    opening = f"{name(best.symbol)} is {article(best.kind)} in {location(best)}."
    summary = first_sentence(best.doc) if best.kind != "section" else ""
    if len(summary) > _LONG or not ranking.words & stems(summary):
        summary = ""
    uses = used_names(best.text, best.symbol, ranking.words)[:USED]
    within = f"It uses {join_list([code_span(used) for used in uses])} [{best.n}]." if len(uses) > 1 else ""
    beside = f"Close to it: {join_list([_beside(other, ranking.words) for other in others])}." if others else ""
    return (
        " ".join(filter(None, (opening, with_full_stop(summary) if summary else "", within, beside)))
        + f"\n\n{_HANDOVER[ranking.kind]}"
    )


def _is_close(match: Match, best: Match) -> bool:
    code = match.snippet
    return bool(code.symbol) and match.score >= _CLOSE * best.score and is_test(code.path) <= is_test(best.snippet.path)


def _beside(snippet: ContextSnippet, words: frozenset[str]) -> str:
    uses = used_names(snippet.text, snippet.symbol, words)[:USED_BESIDE]
    which = f" with {join_list([code_span(name) for name in uses])}" if len(uses) > 1 else ""
    return f"{name(snippet.symbol)} in {location(snippet)}{which}"
