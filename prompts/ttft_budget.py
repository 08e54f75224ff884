"""How many tokens a prompt may have so that its first token comes in the promised time, and when it will come.

Arithmetic only: knows rates that were measured, no engine and no clock.
"""

from dataclasses import dataclass, replace

from models.types import Rates

CAUTION = 0.05  # how much longer than expected the reading may take, beside what it varies by
STEP = 32  # tokens: a prompt that was read ahead a moment ago shall be the one that is asked for


@dataclass(frozen=True, slots=True)
class TtftBudget:
    """The first token of an answer `first_token_s` seconds after its question was accepted."""

    first_token_s: float  # 0: nothing is promised
    spent_s: float  # of it, in queues and in the search
    rates: Rates

    @property
    def is_given(self) -> bool:
        """False also while no rate is known: then nothing can be promised."""
        return self.first_token_s > 0 and self.rates.prefill > 0

    def later(self, seconds: float) -> "TtftBudget":
        """The same promise when so many seconds more are spent."""
        return replace(self, spent_s=self.spent_s + seconds)

    def budget(self, cached: int, limit: int) -> int:
        """Tokens that the whole prompt may have, at most `limit`, if the first `cached` of them need no evaluation.

        budget = cached + prefill / (1 + CAUTION + 2 * spread) * (first_token_s - spent_s - 1 / decode), of which the
        last term is the first token's own step; twice the mean deviation is as far as about nine of ten reach. Of what
        is not cached, whole `STEP`s only. Without a promise it is `limit`.
        """
        if not self.is_given:
            return limit
        left_s = self.first_token_s - self.spent_s - _step_s(self.rates)
        rate = self.rates.prefill / (1 + CAUTION + 2 * self.rates.spread)
        return min(limit, cached + int(rate * max(0.0, left_s)) // STEP * STEP)


def forecast_s(tokens: int, cached: int, rates: Rates) -> float | None:
    """Seconds from now to the first token of a prompt: (tokens - cached) / prefill + 1 / decode.

    None while no prefill rate is known; an unknown decode rate counts as no time.
    """
    return max(0, tokens - cached) / rates.prefill + _step_s(rates) if rates.prefill > 0 else None


def _step_s(rates: Rates) -> float:
    return 1 / rates.decode if rates.decode > 0 else 0.0
