"""Guesses for the next tokens, looked up in the text so far: an answer about code often quotes it.

A guess is checked in the same step, so it never changes an answer; where checking costs more than it gives, guessing
stops by itself. Pure.
"""

from dataclasses import dataclass, field

GRAM = 3  # tokens that must have occurred before in this order
DRAFT = 4  # tokens guessed at once
_NEW = 0.05  # weight of one guessed token in the measured share of right ones
_PROBE = 64  # answers' tokens between two tries once guessing has stopped


@dataclass(slots=True)
class PromptLookup:
    """The tokens of one prompt and its answer, and where each run of `GRAM` was seen last."""

    tokens: list[int] = field(default_factory=list)
    _seen: dict[tuple[int, ...], int] = field(default_factory=dict)

    def extend(self, tokens: list[int]) -> None:
        for token in tokens:
            if len(self.tokens) >= GRAM:
                self._seen[tuple(self.tokens[-GRAM:])] = len(self.tokens)
            self.tokens.append(token)

    def draft(self, most: int) -> list[int]:
        """What followed when the last tokens occurred before."""
        place = self._seen.get(tuple(self.tokens[-GRAM:]))
        return [] if place is None else self.tokens[place : place + min(DRAFT, most)]


@dataclass(slots=True)
class AcceptanceTracker:
    """Whether guessing pays: the share of right guesses against what a further row costs."""

    share: float = 0.5  # of guessed tokens that were right, lately
    _until_probe: int = _PROBE

    def observe(self, drafted: int, accepted: int) -> None:
        for n in range(drafted):
            self.share += _NEW * ((n < accepted) - self.share)

    def pays(self, cost: float) -> bool:
        """`cost`: seconds of a guess as a share of those of a token without guesses; 0 if not measured.

        A right guess saves a token's share of a step, any one costs a row.
        """
        if self.share > cost:
            return True
        self._until_probe -= 1
        if self._until_probe > 0:
            return False
        self._until_probe = _PROBE
        return True
