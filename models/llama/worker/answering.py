"""One prompt from its arrival to its end: what its tokens show, and which of them end it.

Knows the texts of one answer; which tokens are evaluated and chosen is the business of `worker`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models.filters.answer_filter import AnswerFilter
from models.llama.worker.sampling import Sampler
from models.llama.worker.scheduler import Request
from models.llama.worker.speculation import PromptLookup
from models.llama.worker.stops import AnswerText


@dataclass(eq=False, slots=True)
class Answer:
    """An answer as it grows."""

    request: Request
    chooser: Sampler
    ends: frozenset[int]  # tokens that end it, and are never shown
    text: AnswerText
    piece: Callable[[int], bytes]
    filter: AnswerFilter | None  # None: every character is meant, as in the rest of a file
    lookup: PromptLookup = field(default_factory=PromptLookup)
    drafted: int = 0
    accepted: int = 0
    told_at: float = 0.0

    def say(self, tokens: Sequence[int]) -> tuple[str, int | None]:
        """What the tokens show; where the answer has ended, how many of them are not part of it, else None."""
        shown: list[str] = []
        for place, token in enumerate(tokens):
            is_end = token in self.ends
            if not is_end:
                shown.append(self._shown(self.text.feed(self.piece(token))))
            if is_end or self.text.stopped or (self.filter and self.filter.is_over):
                return "".join(shown), len(tokens) - place - 1 + is_end
        return "".join(shown), None

    def end(self) -> str:
        """What was held back."""
        rest = self._shown(self.text.end())
        return rest + self.filter.end() if self.filter else rest

    @property
    def notice(self) -> str:
        return self.filter.notice if self.filter else ""

    def _shown(self, text: str) -> str:
        return self.filter.feed(text) if self.filter else text
