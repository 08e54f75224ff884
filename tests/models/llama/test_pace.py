"""What steps have taken, what they may hold and what is foretold of them."""

import pytest

from models.llama.pace import AHEAD, GRAIN, MOST, WHOLE, Pace
from models.types import Rates


def paced(*steps: tuple[int, float]) -> Pace:
    pace = Pace()
    for rows, seconds in steps:
        pace.observe(rows, seconds)
    return pace


SLOW = ((1, 0.1), (4, 0.2), (16, 0.4), (32, 0.6), (128, 2.0))


@pytest.mark.parametrize(
    ("rows", "seconds"), [(1, 0.1), (2, 0.1 + 0.1 / 3), (4, 0.2), (10, 0.3), (80, 1.3), (128, 2.0), (256, 4.0)]
)
def test_a_step_lies_on_the_line_between_what_was_measured(rows: int, seconds: float) -> None:
    assert paced(*SLOW).step_s(rows) == pytest.approx(seconds)


def test_nothing_is_known_before_the_first_step() -> None:
    pace = Pace()
    assert (pace.step_s(5), pace.eta_s(100), pace.row_cost(5), pace.rates) == (0.0, None, 0.0, Rates())
    pace.observe(1, 0.1)
    assert (pace.step_s(5), pace.eta_s(100), pace.row_cost(5), pace.rates) == (0.5, None, 0.0, Rates(0.0, 10.0))


def test_steps_of_about_one_size_are_one_measurement_that_follows_the_machine() -> None:
    pace = paced((9, 1.0))
    for _ in range(40):
        pace.observe(16, 2.0)
    assert pace.step_s(16) == pytest.approx(2.0, rel=1e-3)
    assert pace.step_s(8) == pytest.approx(1.0, rel=1e-3)


def test_one_bad_measurement_is_not_believed_for_ever() -> None:
    pace = paced((1, 0.1), (16, 0.4), (64, 9.0))
    assert pace.slice(1, 3) == 15
    pace.observe(16, 0.4)
    assert pace.step_s(64) == pytest.approx(64 / 16 * 0.4)
    assert pace.slice(1, 3) == 47


@pytest.mark.parametrize(
    ("rows", "waiting", "tokens"), [(1, 1, 15), (2, 1, 14), (1, 3, 63), (4, 1, 28), (1, 40, 127), (8, 1, 56)]
)
def test_the_more_answers_and_the_more_prompts_the_larger_the_slice(rows: int, waiting: int, tokens: int) -> None:
    assert paced(*SLOW).slice(rows, waiting) == tokens


@pytest.mark.parametrize("steps", [(), SLOW])
def test_a_slice_is_never_too_small_to_pay(steps: tuple[tuple[int, float], ...]) -> None:
    pace = paced(*steps)
    for rows, least in ((1, GRAIN), (15, GRAIN), (16, 2 * GRAIN), (17, 2 * GRAIN)):
        assert rows + pace.slice(rows) >= least
    assert pace.slice(0, ahead=True) == AHEAD
    assert pace.slice(0) >= WHOLE


def test_a_fast_machine_reads_as_much_as_a_second_holds() -> None:
    assert paced((1, 0.01), (128, 0.2)).slice(0) == MOST
    assert paced((1, 0.01), (128, 0.5)).slice(0) == 256
    assert paced(*SLOW).slice(0) == WHOLE


@pytest.mark.parametrize(("tokens", "rows", "seconds"), [(10, 0, 0.3), (128, 0, 2.0), (266, 0, 4.3), (30, 1, 0.8)])
def test_a_first_token_comes_after_whole_slices_and_what_is_left(tokens: int, rows: int, seconds: float) -> None:
    assert paced(*SLOW).eta_s(tokens, rows) == pytest.approx(seconds)


def test_rates_are_those_of_whoever_waits_alone() -> None:
    pace = paced(*SLOW)
    assert pace.rates.prefill == pytest.approx(64.0)
    assert pace.rates.decode == pytest.approx(10.0)
    assert pace.row_cost(4) == pytest.approx(1 / 3)
