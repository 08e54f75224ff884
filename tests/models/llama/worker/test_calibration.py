"""What is the fastest on this machine: chosen, measured, remembered and used; and what a fault of it costs."""

import json
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import ModelUnavailable
from models.llama import supervisor
from models.llama.engine import LlamaEngine
from models.llama.kernels import EXTRA_BUFFERS, FLASH_ATTENTION, FUSED, TILED
from models.llama.proving import Proving
from models.llama.supervisor import WorkerProcess
from models.llama.verdicts import Choice, Verdict, VerdictKey, Verdicts
from models.llama.wire import LoadRequest
from models.llama.worker import calibration
from models.llama.worker.calibration import CELLS, TURN, Busy, fastest, steps
from models.llama.worker.context import LlamaContext, Row
from models.llama.worker.vocabulary import Vocabulary
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.models.llama.faulty import PLAIN
from tests.proved import proved
from tests.speck import write_speck

PLAIN_CHOICE = Choice((TILED, FUSED), 2, 2)
FAULTS, KILLED, REFUSED, BUSY = "SIGILL", "SIGKILL", "refused", "busy"
HELLO = Prompt((Segment("Hello.", False),), "Hello.")
BOTH = (FLASH_ATTENTION, EXTRA_BUFFERS)
SPEC = ModelSpec("speck", ("speck.gguf",), context_length=512)


def table(*shares: tuple[str, float]) -> Callable[[Choice], dict[int, float]]:
    """Steps that take these shares of the time where a kernel is used; none changes another's."""

    def measure(choice: Choice) -> dict[int, float]:
        share = 1.0
        for name, of in shares:
            share *= of if name in choice.kernels else 1
        return {1: 0.05 * share, 32: 0.4 * share, 128: 1.0 * share}

    return measure


def test_each_kernel_that_makes_a_turn_faster_is_used() -> None:
    assert fastest(PLAIN_CHOICE, BOTH, 2, table((FLASH_ATTENTION, 0.8), (EXTRA_BUFFERS, 1.3))) == Choice(
        (FLASH_ATTENTION, TILED, FUSED), 2, 2
    )
    assert fastest(PLAIN_CHOICE, BOTH, 2, table((FLASH_ATTENTION, 0.8), (EXTRA_BUFFERS, 0.9))) == Choice(
        (EXTRA_BUFFERS, FLASH_ATTENTION, TILED, FUSED), 2, 2
    )
    assert fastest(PLAIN_CHOICE, BOTH, 2, table((FLASH_ATTENTION, 0.97))) == PLAIN_CHOICE
    assert fastest(PLAIN_CHOICE, (), 2, table((FLASH_ATTENTION, 0.1))) == PLAIN_CHOICE
    with_buffers = Choice((EXTRA_BUFFERS, TILED), 2, 2)
    assert fastest(with_buffers, BOTH, 2, table((EXTRA_BUFFERS, 1.3))).kernels == (TILED,)


def test_a_turn_counts_not_one_kind_of_step() -> None:
    def measure(choice: Choice) -> dict[int, float]:
        has = FLASH_ATTENTION in choice.kernels
        return {1: 0.05 if has else 0.06, 32: 0.4, 128: 1.25 if has else 1.0}  # 7.7 s answering against 6.4; 8 s read

    assert fastest(PLAIN_CHOICE, BOTH, 2, measure) == PLAIN_CHOICE
    assert TURN == {1: 128, 32: 8, 128: 8}


def test_one_lucky_measurement_changes_nothing() -> None:
    tried: list[Choice] = []

    def measure(choice: Choice) -> dict[int, float]:
        tried.append(choice)
        return {1: 0.02 if len(tried) == 2 else 0.05}

    assert fastest(PLAIN_CHOICE, (FLASH_ATTENTION,), 2, measure) == PLAIN_CHOICE
    assert [FLASH_ATTENTION in choice.kernels for choice in tried] == [False, True, True, False]


