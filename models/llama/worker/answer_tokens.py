"""What the model has said, in its own tokens: an answer that is read again is then the very tokens in the cells.

A text can be cut into tokens in several ways, and a model rarely chooses the tokenizer's. Knows no sequences.
"""

import hashlib
from array import array
from collections.abc import Callable, Sequence

from models.filters.reasoning import reasoning_bytes

REMEMBERED = 1024  # answers


class Answers:
    """Answers by the prompt that they are to; the latest few of each prompt's."""

    def __init__(self, piece: Callable[[int], bytes]) -> None:
        self._piece = piece
        self._said: dict[bytes, list[list[int]]] = {}

    def remember(self, prompt: Sequence[int], tokens: Sequence[int]) -> None:
        key = _digest(prompt)
        said = [one for one in self._said.pop(key, []) if one != list(tokens)]
        self._said[key] = [*said[-3:], list(tokens)]  # now the last
        if len(self._said) > REMEMBERED:
            del self._said[next(iter(self._said))]

    def forget(self) -> None:
        self._said.clear()

    def find(self, prompt: Sequence[int], text: str) -> list[int] | None:
        """The tokens of an answer to this prompt, or of its beginning, that read as `text` but for outer white space.

        White space that the model said behind the text stays if the answer ends with it.
        """
        text = text.strip()
        said = [self._without_reasoning(tokens) for tokens in self._said.get(_digest(prompt), [])]
        for tokens, pieces in reversed(said):
            if _text(pieces) == text:
                return tokens
        for tokens, pieces in reversed(said):
            length = 0
            for count, piece in enumerate(pieces, 1):
                length += len(piece)
                if length >= len(text.encode("utf-8", "replace")) and _text(pieces[:count]) == text:
                    return tokens[:count]
        return None

    def _without_reasoning(self, tokens: list[int]) -> tuple[list[int], list[bytes]]:
        """What was said for a reader: what the model thought before that, it is not shown again."""
        pieces = [self._piece(token) for token in tokens]
        thought, begin = reasoning_bytes(b"".join(pieces)), 0
        while thought > 0:
            thought, begin = thought - len(pieces[begin]), begin + 1
        return tokens[begin:], pieces[begin:]


def _text(pieces: Sequence[bytes]) -> str:
    return b"".join(pieces).decode("utf-8", "replace").strip()


def _digest(tokens: Sequence[int]) -> bytes:
    return hashlib.sha256(array("i", tokens).tobytes()).digest()
