"""The prompt budget for a time to first token (TTFT), and the forecast of that time.

Arithmetic only: gets measured rates, knows no engine and no clock.
"""

from dataclasses import dataclass, replace

from models.types import Rates

CAUTION = 0.05  # margin for the prefill, beside its measured spread
STEP = 32  # tokens: budgets are rounded so that a prefetched prompt equals the one that follows


@dataclass(frozen=True, slots=True)
class TtftBudget:
    """The first token of an answer `first_token_s` seconds after its question was accepted."""

    first_token_s: float  # 0: no budget
    spent_s: float  # of it, in queues and in the search
    rates: Rates

    @property
    def is_set(self) -> bool:
        """False also while no rate has been measured."""
        return self.first_token_s > 0 and self.rates.prefill > 0

    def after(self, seconds: float) -> "TtftBudget":
        """The same budget when that many seconds more are spent."""
        return replace(self, spent_s=self.spent_s + seconds)

    def prompt_tokens(self, cached: int, limit: int) -> int:
        """Tokens that the whole prompt may have, at most `limit`, if the first `cached` of them need no evaluation.

        budget = cached + prefill / (1 + CAUTION + 2 * spread) * (first_token_s - spent_s - 1 / decode), of which the
        last term is the first token's own step; twice the mean deviation is as far as about nine of ten reach. Of what
        is not cached, whole `STEP`s only. If no budget is set it is `limit`.
        """
        if not self.is_set:
            return limit
        left_s = self.first_token_s - self.spent_s - _step_s(self.rates)
        rate = self.rates.prefill / (1 + CAUTION + 2 * self.rates.spread)
        return min(limit, cached + int(rate * max(0.0, left_s)) // STEP * STEP)


def forecast_s(tokens: int, cached: int, rates: Rates) -> float | None:
    """Seconds from now to the first token of a prompt: (tokens - cached) / prefill + 1 / decode.

    None while no prefill rate is measured; without a decode rate its time counts as 0.
    """
    return max(0, tokens - cached) / rates.prefill + _step_s(rates) if rates.prefill > 0 else None


def _step_s(rates: Rates) -> float:
    return 1 / rates.decode if rates.decode > 0 else 0.0
