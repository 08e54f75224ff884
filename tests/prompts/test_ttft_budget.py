"""The budget of a promise and the forecast of the first token, by their formulas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.types import Rates
from prompts.ttft_budget import TtftBudget, forecast_s

SLOW = Rates(prefill=50.0, decode=10.0)


def test_a_budget_is_what_is_cached_and_what_can_be_read_in_the_time_left() -> None:
    assert TtftBudget(10.0, 0.0, SLOW).prompt_tokens(0, 8000) == 448  # whole 32s of 50 / 1.05 * (10 - 0.1)
    assert (
        TtftBudget(10.0, 0.0, Rates(50.0, 10.0, spread=0.1)).prompt_tokens(0, 8000) == 384
    )  # of 50 / 1.25 * (10 - 0.1)
    assert TtftBudget(10.0, 4.0, SLOW).prompt_tokens(300, 8000) == 300 + 256
    assert TtftBudget(10.0, 11.0, SLOW).prompt_tokens(300, 8000) == 300
    assert TtftBudget(10.0, 0.0, SLOW).prompt_tokens(7900, 8000) == 8000
    assert TtftBudget(10.0, 0.0, Rates(prefill=50.0)).prompt_tokens(0, 8000) == 448


@pytest.mark.parametrize(
    "budget", [TtftBudget(0.0, 0.0, SLOW), TtftBudget(10.0, 0.0, Rates()), TtftBudget(0.0, 0.0, Rates())]
)
def test_nothing_promised_is_no_budget(budget: TtftBudget) -> None:
    assert (budget.is_set, budget.prompt_tokens(100, 8000)) == (False, 8000)


def test_a_forecast_is_what_is_left_to_read_and_one_step() -> None:
    assert forecast_s(600, 100, SLOW) == pytest.approx(10.1)
    assert forecast_s(600, 600, SLOW) == pytest.approx(0.1)
    assert forecast_s(600, 0, Rates(prefill=60.0)) == 10.0
    assert forecast_s(600, 0, Rates()) is None


@given(
    first_token_s=st.floats(0.5, 60),
    spent_s=st.floats(0, 5),
    prefill=st.floats(1, 5000),
    decode=st.floats(3, 200),
    cached=st.integers(0, 4000),
)
def test_a_prompt_within_its_budget_keeps_the_promise_by_its_forecast(
    first_token_s: float, spent_s: float, prefill: float, decode: float, cached: int
) -> None:
    rates = Rates(prefill, decode)
    tokens = TtftBudget(first_token_s, spent_s, rates).prompt_tokens(cached, 8000)
    assert min(cached, 8000) <= tokens <= 8000
    expected = forecast_s(tokens, cached, rates)
    assert expected is not None
    assert expected <= max(1 / decode, first_token_s - spent_s) + 1e-6
