"""The tokens of generated answers: when an answer is part of a later prompt, it is encoded as the tokens in the cells.

A text has several tokenisations, and a model rarely generates the tokenizer's. Knows no sequences.
"""

import hashlib
from array import array
from collections.abc import Callable, Sequence

from models.filters.reasoning import reasoning_bytes

MAX_PROMPTS = 1024


class AnswerTokens:
    """The latest answers of each prompt."""

    def __init__(self, piece: Callable[[int], bytes]) -> None:
        self._piece = piece
        self._by_prompt: dict[bytes, list[list[int]]] = {}

    def add(self, prompt: Sequence[int], tokens: Sequence[int]) -> None:
        key = _digest(prompt)
        others = [answer for answer in self._by_prompt.pop(key, []) if answer != list(tokens)]
        self._by_prompt[key] = [*others[-3:], list(tokens)]  # now the last used
        if len(self._by_prompt) > MAX_PROMPTS:
            del self._by_prompt[next(iter(self._by_prompt))]

    def clear(self) -> None:
        self._by_prompt.clear()

    def find(self, prompt: Sequence[int], text: str) -> list[int] | None:
        """The tokens of an answer to this prompt, or of its beginning, that read as `text` but for outer white space.

        White space after the text is included if the answer ends with it.
        """
        text = text.strip()
        answers = [self._without_reasoning(tokens) for tokens in self._by_prompt.get(_digest(prompt), [])]
        for tokens, pieces in reversed(answers):
            if _text(pieces) == text:
                return tokens
        for tokens, pieces in reversed(answers):
            length = 0
            for count, piece in enumerate(pieces, 1):
                length += len(piece)
                if length >= len(text.encode("utf-8", "replace")) and _text(pieces[:count]) == text:
                    return tokens[:count]
        return None

    def _without_reasoning(self, tokens: list[int]) -> tuple[list[int], list[bytes]]:
        """The answer without the reasoning before it, which is not part of later prompts."""
        pieces = [self._piece(token) for token in tokens]
        left, begin = reasoning_bytes(b"".join(pieces)), 0
        while left > 0:
            left, begin = left - len(pieces[begin]), begin + 1
        return tokens[begin:], pieces[begin:]


def _text(pieces: Sequence[bytes]) -> str:
    return b"".join(pieces).decode("utf-8", "replace").strip()


def _digest(tokens: Sequence[int]) -> bytes:
    return hashlib.sha256(array("i", tokens).tobytes()).digest()