def test_a_model_with_nothing_to_gain_is_measured_once() -> None:
    tried: list[Choice] = []

    def measure(choice: Choice) -> dict[int, float]:
        tried.append(choice)
        return {1: 0.001}

    assert fastest(PLAIN_CHOICE, BOTH, 8, measure) == PLAIN_CHOICE
    assert tried == [PLAIN_CHOICE]


def test_threads_are_chosen_for_each_purpose() -> None:
    def measure(choice: Choice) -> dict[int, float]:
        return {1: 0.05 + 0.01 * choice.threads, 128: 2 / choice.reading_threads}

    assert fastest(PLAIN_CHOICE, (), 4, measure) == Choice((TILED, FUSED), 2, 4)
    assert fastest(PLAIN_CHOICE, (), 2, measure) == PLAIN_CHOICE


class Recorded:
    """A context that only counts: the cells of one sequence by position, and the rows of each step."""

    def __init__(self, can_share_prefix: bool = True) -> None:
        self.can_share_prefix, self.cells, self.steps = can_share_prefix, [0] * 0, [(0, 0)] * 0

    def evaluate(self, rows: list[Row]) -> bool:
        assert rows[0][1] == max(self.cells, default=-1) + 1
        self.steps.append((len(rows), len(self.cells)))
        self.cells += [position for _, position, _, _ in rows]
        return True

    def cut(self, sequence: int, length: int) -> bool:
        self.cells = [position for position in self.cells if position < length]
        return True

    def save(self, sequence: int, begin: int, end: int) -> list[int]:
        return list(range(begin, end))

    def restore(self, sequence: int, state: list[int], begin: int, end: int) -> bool:
        self.cells += state
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], float]], None]:
    """Has each step take what a function of its number says."""

    def run_by(seconds: Callable[[int], float]) -> None:
        looks = iter(range(1000))

        def now() -> float:
            step, is_end = divmod(next(looks), 2)
            return 100.0 * step + is_end * seconds(step)

        monkeypatch.setattr(calibration, "time", SimpleNamespace(perf_counter=now))

    return run_by


def test_every_size_is_measured_behind_the_same_cells(clock: Callable[[Callable[[int], float]], None]) -> None:
    context = Recorded()
    clock(lambda step: 0.1 + step / 1000)
    assert steps(context, 5) == pytest.approx({1: 0.1, 32: 0.107, 128: 0.109})  # type: ignore[arg-type]
    behind = CELLS // 32 * 32
    assert context.steps == [(32, 0), *[(1, behind)] * 7, *[(32, behind)] * 2, (128, behind)]


def test_where_cells_cannot_be_copied_nothing_is_behind_a_step(clock: Callable[[Callable[[int], float]], None]) -> None:
    context = Recorded(can_share_prefix=False)
    clock(lambda step: 0.1)
    assert steps(context, 5).keys() == TURN.keys()  # type: ignore[arg-type]
    assert context.steps == [(32, 0), *[(1, 0)] * 7, *[(32, 0)] * 2, (128, 0)]


def test_a_machine_at_work_is_not_measured(clock: Callable[[Callable[[int], float]], None]) -> None:
    clock(lambda step: 0.1 if step % 3 else 0.2)
    assert steps(Recorded(), 5).keys() == TURN.keys()  # type: ignore[arg-type]
    clock(lambda step: 0.2 if step % 3 else 0.1)
    with pytest.raises(Busy):
        steps(Recorded(), 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("flash", [False, True])
def test_a_real_context_takes_the_same_cells_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flash: bool
) -> None:
    monkeypatch.setattr(calibration, "UNREST", math.inf)  # whatever else this machine does
    write_speck(tmp_path / "speck.gguf")
    proved(tmp_path / "speck.gguf")
    vocabulary = Vocabulary.load(tmp_path / "speck.gguf")
    context = LlamaContext(
        vocabulary.model, 2048, 1, sequences=1, rows=128, choices=2, flash_attention=flash, reading_threads=1
    )
    began = time.perf_counter()
    measured = steps(context, 1)
    assert measured.keys() == TURN.keys()
    assert 0 < sum(measured.values()) < time.perf_counter() - began
    context.close()
    vocabulary.close()


# --- in the processes of a model ---


