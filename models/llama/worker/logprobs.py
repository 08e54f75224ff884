"""The log-probabilities of the tokens of one answer, by the model's own logits: before grammar, penalties and sampling.

Knows rows of logits and the bytes of tokens; does not know what is shown of the answer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from models.filters.reasoning import reasoning_bytes
from models.llama.bindings import library
from models.types import LEAST_LOGPROB

Entry = tuple[bytes, float, tuple[tuple[bytes, float], ...]]  # token, its logarithm, the likeliest ones


class TokenLogprobs:
    """Collects entries until the text of their tokens is sent."""

    def __init__(self, context: Any, size: int, top: int, piece: Callable[[int], bytes]) -> None:
        """`size`: tokens of the vocabulary. `top`: how many likely tokens each entry lists."""
        self._api, self._context, self._size, self._top, self._piece = library(), context, size, top, piece
        self._entries: list[Entry] = []
        self._has_sent = False

    def observe(self, row: int, token: int) -> None:
        """Adds the token that was sampled after this row of the last batch."""
        logits = self._api.llama_get_logits_ith(self._context, row)
        values = np.ctypeslib.as_array(logits, (self._size,)).astype(np.float64)
        values -= values.max()
        values -= np.log(np.exp(values).sum())
        np.maximum(values, LEAST_LOGPROB, out=values)
        best = np.argpartition(values, -self._top)[-self._top :].tolist() if self._top else []
        top = sorted(((float(values[other]), other) for other in best), reverse=True)
        likeliest = tuple((self._piece(other), logprob) for logprob, other in top)
        self._entries.append((self._piece(token), float(values[token]), likeliest))

    def drop(self, count: int) -> None:
        """Forgets the last entries: their tokens do not belong to the answer."""
        if count:
            del self._entries[-count:]

    def keep(self, text: str) -> None:
        """Forgets the entries whose tokens come after this text: they make up a stop text."""
        left = len(text.encode())
        for place, (token, *_) in enumerate(self._entries):
            if left <= 0:
                del self._entries[place:]
                return
            left -= len(token)

    def take(self) -> list[list[Any]]:
        """The entries so far, for a message; tokens as hexadecimal digits."""
        entries, self._entries = self._entries, []
        if not self._has_sent:  # what the model reasoned before its answer is not shown
            hidden = reasoning_bytes(b"".join(token for token, *_ in entries))
            while hidden > 0 and entries:
                hidden -= len(entries.pop(0)[0])
        self._has_sent = self._has_sent or bool(entries)
        return [
            [token.hex(), logprob, [[other.hex(), its] for other, its in likeliest]]
            for token, logprob, likeliest in entries
        ]
