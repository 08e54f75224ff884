"""The scheduler without a model: any interleaving of arrivals, cancels, answers and evictions keeps its laws.

The cells are played by `Cells`, which knows what each holds and refuses what llama.cpp would.
"""

import random
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models.llama.pace import GAP, GRAIN, Pace
from models.llama.prefixes import common
from models.llama.scheduler import Request, Scheduler, Slice
from models.llama.slots import WORTH_SAVING, Slots
from models.llama.snapshots import Limits, Snapshots
from models.llama.state_file import State

STEPS = ((1, 0.1), (4, 0.2), (16, 0.4), (32, 0.6), (128, 2.0))  # rows and seconds
SYSTEM = list(range(1000, 1040))


def paced() -> Pace:
    pace = Pace()
    for rows, seconds in STEPS:
        pace.observe(rows, seconds)
    return pace


class Cells:
    """A context's cells: which sequence has which cell at which position."""

    def __init__(self, size: int, *, forks: bool = True, reads_all: bool = False) -> None:
        self.size, self.forks, self.reads_all = size, forks, reads_all
        self.tokens: dict[int, list[int]] = {}
        self.cells: dict[int, list[int]] = {}
        self.made = 0
        self.damaged = False
        self.save_s = 0.0

    @property
    def used(self) -> int:
        return len({cell for cells in self.cells.values() for cell in cells})

    def add(self, sequence: int, position: int, token: int) -> None:
        assert len(self.tokens.setdefault(sequence, [])) == position, "a position is left out or written twice"
        self.tokens[sequence].append(token)
        self.cells.setdefault(sequence, []).append(self.made)
        self.made += 1
        assert self.used <= self.size, "more cells than the context has"

    def copy(self, source: int, sequence: int, length: int) -> None:
        assert not self.tokens.get(sequence), "copied over a sequence that is in use"
        assert len(self.tokens[source]) >= length
        assert self.forks, "this memory cannot share"
        self.tokens[sequence], self.cells[sequence] = self.tokens[source][:length], self.cells[source][:length]

    def cut(self, sequence: int, length: int) -> bool:
        kept = length if self.forks else 0
        del self.tokens.setdefault(sequence, [])[kept:]
        del self.cells.setdefault(sequence, [])[kept:]
        return kept == length

    def save(self, sequence: int) -> State:
        time.sleep(self.save_s)
        return bytearray(b"".join(token.to_bytes(4) for token in self.tokens[sequence]))

    def restore(self, sequence: int, state: State) -> bool:
        if self.damaged:
            return False
        assert not self.tokens.get(sequence)
        for place in range(0, len(state), 4):
            self.add(sequence, place // 4, int.from_bytes(state[place : place + 4]))
        return True


class World:
    """A scheduler on played cells; `step` does what the worker does with a model that says random tokens."""

    def __init__(
        self,
        size: int = 400,
        sequences: int = 8,
        parallel: int = 3,
        *,
        forks: bool = True,
        reads_all: bool = False,
        guesses: int = 4,
    ) -> None:
        self.cells, self.guesses = Cells(size, forks=forks, reads_all=reads_all), guesses
        self.snapshots = Snapshots(Limits(ram_bytes=1 << 14))
        self.slots = Slots(self.cells, self.snapshots, size, sequences)
        self.pace = paced()
        self.scheduler = Scheduler(self.slots, self.pace, parallel)
        self.random = random.Random(1)
        self.number = 0
        self.read: dict[int, int] = {}  # tokens evaluated by request

    def submit(self, tokens: list[int], answer: int, *, ahead: bool = False) -> Request:
        self.number += 1
        request = Request(self.number, list(tokens), len(tokens) + answer, ahead)
        self.scheduler.submit(request)
        return request

    def step(self) -> list[Slice]:
        step = self.scheduler.plan()
        self.check(step)
        for part in step:
            assert part.request.sequence is not None
            for place, token in enumerate(part.tokens):
                self.cells.add(part.request.sequence, part.begin + place, token)
            self.read[part.request.id] = self.read.get(part.request.id, 0) + len(part.tokens)
        self.scheduler.evaluated(step)
        for part in step:
            if part.chooses:
                self.choose(part)
        return step

    def choose(self, part: Slice) -> None:
        request, right = part.request, self.random.randint(0, part.chooses - 1)
        if len(request.tokens) < request.most:
            self.scheduler.chosen(part, [*request.draft[:right], self.random.randint(0, 5)])
        if len(request.tokens) >= request.most:
            self.scheduler.finish(request, len(request.tokens) - request.prompt)
            return
        guesses = self.random.randint(0, min(self.guesses, request.most - len(request.tokens) - 1))
        request.draft = [self.random.randint(0, 5) for _ in range(guesses)]

    def check(self, step: list[Slice]) -> None:
        if not self.cells.forks:
            return
        reading = [part for part in step if part.is_reading]
        for part in reading:
            wanted = part.request.tokens[: part.request.prompt - 1]
            for sequence, held in self.cells.tokens.items():
                alive = common(held, wanted)
                assert alive <= part.begin or sequence == part.request.sequence, "read again while it is alive"
        for one in reading:
            for other in reading:
                if one is not other:
                    same = common(one.request.tokens[: one.request.prompt - 1], other.request.tokens)
                    assert same <= max(one.begin, other.begin), "two read the same tokens in one step"

    def run(self, most: int = 3000) -> None:
        for _ in range(most):
            if not self.scheduler.requests:
                return
            assert self.step(), "there is work and nothing is done"
        raise AssertionError("somebody starves")


class Laws(RuleBasedStateMachine):
    """Arrive, cancel, finish, evict, in any order."""

    @initialize(
        parallel=st.integers(1, 4),
        sequences=st.integers(8, 10),
        size=st.integers(200, 500),
        forks=st.booleans(),
        reads_all=st.booleans(),
    )
    def begin(self, parallel: int, sequences: int, size: int, forks: bool, reads_all: bool) -> None:
        self.world = World(size, sequences, parallel, forks=forks, reads_all=reads_all)
        self.prompts: list[list[int]] = [SYSTEM]

    @rule(more=st.lists(st.integers(0, 5), min_size=1, max_size=90), answer=st.integers(0, 20), ahead=st.booleans(),
          data=st.data())  # fmt: skip
    def arrive(self, more: list[int], answer: int, ahead: bool, data: st.DataObject) -> None:
        begun = data.draw(st.sampled_from(self.prompts))
        prompt = (begun + more)[:180]
        self.prompts.append(prompt)
        self.world.submit(prompt, min(answer, 200 - len(prompt)), ahead=ahead)

    @rule(times=st.integers(1, 8))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.world.step()

    @precondition(lambda self: self.world.scheduler.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.world.scheduler.requests))
        self.prompts.append(list(request.tokens)[:180])  # somebody comes back to what was said
        self.world.scheduler.finish(request, len(request.tokens) - request.prompt)

    @rule(damaged=st.booleans())
    def break_snapshots(self, damaged: bool) -> None:
        self.world.cells.damaged = damaged

    @invariant()
    def the_books_are_the_cells(self) -> None:
        if not hasattr(self, "world"):
            return
        tree, cells = self.world.slots.tree, self.world.cells
        held = {sequence: tokens for sequence, tokens in cells.tokens.items() if tokens}
        assert {sequence: tree.tokens(sequence) for sequence in held} == held
        assert tree.cells == cells.used <= cells.size
        for request in self.world.scheduler.requests:
            if request.sequence is not None:
                assert held.get(request.sequence, []) == request.tokens[: request.held]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.run()
        self.world.slots.save_all()
        assert self.world.cells.used == self.world.slots.tree.cells == 0
        assert sorted(self.world.slots._free) == list(range(len(self.world.slots._free)))
        assert not self.world.slots._running