def arm(then: str) -> None:
    """In such a process: steps take half the time with flash attention. `then`: FAULTS and is KILLED when they are
    measured so, REFUSED when it is loaded so; or is BUSY whatever is measured.
    """
    made = LlamaContext.__init__

    def measured(context: LlamaContext, token: int) -> dict[int, float]:
        if not context.attends_all_cells and then in (FAULTS, KILLED):
            os.kill(os.getpid(), signal.Signals[then])
        if then == BUSY:
            raise Busy("at work")
        return {1: 0.1 if context.attends_all_cells else 0.05}

    def make(context: LlamaContext, *given: Any, **more: Any) -> None:
        if then == REFUSED and more["flash_attention"] and more["sequences"] > 1:
            raise ModelUnavailable("no such context")
        made(context, *given, **more)

    calibration.LEAST_S, calibration.steps = 0, measured
    LlamaContext.__init__ = make  # type: ignore[assignment, method-assign]


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[LoadRequest]:
    """What each process was started with."""
    seen: list[LoadRequest] = []
    real = WorkerProcess.start.__func__  # type: ignore[attr-defined]

    async def start(cls: type[WorkerProcess], order: LoadRequest, on_progress: object) -> WorkerProcess:
        seen.append(order)
        begun: WorkerProcess = await real(cls, order, on_progress)
        return begun

    monkeypatch.setattr(WorkerProcess, "start", classmethod(start))
    return seen


def armed(monkeypatch: pytest.MonkeyPatch, then: str = "") -> None:
    code = f"from {__name__} import arm; arm({then!r}); main({{"
    monkeypatch.setattr(supervisor, "_CODE", PLAIN.replace("main({", code, 1))


async def test_what_is_faster_is_used_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_speck(tmp_path / "speck.gguf")
    verdicts, shares = tmp_path / "kernels.json", [0.0] * 0
    armed(monkeypatch)
    for _ in range(2):
        engine = await LlamaEngine.start(
            SPEC, tmp_path / "speck.gguf", threads=1, verdicts=verdicts, on_progress=shares.append
        )
        assert FLASH_ATTENTION in engine.kernels
        assert shares == sorted(shares)
        shares.clear()
        await engine.close()
    assert [order.most_threads for order in starts] == [1, 0, 0]  # measured, used, used
    assert [FLASH_ATTENTION in order.kernels for order in starts] == [False, True, True]
    (processor,) = json.loads(verdicts.read_text()).values()
    ((shape, kept),) = next(iter(processor.values()))["llama"]["fastest"].items()
    assert shape.endswith("f16, 1 to 1 threads")
    assert kept == {"kernels": list(starts[1].kernels), "threads": 1, "reading_threads": 1}


async def test_without_a_place_to_remember_nothing_is_measured(tmp_path: Path, starts: list[LoadRequest]) -> None:
    write_speck(tmp_path / "speck.gguf")
    engine = await LlamaEngine.start(SPEC, tmp_path / "speck.gguf", threads=1)
    await engine.close()
    assert [order.most_threads for order in starts] == [0]


async def test_a_choice_that_faults_is_left_out_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_speck(tmp_path / "speck.gguf")
    armed(monkeypatch, FAULTS)
    engine = await LlamaEngine.start(SPEC, tmp_path / "speck.gguf", threads=1, verdicts=tmp_path / "kernels.json")
    assert engine.left_out == {FLASH_ATTENTION: "SIGILL when its speed was being measured"}
    assert FLASH_ATTENTION not in engine.kernels
    assert [order.without for order in starts] == [(), (FLASH_ATTENTION,)]
    await engine.close()


async def test_a_machine_at_work_is_measured_at_the_next_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_speck(tmp_path / "speck.gguf")
    armed(monkeypatch, BUSY)
    for _ in range(2):
        engine = await LlamaEngine.start(SPEC, tmp_path / "speck.gguf", threads=1, verdicts=tmp_path / "kernels.json")
        assert engine.child is not None
        await engine.child.kill("a test")
        await anext(engine.stream(HELLO, Sampling(max_tokens=1)))  # of the process that is started again
        await engine.close()
    assert [order.most_threads for order in starts] == [1, 0, 1, 0]
    assert json.loads((tmp_path / "kernels.json").read_text()) != {}
    assert '"kernels"' not in (tmp_path / "kernels.json").read_text()


