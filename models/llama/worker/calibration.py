"""Measures which kernels and how many threads are the fastest for a model on this machine, at its first load.

Compares seconds only. That the kernels work is proved where they are used (`loading`).
"""

import logging
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from models.errors import ModelError
from models.hardware import memory_free
from models.llama.kernel_results import Choice
from models.llama.kernels import CHOICES, EXTRA_BUFFERS, FLASH_ATTENTION, MEASURING, SUSPECTS
from models.llama.wire import LoadRequest
from models.llama.worker.context import ContextOptions, LlamaContext
from models.llama.worker.vocabulary import Vocabulary

log = logging.getLogger(__name__)

CELLS = 1500  # tokens in cells before each step: a system prompt, code, a question
# Measured steps by their rows, and how many of each a usual turn has: decoding, prefill beside other answers or
# checking a draft, and prefill alone. 256 rows are no faster than 128 (Qwen2.5-Coder-1.5B, Zen 4: 111 and 110
# tokens a second), and take twice as long.
TURN = {1: 128, 32: 8, 128: 8}
GAIN = 0.95  # of the seconds: another choice must take no more than this, twice, to replace the current one
LEAST_S = 0.005  # of a step with one row: faster models are not measured
NOISE = 1.25  # median over minimum of equal steps: above it, this machine is busy with something else
_TRIES = {1: 7, 32: 2, 128: 1}
_FILL = 32  # tokens, copied until CELLS are filled
_CONTEXT = 2048  # tokens: cells, and the largest step

READING_SHARE = 0.5  # of a load's progress, where its speed is measured as well
_COPY = 2.5  # factor of the file size that must be free for a second copy; the first is mapped and counts as free

Stage = Callable[[str, Sequence[str]], None]  # the next stage of the load, and the kernels it uses
Seconds = Mapping[int, float]  # of one step, by its rows
Measure = Callable[[Choice], Seconds]


class Busy(Exception):
    """Steps cannot be compared; the message says why."""


def calibrated(
    request: LoadRequest,
    vocabulary: Vocabulary,
    can_share_prefix: bool,
    on_progress: Callable[[float], None],
    on_stage: Stage,
) -> Choice | None:
    """The fastest choice for a model that is loaded with `request.kernels`; None: it could not be measured.

    `can_share_prefix`: of its context. A choice that crashes ends this process; the kernel that it adds is the suspect.
    """
    optional = _optional_kernels(request, can_share_prefix)
    first = Choice(request.kernels, request.threads, request.threads)
    count = 0
    with measuring(Path(request.path), vocabulary, EXTRA_BUFFERS in request.kernels, request.kv_type) as measure:

        def measure_and_report(choice: Choice) -> Seconds:
            nonlocal count
            new = [name for name in choice.kernels if name not in request.kernels]
            on_stage(MEASURING, new or choice.kernels)
            count += 1
            on_progress(1 - (1 - READING_SHARE) / (1 + count))
            try:
                return measure(choice)
            except ModelError:  # no room for a second copy
                if choice == first:
                    raise
                return {}

        try:
            return fastest(first, optional, request.most_threads, measure_and_report)
        except (Busy, ModelError) as error:
            log.info("the speed of the model was not measured: %s", error)
            return None
        finally:
            on_stage("it was being made ready", request.kernels)


def _optional_kernels(request: LoadRequest, can_share_prefix: bool) -> list[str]:
    """The kernels that can be toggled here."""
    options = {
        FLASH_ATTENTION: request.has_plain_cache and can_share_prefix,  # else there are no cells to read
        EXTRA_BUFFERS: memory_free() > _COPY * request.file_bytes,
    }
    return [name for name, is_possible in options.items() if is_possible and name not in request.without]


