"""Invariants of the scheduler under any order of arrivals, cancels, answers and evictions; and its own order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models.llama.worker.cost_model import PAUSE_S, StepCostModel
from tests.models.llama.harness import SYSTEM, World


class Laws(RuleBasedStateMachine):
    """Arrive, cancel, finish, evict, in any order."""

    @initialize(
        parallel=st.integers(1, 4),
        sequences=st.integers(8, 10),
        size=st.integers(200, 500),
        can_share_prefix=st.booleans(),
        attends_all_cells=st.booleans(),
    )
    def begin(self, parallel: int, sequences: int, size: int, can_share_prefix: bool, attends_all_cells: bool) -> None:
        self.world = World(size, sequences, parallel, can_share_prefix=can_share_prefix)
        self.world.cells.attends_all_cells = attends_all_cells
        self.prompts: list[list[int]] = [SYSTEM]

    @rule(more=st.lists(st.integers(0, 5), min_size=1, max_size=90), answer=st.integers(0, 20), prefetch=st.booleans(),
          data=st.data())  # fmt: skip
    def arrive(self, more: list[int], answer: int, prefetch: bool, data: st.DataObject) -> None:
        prefix = data.draw(st.sampled_from(self.prompts))
        prompt = (prefix + more)[:180]
        self.prompts.append(prompt)
        self.world.submit(prompt, min(answer, 200 - len(prompt)), prefetch=prefetch)

    @rule(times=st.integers(1, 8))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.world.step()

    @precondition(lambda self: self.world.scheduler.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.world.scheduler.requests))
        self.prompts.append(list(request.tokens)[:180])  # a later prompt continues it
        self.world.scheduler.finish(request, len(request.tokens) - request.prompt)

    @rule(damaged=st.booleans())
    def break_snapshots(self, damaged: bool) -> None:
        self.world.cells.damaged = damaged

    @invariant()
    def the_books_are_the_cells(self) -> None:
        if not hasattr(self, "world"):
            return
        tree, cells = self.world.slots.tree, self.world.cells
        stored = {sequence: tokens for sequence, tokens in cells.tokens.items() if tokens}
        assert {sequence: tree.tokens(sequence) for sequence in stored} == stored
        assert tree.cells == cells.used <= cells.size
        for request in self.world.scheduler.requests:
            if request.sequence is not None:
                assert stored.get(request.sequence, []) == request.tokens[: request.computed]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.run()
        self.world.slots.save_all()
        self.world.slots.clear()
        assert self.world.cells.used == self.world.slots.tree.cells == 0
        assert sorted(self.world.slots._free) == list(range(len(self.world.slots._free)))
        assert not self.world.slots._running


Laws.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_laws = Laws.TestCase


def test_a_shared_prefix_is_evaluated_once_for_concurrent_prompts() -> None:
    world = World(parallel=8, sequences=10, guesses=0)
    requests = [world.submit([*SYSTEM, n, n + 1, n + 2], 3) for n in range(8)]
    world.run()
    assert sum(world.read.values()) == len(SYSTEM) + 8 * (3 + 2)
    assert [request.cached for request in requests] == [0] + [len(SYSTEM)] * 7


def test_reading_ahead_yields_to_every_answer() -> None:
    world = World()
    prefetch = world.submit([4] * 60, 0, prefetch=True)
    world.step()
    urgent = world.submit([5] * 60, 4)
    while urgent in world.scheduler.requests:
        assert not any(part.request is prefetch for part in world.step())
    world.run()
    assert world.read[prefetch.id] == 60


def test_many_prefetches_do_not_exhaust_the_sequences() -> None:
    world = World()
    prefetches = [world.submit([*SYSTEM, number], 0, prefetch=True) for number in range(20)]
    world.step()
    assert sum(request.sequence is not None for request in prefetches) == 1
    question = world.submit([*SYSTEM, 99], 1)
    world.step()
    assert question.sequence is not None


def test_a_short_prompt_overtakes_a_long_one_which_does_not_starve() -> None:
    world = World(size=4000, parallel=2, sequences=8)
    long = world.submit([1] * 1000, 1)
    world.step()
    short = world.submit([2] * 20, 1)
    while short in world.scheduler.requests:
        world.step()
    assert long.is_prefill
    for n in range(200):  # a short one arrives with every step
        world.submit([3, n] * 10, 1)
        world.step()
        if long not in world.scheduler.requests:
            break
    assert long not in world.scheduler.requests
    assert n < 60


def test_running_answers_continue_during_prefill() -> None:
    world = World(size=4000)
    running = world.submit([1] * 10, 500)
    world.step()
    world.submit([2] * 600, 1)
    for _ in range(30):
        step = world.step()
        assert sum(part.request is running for part in step) == 1
        rows = sum(len(part.tokens) for part in step)
        assert rows > 8
        assert world.cost_model.step_s(rows) <= PAUSE_S


def test_answers_pause_longer_the_more_prompts_wait() -> None:
    world = World(size=4000, parallel=4)
    world.submit([1] * 10, 500)
    world.step()
    for n in range(2, 4):
        world.submit([n] * 300, 1)
    rows = sum(len(part.tokens) for part in world.step())
    assert PAUSE_S < world.cost_model.step_s(rows) <= 4 * PAUSE_S


def test_a_prompt_that_does_not_fit_waits() -> None:
    world = World(size=100, parallel=4)
    one, two = world.submit([1] * 50, 10), world.submit([2] * 50, 10)
    world.step()
    assert (one.sequence is None, two.sequence is None) == (False, True)
    assert world.scheduler.waiting == 1
    world.run()


def test_without_sharing_every_prompt_needs_its_own_cells() -> None:
    world = World(size=200, parallel=4, can_share_prefix=False)
    requests = [world.submit([*SYSTEM, 0], answer) for answer in (0, 16, 13, 7, 7)]
    for _ in range(3):
        world.step()
        ends = [request.max_length for request in requests if request.sequence is not None]
        assert sum(ends) <= 200
    world.run()


def test_without_cuts_prompts_are_evaluated_again_and_never_wrong() -> None:
    world = World(can_share_prefix=False)
    first = world.submit([*SYSTEM, 1, 2], 5)
    world.run()
    world.submit([*SYSTEM, 1, 3], 2)
    world.run()
    world.submit([*first.tokens, 4], 2)
    world.run()
    assert world.slots.tree.cells == world.cells.used


def test_rates_are_those_beside_the_running_answers() -> None:
    world = World(size=4000)
    world.submit([1] * 900, 500)
    world.step()
    assert world.scheduler.rates == world.cost_model.rates()
    while not world.scheduler.decoding:
        world.step()
    assert world.scheduler.rates == world.cost_model.rates(1)
    assert world.cost_model.rates(1).prefill < world.cost_model.rates().prefill


def test_a_forecast_includes_the_prompts_before_it() -> None:
    world = World(size=4000, parallel=2)
    assert world.scheduler.forecasts() == {}
    first = world.submit([1] * 900, 5)
    world.step()
    second, guess = world.submit([2] * 900, 5), world.submit([3] * 50, 5, prefetch=True)
    world.step()
    cost_model, forecasts = world.cost_model, world.scheduler.forecasts()
    first_s = cost_model.eta_s(first.prompt - first.computed, 0, 2)
    second_s = cost_model.eta_s(second.prompt - second.computed, 1, 1)
    assert first_s is not None
    assert second_s is not None
    assert forecasts == {first.id: first_s, second.id: pytest.approx(first_s + second_s)}
    assert guess.id not in forecasts
    last = world.submit([4] * 200, 5)
    world.step()
    reading_s = world.scheduler.forecasts()
    beside_s = cost_model.eta_s(200, 1)
    assert beside_s is not None
    least = (first.max_length - first.prompt) * cost_model.step_s(2)  # until one of them has all its tokens
    assert reading_s[last.id] == pytest.approx(max(reading_s.values(), default=0.0))
    assert reading_s[last.id] == pytest.approx(reading_s[second.id] + least + beside_s)
    world.scheduler.cost_model = StepCostModel()
    assert world.scheduler.forecasts() == {}
