"""What a reader gets of an answer in a conversation: no thinking before it, and an end where it only repeats itself.

Pure text; every engine passes its answers through one, but for raw completions and for values of a JSON Schema.
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
        """Whether nothing new is to be expected, not even of the thinking."""
        return self._repetition.is_looping

    @property
    def notice(self) -> str:
        """What the user should know about the end."""
        return NOTICE if self.is_over else ""

    def feed(self, text: str) -> str:
        """What may be shown now."""
        self._repetition.feed(text)
        return self._reasoning.feed(text)

    def end(self) -> str:
        """What was still held back."""
        return self._reasoning.end()


def is_filtered(prompt: Prompt, sampling: Sampling) -> bool:
    """Whether an answer to this is for a reader, not the rest of a text or a value of a schema."""
    return bool(prompt.messages) and not sampling.json_schema