def fastest(first: Choice, optional: Collection[str], threads: int, measure: Measure) -> Choice:
    """Starts with a choice and keeps each change that makes a usual turn faster: every kernel of `optional` toggled,
    then `threads`, for steps with one row and with several. Raises what `measure` raises.
    """
    best, best_seconds = first, measure(first)
    if best_seconds[1] < LEAST_S:
        return first
    for name in (name for name in CHOICES if name in optional):
        other = replace(best, kernels=_toggled(best.kernels, name))
        if _is_faster(measure(other), best_seconds) and _is_faster(seconds := measure(other), measure(best)):
            best, best_seconds = other, seconds
    if threads > first.threads:
        more = replace(best, threads=threads, reading_threads=threads)
        rounds = [(measure(more), best_seconds), (measure(more), measure(best))]
        for_one = all(_is_faster(seconds, baseline, (1,)) for seconds, baseline in rounds)
        for_many = all(_is_faster(seconds, baseline, sorted(TURN)[1:]) for seconds, baseline in rounds)
        best = replace(
            best,
            threads=threads if for_one else first.threads,
            reading_threads=threads if for_many else first.threads,
        )
    return best


def _is_faster(seconds: Seconds, baseline: Seconds, rows: Collection[int] = tuple(TURN)) -> bool:
    """Whether the steps of a usual turn with these rows take clearly less time, as far as both were measured."""
    common = [size for size in rows if size in seconds and size in baseline]
    turn_s, baseline_s = (sum(TURN[size] * of[size] for size in common) for of in (seconds, baseline))
    return turn_s < GAIN * baseline_s


def _toggled(kernels: tuple[str, ...], name: str) -> tuple[str, ...]:
    used = {*kernels} ^ {name}
    return tuple(name for name in SUSPECTS if name in used)


@contextmanager
def measuring(path: Path, vocabulary: Vocabulary, has_buffers: bool, kv_type: str) -> Iterator[Measure]:
    """Measures choices on the loaded model, or on a second copy where a choice needs the weights in another layout. The
    copy is freed at the end.
    """
    loaded = {has_buffers: vocabulary}

    def measure(choice: Choice) -> Seconds:
        buffers = EXTRA_BUFFERS in choice.kernels
        if buffers not in loaded:
            loaded[buffers] = Vocabulary.load(path, extra_buffers=buffers)
        options = ContextOptions(
            _CONTEXT,
            choice.threads,
            sequences=1,
            rows=max(TURN),
            outputs=2,  # as many as there are sequences, with the spare one
            reading_threads=choice.reading_threads,
            kv_type=kv_type,
            flash_attention=FLASH_ATTENTION in choice.kernels,
        )
        context = LlamaContext(loaded[buffers].model, options)
        try:
            return steps(context, max(vocabulary.bos, 0))
        finally:
            context.close()

    try:
        yield measure
    finally:
        if copy := loaded.get(not has_buffers):
            copy.close()


def steps(context: LlamaContext, token: int) -> Seconds:
    """Seconds of a step of each size of TURN after CELLS cells, the best of a few tries. Raises Busy."""
    position = _fill(context, token)
    measured: dict[int, float] = {}
    for rows, tries in _TRIES.items():
        seconds = [_step_s(context, token, rows, position) for _ in range(tries)]
        measured[rows] = min(seconds)
        if statistics.median(seconds) > NOISE * min(seconds):
            raise Busy("this machine is busy with something else")
    return measured


def _fill(context: LlamaContext, token: int) -> int:
    """Fills the cells, and touches the weights for the first time. Returns the next position."""
    _evaluate(context, token, _FILL, 0)
    if not context.can_share_prefix:  # a part of it cannot be copied; attention is not measured
        context.cut(0, 0)
        return 0
    # The same state again and again: a step reads all cells, even if their positions repeat.
    state = context.save(0, 0, _FILL)
    for _ in range(CELLS // _FILL - 1):
        if not context.restore(0, state, 0, _FILL):
            raise Busy("its own state was refused")
    return _FILL


def _step_s(context: LlamaContext, token: int, rows: int, position: int) -> float:
    started_at = time.perf_counter()
    _evaluate(context, token, rows, position)
    seconds = time.perf_counter() - started_at
    context.cut(0, position)
    return seconds


def _evaluate(context: LlamaContext, token: int, rows: int, position: int) -> None:
    context.evaluate([(0, position + place, token, place == rows - 1) for place in range(rows)])