Laws.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_laws = Laws.TestCase


def test_a_shared_beginning_is_read_once_however_many_come_together() -> None:
    world = World(parallel=8, sequences=10, guesses=0)
    requests = [world.submit([*SYSTEM, n, n + 1, n + 2], 3) for n in range(8)]
    world.run()
    assert sum(world.read.values()) == len(SYSTEM) + 8 * (3 + 2)
    assert [request.cached for request in requests] == [0] + [len(SYSTEM)] * 7


def test_a_conversation_goes_on_where_it_stopped_whoever_spoke_between() -> None:
    world = World()
    first = world.submit([*SYSTEM, *range(10)], 5)
    world.run()
    world.submit([*SYSTEM, 7, 7, 7], 5)
    world.run()
    again = world.submit([*first.tokens, 3, 3], 1)
    world.run()
    assert again.cached == len(first.tokens) - 1  # the last token of an answer is never evaluated
    assert world.read[again.id] == 3


def test_an_idle_conversation_that_had_to_go_comes_back_from_its_snapshot() -> None:
    world = World(size=150)
    first = world.submit(list(range(WORTH_SAVING + 10)), 1)
    world.run()
    for n in range(3):
        world.submit([n] * 120, 1)
        world.run()
    again = world.submit([*first.tokens, 3], 1)
    world.run()
    assert again.cached == len(first.tokens) - 1
    assert world.snapshots.hits == 1