@pytest.mark.parametrize("then", [KILLED, REFUSED])
async def test_what_ends_by_no_fault_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest], then: str
) -> None:
    write_speck(tmp_path / "speck.gguf")
    armed(monkeypatch, then)
    for _ in range(2):
        engine = await LlamaEngine.start(SPEC, tmp_path / "speck.gguf", threads=1, verdicts=tmp_path / "kernels.json")
        assert (FLASH_ATTENTION in engine.kernels, engine.left_out) == (False, {})
        await engine.close()
    assert [order.most_threads for order in starts] == [1, *[0] * (len(starts) - 1)]
    tried_so = [FLASH_ATTENTION in order.kernels for order in starts]
    assert tried_so == ([False, False, False] if then == KILLED else [False, True, False, False])


async def test_a_choice_is_of_the_threads_and_of_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_speck(tmp_path / "speck.gguf")
    armed(monkeypatch)
    for threads, layers in ((1, 0), (2, 0), (1, 1), (1, 0)):
        engine = await LlamaEngine.start(
            SPEC, tmp_path / "speck.gguf", verdicts=tmp_path / "kernels.json", threads=threads, gpu_layers=layers
        )
        await engine.close()
    assert [(order.threads, order.most_threads, bool(order.kernels)) for order in starts] == [
        (1, 1, False), (1, 0, True), (2, 2, False), (2, 0, True), (1, 0, False), (1, 0, True),
    ]  # fmt: skip


async def test_a_copy_that_cannot_be_made_costs_only_its_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_speck(tmp_path / "speck.gguf")
    vocabulary = Vocabulary.load(tmp_path / "speck.gguf")

    def refused(*_: object, **__: object) -> None:
        raise ModelUnavailable("no memory")

    monkeypatch.setattr(Vocabulary, "load", refused)
    monkeypatch.setattr(calibration, "LEAST_S", 0)
    monkeypatch.setattr(calibration, "steps", lambda context, _: {1: 0.1 if context.attends_all_cells else 0.05})
    order = LoadRequest(str(tmp_path / "speck.gguf"), 512, 1, kernels=(FUSED,), most_threads=1)
    chosen = calibration.calibrated(order, vocabulary, True, lambda _: None, lambda *_: None)
    assert chosen == Choice((FLASH_ATTENTION, FUSED), 1, 1)
    vocabulary.close()


def test_a_later_fault_does_not_cost_what_was_measured(tmp_path: Path) -> None:
    memory, place = Verdicts(tmp_path / "kernels.json"), VerdictKey("p", "b", "llama")
    memory.keep(place, Verdict({}, "", {"a": PLAIN_CHOICE, "b": PLAIN_CHOICE}))
    proving = Proving("mine", LoadRequest("", 1, 2, most_threads=2), memory, place, "a")
    for _ in range(2):
        proving.broke(SimpleNamespace(fault="SIGILL", kernels=(TILED, FUSED)))  # type: ignore[arg-type]
    what = {TILED: "SIGILL in 2 answers in a row"}
    assert memory.find(place) == Verdict(what, "", {"a": PLAIN_CHOICE, "b": PLAIN_CHOICE})


def test_what_is_damaged_is_measured_again(tmp_path: Path) -> None:
    memory, place = Verdicts(tmp_path / "kernels.json"), VerdictKey("p", "b", "llama")
    kept = Verdict({}, "", {"a": PLAIN_CHOICE})
    memory.keep(place, kept)
    assert Verdicts(tmp_path / "kernels.json").find(place) == kept
    damaged = json.loads((tmp_path / "kernels.json").read_text())
    damaged["p"]["b"]["llama"]["fastest"]["a"]["threads"] = "many"
    (tmp_path / "kernels.json").write_text(json.dumps(damaged))
    assert memory.find(place) == Verdict()
