"""The fastest kernels and thread counts are chosen from measured steps."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.errors import ModelUnavailable
from models.llama.kernel_results import Choice
from models.llama.kernels import EXTRA_BUFFERS, FLASH_ATTENTION, FUSED, TILED
from models.llama.wire import LoadRequest
from models.llama.worker import calibration
from models.llama.worker.calibration import CELLS, TURN, Busy, fastest, steps
from models.llama.worker.context import ContextOptions, LlamaContext, Row
from models.llama.worker.vocabulary import Vocabulary
from tests.minimal_models import write_minimal_llama
from tests.proved_kernels import proved_kernels

pytestmark = pytest.mark.process

PLAIN_CHOICE = Choice((TILED, FUSED), 2, 2)
BOTH = (FLASH_ATTENTION, EXTRA_BUFFERS)


def table(*shares: tuple[str, float]) -> Callable[[Choice], dict[int, float]]:
    """Steps whose time has these factors where a kernel is used, independently of each other."""

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


def test_the_time_of_a_whole_turn_decides() -> None:
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
    """A context that only records the cells of one sequence by position, and the rows of each step."""

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
    """Sets the seconds of each step by a function of its number."""

    def run_by(seconds: Callable[[int], float]) -> None:
        looks = iter(range(1000))

        def now() -> float:
            step, is_end = divmod(next(looks), 2)
            return 100.0 * step + is_end * seconds(step)

        monkeypatch.setattr(calibration, "time", SimpleNamespace(perf_counter=now))

    return run_by


def test_every_size_is_measured_after_the_same_cells(clock: Callable[[Callable[[int], float]], None]) -> None:
    context = Recorded()
    clock(lambda step: 0.1 + step / 1000)
    assert steps(context, 5) == pytest.approx({1: 0.1, 32: 0.107, 128: 0.109})  # type: ignore[arg-type]
    position = CELLS // 32 * 32
    assert context.steps == [(32, 0), *[(1, position)] * 7, *[(32, position)] * 2, (128, position)]


def test_without_copies_of_cells_steps_are_measured_on_empty_ones(
    clock: Callable[[Callable[[int], float]], None],
) -> None:
    context = Recorded(can_share_prefix=False)
    clock(lambda step: 0.1)
    assert steps(context, 5).keys() == TURN.keys()  # type: ignore[arg-type]
    assert context.steps == [(32, 0), *[(1, 0)] * 7, *[(32, 0)] * 2, (128, 0)]


def test_a_busy_machine_is_not_measured(clock: Callable[[Callable[[int], float]], None]) -> None:
    clock(lambda step: 0.1 if step % 3 else 0.2)
    assert steps(Recorded(), 5).keys() == TURN.keys()  # type: ignore[arg-type]
    clock(lambda step: 0.2 if step % 3 else 0.1)
    with pytest.raises(Busy):
        steps(Recorded(), 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("flash", [False, True])
def test_a_real_context_restores_the_same_state_repeatedly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flash: bool
) -> None:
    monkeypatch.setattr(calibration, "NOISE", math.inf)  # whatever else this machine does
    write_minimal_llama(tmp_path / "minimal.gguf")
    proved_kernels(tmp_path / "minimal.gguf")
    vocabulary = Vocabulary.load(tmp_path / "minimal.gguf")
    context = LlamaContext(
        vocabulary.model,
        ContextOptions(2048, 1, sequences=1, rows=128, outputs=2, flash_attention=flash, reading_threads=1),
    )
    measured = steps(context, 1)
    assert measured.keys() == TURN.keys()
    assert all(seconds > 0 for seconds in measured.values())
    context.close()
    vocabulary.close()


async def test_without_memory_for_a_copy_the_other_choices_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_minimal_llama(tmp_path / "minimal.gguf")
    vocabulary = Vocabulary.load(tmp_path / "minimal.gguf")

    def refused(*_: object, **__: object) -> None:
        raise ModelUnavailable("no memory")

    monkeypatch.setattr(Vocabulary, "load", refused)
    monkeypatch.setattr(calibration, "LEAST_S", 0)
    monkeypatch.setattr(calibration, "steps", lambda context, _: {1: 0.1 if context.attends_all_cells else 0.05})
    request = LoadRequest(str(tmp_path / "minimal.gguf"), 512, 1, kernels=(FUSED,), most_threads=1)
    chosen = calibration.calibrated(request, vocabulary, True, lambda _: None, lambda *_: None)
    assert chosen == Choice((FLASH_ATTENTION, FUSED), 1, 1)
    vocabulary.close()
