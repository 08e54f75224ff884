"""A scheduler without a model. `Cells` simulates the context: it tracks what each cell holds and refuses what llama.cpp
would refuse. `World` submits prompts, runs steps and samples random tokens.
"""

import random
import time

from models.llama.kv.prefix_tree import common_prefix
from models.llama.kv.slots import Slots
from models.llama.kv.snapshots import SnapshotStore
from models.llama.kv.state_file import State
from models.llama.wire import KvLimits
from models.llama.worker.cost_model import StepCostModel
from models.llama.worker.scheduler import Request, Scheduler, Slice

STEPS = ((1, 0.1), (4, 0.2), (16, 0.4), (32, 0.6), (128, 2.0))  # rows and seconds
MEMORY = KvLimits(ram_bytes=1 << 14)
SYSTEM = list(range(1000, 1040))


def measured_cost_model() -> StepCostModel:
    cost_model = StepCostModel()
    for rows, seconds in STEPS:
        cost_model.observe(rows, seconds)
    return cost_model


class Cells:
    """A context's cells: which sequence has which cell at which position."""

    def __init__(self, size: int, *, can_share_prefix: bool = True) -> None:
        self.size, self.can_share_prefix, self.attends_all_cells = size, can_share_prefix, False
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
        assert self.can_share_prefix, "this memory cannot share"
        self.tokens[sequence], self.cells[sequence] = self.tokens[source][:length], self.cells[source][:length]

    def cut(self, sequence: int, length: int) -> bool:
        kept = length if self.can_share_prefix else 0
        del self.tokens.setdefault(sequence, [])[kept:]
        del self.cells.setdefault(sequence, [])[kept:]
        return kept == length

    def save(self, sequence: int, begin: int, end: int) -> State:
        """A position and a token for each cell."""
        time.sleep(self.save_s)
        assert len(self.tokens[sequence]) >= end
        assert self.can_share_prefix or (begin, end) == (0, len(self.tokens[sequence])), "this memory cannot share"
        stored = enumerate(self.tokens[sequence][begin:end], begin)
        return bytearray(b"".join(number.to_bytes(4) for pair in stored for number in pair))

    def restore(self, sequence: int, state: State, begin: int, end: int) -> bool:
        numbers = [int.from_bytes(state[place : place + 4]) for place in range(0, len(state), 4)]
        stored = dict(zip(numbers[::2], numbers[1::2], strict=True))
        assert self.used + len(stored) <= self.size, "no cells for all of the state"
        if self.damaged:
            return False
        assert self.can_share_prefix or (begin, end) == (0, len(stored)), "this memory cannot share"
        for position in range(begin, end):
            self.add(sequence, position, stored[position])
        return True


class World:
    """A scheduler on simulated cells. `step` does what the worker does, with a model that samples random tokens."""

    def __init__(
        self,
        size: int = 400,
        sequences: int = 8,
        parallel: int = 3,
        *,
        can_share_prefix: bool = True,
        guesses: int = 4,
        limits: KvLimits = MEMORY,
    ) -> None:
        self.cells, self.guesses = Cells(size, can_share_prefix=can_share_prefix), guesses
        self.snapshots = SnapshotStore(limits, supports_partial=can_share_prefix)
        self.slots = Slots(self.cells, self.snapshots, size, sequences)
        self.cost_model = measured_cost_model()
        self.scheduler = Scheduler(self.slots, self.cost_model, parallel)
        self.random = random.Random(1)
        self.number = 0
        self.read: dict[int, int] = {}  # tokens evaluated by request
        self.choose_from = range(6)  # what the model may sample

    def submit(self, tokens: list[int], answer: int, *, prefetch: bool = False) -> Request:
        self.number += 1
        request = Request(self.number, list(tokens), len(tokens) + answer, prefetch)
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
            if part.samples:
                self.sample(part)
        return step

    def sample(self, part: Slice) -> None:
        request, right = part.request, self.random.randint(0, part.samples - 1)
        if len(request.tokens) < request.max_length:
            self.scheduler.sampled(part, [*request.draft[:right], self.random.choice(self.choose_from)])
        if len(request.tokens) >= request.max_length:
            self.scheduler.finish(request, len(request.tokens) - request.prompt)
            return
        guesses = self.random.randint(0, min(self.guesses, request.max_length - len(request.tokens) - 1))
        request.draft = [self.random.choice(self.choose_from) for _ in range(guesses)]

    def check(self, step: list[Slice]) -> None:
        if not self.cells.can_share_prefix:
            return
        reading = [part for part in step if part.is_prefill]
        for part in reading:
            wanted = part.request.tokens[: part.request.prompt - 1]
            for sequence, stored in self.cells.tokens.items():
                alive = common_prefix(stored, wanted)
                assert alive <= part.begin or sequence == part.request.sequence, "evaluated again while it is in cells"
        for one in reading:
            for other in reading:
                if one is not other:
                    same = common_prefix(one.request.tokens[: one.request.prompt - 1], other.request.tokens)
                    assert same <= max(one.begin, other.begin), "two requests evaluate the same tokens in one step"

    def run(self, most: int = 3000) -> None:
        for _ in range(most):
            if not self.scheduler.requests:
                return
            assert self.step(), "there is work but the step is empty"
        raise AssertionError("a request starves")
