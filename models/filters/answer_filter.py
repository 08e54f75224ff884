"""Filters the answer of a conversation: leaves out the reasoning before it, and ends it when it only repeats itself.

Pure text. Every engine uses it, except for raw completions and values of a JSON Schema.
"""

from models.filters.reasoning import ReasoningFilter
from models.filters.repetition import NOTICE, RepetitionDetector
from models.types import Prompt, Sampling


class AnswerFilter:
    """One answer as it grows."""

    def __init__(self) -> None:
        self._reasoning, self._repetition = ReasoningFilter(), RepetitionDetector()

    @property
    def is_over(self) -> bool:
        """Whether answer or reasoning only repeats itself."""
        return self._repetition.is_looping

    @property
    def notice(self) -> str:
        """What the user should know about the end."""
        return NOTICE if self.is_over else ""

    def feed(self, text: str) -> str:
        """The text that may be shown now."""
        self._repetition.feed(text)
        return self._reasoning.feed(text)

    def end(self) -> str:
        """The rest of the text, at the end of the answer."""
        return self._reasoning.end()


def is_filtered(prompt: Prompt, sampling: Sampling) -> bool:
    """Whether the answer is for a reader, not the rest of a text or a value of a schema."""
    return bool(prompt.messages) and not sampling.json_schema
