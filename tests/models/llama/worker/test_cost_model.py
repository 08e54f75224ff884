"""Measured times of steps, the size of the next step, and forecasts."""

from dataclasses import astuple

import pytest

from models.llama.worker.cost_model import LONGEST_S, MAX_ROWS, PREFETCH_STEP_S, ROW_BLOCK, StepCostModel
from models.types import Rates

# Rows and seconds of three processors: one that works on 16 rows at once, one on which each costs as much as the
# first, with a dear step at 8 (both measured, with a Phi-3-mini), and a fast one.
GROUPS = ((1, 0.15), (8, 0.6), (16, 0.65), (32, 0.87), (64, 1.5), (128, 2.8))
LINEAR = ((1, 0.214), (2, 0.378), (3, 0.547), (4, 0.708), (5, 0.89), (7, 1.216), (8, 2.371), (16, 2.415), (32, 4.409))
FAST = ((1, 0.01), (16, 0.02), (32, 0.025), (64, 0.04), (128, 0.07), (256, 0.14), (512, 0.3))


def measured_cost_model(*steps: tuple[int, float]) -> StepCostModel:
    cost_model = StepCostModel()
    cost_model._spread = 0.0
    for rows, seconds in steps:
        cost_model.observe(rows, seconds)
    return cost_model


SLOW = ((1, 0.1), (4, 0.2), (16, 0.4), (32, 0.6), (128, 2.0))


@pytest.mark.parametrize(
    ("rows", "seconds"), [(1, 0.1), (2, 0.1 + 0.1 / 3), (4, 0.2), (10, 0.3), (80, 1.3), (128, 2.0), (256, 4.0)]
)
def test_steps_are_interpolated_between_measured_sizes(rows: int, seconds: float) -> None:
    assert measured_cost_model(*SLOW).step_s(rows) == pytest.approx(seconds)


def test_nothing_is_estimated_before_the_first_step() -> None:
    cost_model = measured_cost_model()
    assert (cost_model.step_s(5), cost_model.eta_s(100), cost_model.draft_cost(4, 1), cost_model.rates()) == (
        0.0,
        None,
        0.0,
        Rates(),
    )
    cost_model.observe(1, 0.1)
    assert (cost_model.step_s(5), cost_model.eta_s(100), cost_model.draft_cost(4, 1), cost_model.rates()) == (
        0.5,
        None,
        0.0,
        Rates(0.0, 10.0),
    )


def test_few_rows_are_measured_exactly_and_many_by_similar_size() -> None:
    cost_model = measured_cost_model((9, 1.0), (10, 1.5))
    assert (cost_model.step_s(9), cost_model.step_s(10)) == (1.0, 1.5)
    cost_model.observe(40, 8.0)
    for _ in range(40):
        cost_model.observe(64, 10.0)
    assert cost_model.step_s(64) == pytest.approx(10.0, rel=1e-3)


def test_one_pause_of_the_machine_hardly_counts() -> None:
    cost_model = measured_cost_model((1, 0.1), (4, 0.2))
    cost_model.observe(4, 60.0)
    assert cost_model.step_s(4) == pytest.approx(0.2 + 0.25 * 0.1)
    cost_model.observe(8, 60.0)  # expected: 0.45
    assert cost_model.step_s(8) == pytest.approx(1.5 * 0.45)


def test_a_slower_machine_is_noticed() -> None:
    cost_model = measured_cost_model((1, 0.1))
    for _ in range(40):
        cost_model.observe(1, 0.4)
    assert cost_model.step_s(1) == pytest.approx(0.4, rel=1e-3)


def test_larger_steps_that_were_slow_once_are_tried_again() -> None:
    truth, cost_model, tried = measured_cost_model(*GROUPS), measured_cost_model((1, 0.15), (16, 0.65), (32, 1.4)), []
    for _ in range(30):
        tried.append(cost_model.prefill_tokens(0))
        cost_model.observe(tried[-1], truth.step_s(tried[-1]))
    assert tried[0] == 16
    assert min(tried[25:]) >= 64
    steady = measured_cost_model(*LINEAR)
    for _ in range(200):
        steady.observe(4, 0.708)
    assert steady.prefill_tokens(1) == 3  # beside answers nothing is tried that was slow