def test_where_idle_cells_cost_time_they_leave_when_saving_them_keeps_nobody_waiting() -> None:
    world = World(size=2000, reads_all=True)
    first = world.submit([1] * 300, 1)
    world.run()
    follow_up = world.submit([2] * 100, 5)
    world.step()
    assert world.cells.used == 300 + 100  # a short prompt does not wait for a snapshot
    world.submit([3] * 200, 1)
    assert [part.request for part in world.step()] == [follow_up]  # it pauses for one thing at a time
    assert world.cells.used == 100 + 1
    assert sum(len(part.tokens) for part in world.step()) == GRAIN
    world.run()
    again = world.submit([*first.tokens, 3], 1)
    world.run()
    assert again.cached == 300


def test_what_was_saved_at_rest_leaves_for_anybody() -> None:
    world = World(size=2000, reads_all=True)
    first, second = world.submit([1] * 300, 1), world.submit([2] * 200, 1)
    world.run()
    slots = world.slots
    order = []
    while (unkept := slots.unkept(1.0)) is not None:
        order.append(slots.tree.length(unkept))
        slots.keep(unkept)
    assert order == [200, 300]  # the last used is the last to go from memory, too
    assert [slots.known(one.tokens) for one in (first, second)] == [300, 200]
    assert world.cells.used == 500
    world.submit([3] * 10, 5)
    world.step()
    assert world.cells.used == 10
    assert slots.unkept(1.0) is None
    assert [slots.known(one.tokens) for one in (first, second)] == [300, 200]


def test_what_takes_too_long_to_save_stays_where_it_is() -> None:
    world = World(size=2000, reads_all=True)
    world.cells.save_s = 0.01
    for n in (1, 2):
        world.submit([n] * 300, 1)
    world.run()
    # One had to leave while the other was answered: now it is known that saving takes 0.01 s.
    assert (world.cells.used, world.slots.unkept(0.005)) == (300, None)
    assert world.slots.unkept(5.0) is not None


def test_what_memory_has_no_room_for_is_not_saved_before_it_must() -> None:
    world = World(size=9000, sequences=8)
    for n in range(3):
        world.submit([n] * 300, 1)
    world.run()
    world.slots.keep(world.slots.unkept(1.0) or 0)  # 1,200 bytes: now it is known what a token takes
    world.submit([7] * 4097, 1)  # more than all of World's 1 << 14 bytes
    world.run()
    while (unkept := world.slots.unkept(1.0)) is not None:
        world.slots.keep(unkept)
    assert world.snapshots.ram_bytes == 3 * 300 * 4


def test_a_prompt_is_read_between_snapshots_and_what_needs_none_costs_no_step() -> None:
    world = World(size=4000, sequences=10, parallel=8)
    for n in range(6):
        world.submit([n] * 300, 1)
    world.run()
    world.cells.reads_all = True
    world.submit([8] * 10, 90)
    world.step()
    long = world.submit([9] * 200, 1)
    read = [any(part.request is long for part in world.step()) for _ in range(4)]
    assert read == [False, True, False, True]
    shared = World(size=4000, sequences=10, parallel=8)
    for n in range(8):
        shared.submit([*SYSTEM * 8, n], 1)
    shared.run()
    shared.cells.reads_all = True
    shared.submit([8] * 10, 90)
    shared.step()
    long = shared.submit([9] * 200, 1)
    assert [any(part.request is long for part in shared.step()) for _ in range(2)] == [False, True]


def test_what_was_only_read_ahead_goes_first_and_leaves_nothing() -> None:
    world = World(size=300)
    world.submit([1] * 100, 1)
    world.run()
    world.submit([2] * 100, 0, ahead=True)
    world.run()
    world.submit([3] * 150, 1)
    world.run()
    assert world.slots.known([1] * 100) == 100
    assert world.slots.known([2] * 100) == 0


def test_reading_ahead_waits_for_every_answer_and_takes_its_room_last() -> None:
    world = World()
    ahead = world.submit([4] * 60, 0, ahead=True)
    world.step()
    asked = world.submit([5] * 60, 4)
    while asked in world.scheduler.requests:
        assert not any(part.request is ahead for part in world.step())
    world.run()
    assert world.read[ahead.id] == 60


