"""The beginning of an answer that is there before a model is: which pieces of code it speaks of, under which numbers.

Decides whether there is one; how it reads is the business of `models.extractive.lead`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.chat.history import exchange, next_number, window
from backend.chat.question import Question
from backend.db.tables import TurnRow
from indexer.search.searcher import Found
from indexer.types import Hit
from models.extractive.lead import asks_where, lead, lead_places
from prompts.pack import part
from prompts.snippets import Piece, Place, Snippet, evidence, number
from prompts.task import EXPLAIN, task

LOOKED_AT = 8  # hits
LINES = 60  # of a piece that a lead speaks of; of a longer one its head is shown


@dataclass(frozen=True, slots=True)
class Lead:
    """What an answer begins with."""

    text: str
    snippets: tuple[Snippet, ...]

    @property
    def paragraph(self) -> str:
        """The text without the words that hand over to the model: they are shown with its first ones."""
        return self.text.rpartition("\n\n")[0] or self.text

    @property
    def hits(self) -> list[Hit]:
        return [snippet.hit for snippet in self.snippets]


def lead_of(question: Question, found: Found, past: Sequence[TurnRow]) -> Lead | None:
    """None where a piece of code is not what is asked for: a fact or a change, the user's own text, more of the last
    answer, or nothing that was clearly found.
    """
    if question.retrieval != "auto" or question.attachments or question.is_continuation or not found.is_answered:
        return None
    if task(question.text) != EXPLAIN and not asks_where(question.text):
        return None
    hits = {n: _shortened(hit) for n, hit in enumerate(found.hits[:LOOKED_AT], 1)}
    candidates = tuple(evidence(Snippet(n, hit, False)) for n, hit in hits.items())
    places = lead_places(question.text, candidates) if candidates else []
    if not places:
        return None
    snippets = number([Piece(hits[one.n]) for one in places], _shown(past), next_number(past))
    return Lead(lead(question.text, [evidence(snippet) for snippet in snippets]), tuple(snippets))


def _shown(past: Sequence[TurnRow]) -> Mapping[Place, int]:
    return {where: n for row in past[window(past) :] for n, where in exchange(row, past).shown}


def _shortened(hit: Hit) -> Hit:
    return part(hit, 0, LINES).hit if hit.text.count("\n") >= LINES else hit
