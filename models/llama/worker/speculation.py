"""Speculative decoding by prompt lookup: draft tokens come from the text so far, which answers about code often quote.

Drafts are verified in the same step, so they never change an answer. Where verifying costs more than it saves, drafting
stops by itself. Pure.
"""

from dataclasses import dataclass, field

GRAM = 3  # tokens of an n-gram that must have occurred before
DRAFT = 4  # tokens drafted at once
_EMA_WEIGHT = 0.05  # weight of one draft token in the measured acceptance
_PROBE = 64  # tokens of answers between two tries once drafting has stopped


@dataclass(slots=True)
class PromptLookup:
    """The tokens of one prompt and its answer, and where each n-gram was seen last."""

    tokens: list[int] = field(default_factory=list)
    _seen: dict[tuple[int, ...], int] = field(default_factory=dict)

    def extend(self, tokens: list[int]) -> None:
        for token in tokens:
            if len(self.tokens) >= GRAM:
                self._seen[tuple(self.tokens[-GRAM:])] = len(self.tokens)
            self.tokens.append(token)

    def draft(self, limit: int) -> list[int]:
        """The tokens that followed when the last n-gram occurred before; at most `limit`."""
        place = self._seen.get(tuple(self.tokens[-GRAM:]))
        return [] if place is None else self.tokens[place : place + min(DRAFT, limit)]


@dataclass(slots=True)
class AcceptanceTracker:
    """Whether drafting pays: the share of accepted tokens against the cost of a row."""

    share: float = 0.5  # of draft tokens that were accepted, lately
    _until_probe: int = _PROBE

    def observe(self, drafted: int, accepted: int) -> None:
        for n in range(drafted):
            self.share += _EMA_WEIGHT * ((n < accepted) - self.share)

    def pays(self, cost: float) -> bool:
        """`cost`: seconds of a draft token as a share of those of a token without drafts; 0 if not measured.

        An accepted token saves its share of a step, every draft token costs a row.
        """
        if self.share > cost:
            return True
        self._until_probe -= 1
        if self._until_probe > 0:
            return False
        self._until_probe = _PROBE
        return True