def test_many_who_only_read_ahead_do_not_use_up_the_sequences() -> None:
    world = World()
    aheads = [world.submit([*SYSTEM, number], 0, ahead=True) for number in range(20)]
    world.step()
    assert sum(request.sequence is not None for request in aheads) == 1
    question = world.submit([*SYSTEM, 99], 1)
    world.step()
    assert question.sequence is not None


def test_a_short_prompt_passes_a_long_one_and_the_long_one_is_not_kept_waiting_for_ever() -> None:
    world = World(size=4000, parallel=2, sequences=8)
    long = world.submit([1] * 1000, 1)
    world.step()
    short = world.submit([2] * 20, 1)
    while short in world.scheduler.requests:
        world.step()
    assert long.is_reading
    for n in range(200):  # a short one arrives with every step
        world.submit([3, n] * 10, 1)
        world.step()
        if long not in world.scheduler.requests:
            break
    assert long not in world.scheduler.requests
    assert n < 60


def test_running_answers_flow_while_a_prompt_is_read() -> None:
    world = World(size=4000)
    running = world.submit([1] * 10, 500)
    world.step()
    world.submit([2] * 600, 1)
    for _ in range(30):
        step = world.step()
        assert sum(part.request is running for part in step) == 1
        rows = sum(len(part.tokens) for part in step)
        assert rows == GRAIN
        assert world.pace.step_s(rows) <= GAP * world.pace.step_s(1)


def test_answers_pause_longer_the_more_prompts_wait() -> None:
    world = World(size=4000, parallel=4)
    world.submit([1] * 10, 500)
    world.step()
    for n in range(2, 5):
        world.submit([n] * 300, 1)
    rows = sum(len(part.tokens) for part in world.step())
    assert rows == 64
    assert world.pace.step_s(rows) <= 3 * GAP * world.pace.step_s(1) < world.pace.step_s(rows + GRAIN)


def test_who_does_not_fit_waits_for_who_runs() -> None:
    world = World(size=100, parallel=4)
    one, two = world.submit([1] * 50, 10), world.submit([2] * 50, 10)
    world.step()
    assert (one.sequence is None, two.sequence is None) == (False, True)
    assert world.scheduler.waiting == 1
    world.run()


def test_a_memory_that_cannot_share_is_not_counted_on_to() -> None:
    world = World(size=200, parallel=4, forks=False)
    requests = [world.submit([*SYSTEM, 0], answer) for answer in (0, 16, 13, 7, 7)]
    for _ in range(3):
        world.step()
        ends = [request.most for request in requests if request.sequence is not None]
        assert sum(ends) <= 200
    world.run()


def test_a_memory_that_cannot_be_cut_is_read_again_but_never_wrong() -> None:
    world = World(forks=False)
    first = world.submit([*SYSTEM, 1, 2], 5)
    world.run()
    world.submit([*SYSTEM, 1, 3], 2)
    world.run()
    world.submit([*first.tokens, 4], 2)
    world.run()
    assert world.slots.tree.cells == world.cells.used


def test_a_prompt_is_foretold_with_those_before_it() -> None:
    world = World(size=4000, parallel=2)
    assert world.scheduler.forecasts() == {}
    first = world.submit([1] * 300, 5)
    world.step()
    second, guess = world.submit([2] * 200, 5), world.submit([3] * 50, 5, ahead=True)
    world.step()
    pace, forecasts = world.pace, world.scheduler.forecasts()
    first_s = pace.eta_s(first.prompt - first.held, 0, 2)
    second_s = pace.eta_s(second.prompt - second.held, 1, 1)
    assert first_s is not None
    assert second_s is not None
    assert forecasts == {first.id: first_s, second.id: pytest.approx(first_s + second_s)}
    assert guess.id not in forecasts
    last = world.submit([4] * 200, 5)
    world.step()
    reading_s = world.scheduler.forecasts()
    beside_s = pace.eta_s(200, 1)
    assert beside_s is not None
    least = min(first.growth, second.growth) * pace.step_s(2)  # until one of them has said all it may
    assert reading_s[last.id] == pytest.approx(max(reading_s.values(), default=0.0))
    assert reading_s[last.id] == pytest.approx(reading_s[second.id] + least + beside_s)
    world.scheduler.pace = Pace()
    assert world.scheduler.forecasts() == {}
