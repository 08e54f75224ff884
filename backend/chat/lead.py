"""The lead: a first paragraph about the code that answers, sent before a model has read its prompt.

Decides whether there is one and which snippets it cites. Its wording is in `backend.extractive.lead_text`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.chat.history import exchange, next_number, window
from backend.chat.question import Question
from backend.db.tables import TurnRow
from backend.extractive.lead_text import asks_where, lead, lead_places
from backend.extractive.project_listing import project_listing
from indexer.project.answers import ProjectAnswer
from indexer.search.searcher import SearchResult
from indexer.types import Hit
from prompts.pack import slice_hit
from prompts.snippets import Piece, Place, Snippet, context_snippet, number
from prompts.task import EXPLAIN, answer_instruction

CANDIDATES = 8  # hits that a lead may cite
FACT_HANDOVER = "In detail:"
LINES = 60  # of a snippet that a lead cites; a longer one is cut to its first lines


@dataclass(frozen=True, slots=True)
class Lead:
    """What an answer begins with."""

    text: str
    snippets: tuple[Snippet, ...]
    is_fact: bool = False  # it tells the fact itself: an answer without a model begins with it, too

    @property
    def paragraph(self) -> str:
        """The text without the words that hand over to the model; its line is ended, so that none of it is withheld."""
        before, _, handover = self.text.rpartition("\n\n")
        return f"{before}\n" if before and handover else self.text

    @property
    def handover(self) -> str:
        """The rest: words that the model continues. They are shown with its first text."""
        return self.text[len(self.paragraph) :]

    @property
    def hits(self) -> list[Hit]:
        return [snippet.hit for snippet in self.snippets]


def lead_of(question: Question, found: SearchResult, history: Sequence[TurnRow]) -> Lead | None:
    """None if code is not the answer: for a fact, a change, an attachment, a continuation, or without a clear hit."""
    if question.retrieval != "auto" or question.attachments or question.is_continuation or not found.is_answered:
        return None
    if answer_instruction(question.text) != EXPLAIN and not asks_where(question.text):
        return None
    hits = {n: _shortened(hit) for n, hit in enumerate(found.hits[:CANDIDATES], 1)}
    candidates = tuple(context_snippet(Snippet(n, hit, False)) for n, hit in hits.items())
    cited = lead_places(question.text, candidates) if candidates else []
    if not cited:
        return None
    snippets = number([Piece(hits[item.n]) for item in cited], _shown(history), next_number(history))
    return Lead(lead(question.text, [context_snippet(snippet) for snippet in snippets]), tuple(snippets))


def lead_of_fact(answer: ProjectAnswer, found: SearchResult, history: Sequence[TurnRow]) -> Lead | None:
    """What the files of the project say; None if the search finds that the codebase does not answer the question."""
    if not found.is_answered or not all(location.hit is not None for location in answer.locations[:1]):
        return None
    snippets = number([Piece(_shortened(hit)) for hit in answer.hits], _shown(history), next_number(history))
    text = project_listing(answer, [snippet.n for snippet in snippets])
    return Lead(f"{text}\n\n{FACT_HANDOVER}", tuple(snippets), is_fact=True)


def _shown(history: Sequence[TurnRow]) -> Mapping[Place, int]:
    return {place: n for row in history[window(history) :] for n, place in exchange(row, history).shown}


def _shortened(hit: Hit) -> Hit:
    return slice_hit(hit, 0, LINES).hit if hit.text.count("\n") >= LINES else hit