def test_the_spread_of_prefill_steps_is_reported() -> None:
    cost_model = measured_cost_model((1, 1.0), (32, 7.0))
    for _ in range(200):
        cost_model.observe(1, 1.2)
        cost_model.observe(1, 0.8)
    assert cost_model.rates().spread == 0.0
    for _ in range(200):
        cost_model.observe(32, 8.0)
        cost_model.observe(32, 6.0)
    assert cost_model.rates().spread == pytest.approx(1 / 7, abs=0.04)


@pytest.mark.parametrize(
    ("steps", "rows", "waiting", "tokens"),
    [
        (GROUPS, 1, 1, 5),  # 8 rows take 4 times as long as one
        (GROUPS, 1, 2, 63),  # 79 would be read hardly faster
        (GROUPS, 8, 1, 72),
        (GROUPS, 8, 8, 104),
        (LINEAR, 1, 1, 3),
        (LINEAR, 1, 2, 15),
        (LINEAR, 2, 1, 5),  # not 6: eight rows would take twice as long
        (FAST, 1, 1, 111),
        (((1, 0.5), (16, 2.0), (512, 30.0)), 1, 9, 63),  # no step is longer than LONGEST_S
        (((1, 1.0), (2, 5.0)), 1, 1, 1),  # one in any case
        ((), 1, 1, 1),
    ],
)
def test_prefill_uses_the_allowed_pause_of_running_answers(
    steps: tuple[tuple[int, float], ...], rows: int, waiting: int, tokens: int
) -> None:
    assert measured_cost_model(*steps).prefill_tokens(rows, waiting) == tokens


@pytest.mark.parametrize(
    ("steps", "rows"),
    [((), ROW_BLOCK), (GROUPS, 128), (LINEAR, 32), (FAST, MAX_ROWS), (((1, 0.5), (16, 6.0)), ROW_BLOCK)],
)
def test_prefill_alone_is_fast_and_interrupted_often(steps: tuple[tuple[int, float], ...], rows: int) -> None:
    cost_model = measured_cost_model(*steps)
    assert cost_model.prefill_tokens(0) == rows
    assert cost_model.step_s(rows) <= LONGEST_S or rows == ROW_BLOCK


def test_larger_steps_are_tried_until_they_gain_nothing() -> None:
    truth, cost_model, tried = measured_cost_model(*GROUPS), measured_cost_model((1, 0.15)), []
    for _ in range(6):
        tried.append(cost_model.prefill_tokens(0))
        cost_model.observe(tried[-1], truth.step_s(tried[-1]))
    assert tried == [32, 128, 128, 128, 128, 128]


def test_reading_ahead_uses_short_steps() -> None:
    for steps in (GROUPS, LINEAR, FAST):
        cost_model = measured_cost_model(*steps)
        assert cost_model.step_s(rows := cost_model.prefill_tokens(0, prefetch=True)) <= PREFETCH_STEP_S
        assert rows >= 3
    assert measured_cost_model((1, 0.1)).prefill_tokens(0, prefetch=True) == 8  # by what one row takes


@pytest.mark.parametrize(
    ("tokens", "rows", "seconds"), [(10, 0, 0.3), (32, 0, 0.6), (138, 0, 2.0 * 138 / 128), (30, 1, 0.4 + 0.4 + 0.4 / 3)]
)
def test_the_first_token_is_expected_after_full_slices_and_the_rest(tokens: int, rows: int, seconds: float) -> None:
    assert measured_cost_model(*SLOW).eta_s(tokens, rows) == pytest.approx(seconds)


def test_rates_are_those_of_a_new_request() -> None:
    cost_model = measured_cost_model(*SLOW)
    assert astuple(cost_model.rates()) == pytest.approx((64.0, 10.0, 0.0))
    assert astuple(cost_model.rates(1)) == pytest.approx((14 / cost_model.step_s(15), 7.5, 0.0))
    assert StepCostModel().rates(1) == Rates(0.0, 0.0, 0.05)


def test_a_draft_costs_its_rows_beside_those_of_all_answers() -> None:
    cost_model = measured_cost_model((1, 0.047), (4, 0.111), (5, 0.14), (8, 0.236))  # Qwen2.5-Coder-1.5B on a Zen 4
    assert cost_model.draft_cost(4, 1) == pytest.approx((0.14 - 0.047) / 4 / 0.047)
    assert cost_model.draft_cost(4, 4) == pytest.approx((0.236 - 0.111) / 0.111)  # more than a token, right or wrong
