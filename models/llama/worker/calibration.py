"""Which kernels and how many threads are the fastest for a model on this machine: measured once, at its first load.

Compares seconds only. That a choice holds is proved where it is used (`loading`).
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
from models.llama.kernels import CHOICES, EXTRA_BUFFERS, FLASH_ATTENTION, MEASURING, SUSPECTS
from models.llama.verdicts import Choice
from models.llama.wire import LoadRequest
from models.llama.worker.context import LlamaContext
from models.llama.worker.vocabulary import Vocabulary

log = logging.getLogger(__name__)

CELLS = 1500  # tokens that every step has behind it: a system prompt, code, a question
# Steps that are measured, by their rows, and how many of each a usual turn has: answering, reading beside the answers
# of others or checking a draft, and reading. 256 rows read no faster than 128 (Qwen2.5-Coder-1.5B, Zen 4: 111 and 110
# tokens a second), and take twice as long.
TURN = {1: 128, 32: 8, 128: 8}
GAIN = 0.95  # of the seconds: what another choice must have at most, twice, to be worth a change
LEAST_S = 0.005  # of a step with one row: a model that is faster has nothing to gain
UNREST = 1.25  # times the fastest of equal steps, in the median: this machine does something else, too
_TRIES = {1: 7, 32: 2, 128: 1}
_FILL = 32  # tokens, copied until there are `CELLS`
_CONTEXT = 2048  # tokens: cells, and the largest step

READING_SHARE = 0.5  # of a load's progress, where its speed is measured, too
_COPY = 2.5  # times the file: what must be free for a second copy beside the first, which is mapped and counts as free

Stage = Callable[[str, Sequence[str]], None]  # what is done next, and the kernels it uses
Seconds = Mapping[int, float]  # of one step, by its rows
Measure = Callable[[Choice], Seconds]


class Busy(Exception):
    """Steps cannot be compared; the message says why."""


def calibrated(
    order: LoadRequest,
    vocabulary: Vocabulary,
    can_share_prefix: bool,
    on_progress: Callable[[float], None],
    on_stage: Stage,
) -> Choice | None:
    """The fastest of the choices for a model that is loaded with `order.kernels`; None: it was not found out.

    `can_share_prefix`: as its context says. A choice that crashes ends this process; what it adds is then the suspect.
    """
    possible = (
        [FLASH_ATTENTION] if order.has_plain_cache and can_share_prefix else []
    )  # else there are no cells to read
    possible += [EXTRA_BUFFERS] if memory_free() > _COPY * order.file_bytes else []
    possible = [name for name in possible if name not in order.without]
    first = Choice(order.kernels, order.threads, order.threads)
    done = 0
    with measuring(Path(order.path), vocabulary, EXTRA_BUFFERS in order.kernels, order.kv_type) as measure:

        def reported(choice: Choice) -> Seconds:
            nonlocal done
            new = [name for name in choice.kernels if name not in order.kernels]
            on_stage(MEASURING, new or choice.kernels)
            done += 1
            on_progress(1 - (1 - READING_SHARE) / (1 + done))
            try:
                return measure(choice)
            except ModelError:  # no room for a second copy
                if choice == first:
                    raise
                return {}

        try:
            return fastest(first, possible, order.most_threads, reported)
        except (Busy, ModelError) as error:
            log.info("its speed was not measured: %s", error)
            return None
        finally:
            on_stage("it was being made ready", order.kernels)


def fastest(first: Choice, possible: Collection[str], threads: int, measure: Measure) -> Choice:
    """Begins with a choice and keeps each change that makes a usual turn faster: every kernel of `possible` left out or
    put in, then `threads`, for single rows and for more of them. Raises what `measure` raises.
    """
    best, its = first, measure(first)
    if its[1] < LEAST_S:
        return first
    for name in (name for name in CHOICES if name in possible):
        other = replace(best, kernels=_toggled(best.kernels, name))
        if _gains(measure(other), its) and _gains(seconds := measure(other), measure(best)):
            best, its = other, seconds
    if threads > first.threads:
        more = replace(best, threads=threads, reading_threads=threads)
        rounds = [(measure(more), its), (measure(more), measure(best))]
        one, many = (all(_gains(seconds, than, rows) for seconds, than in rounds) for rows in ((1,), sorted(TURN)[1:]))
        best = replace(best, threads=threads if one else first.threads,
                       reading_threads=threads if many else first.threads)  # fmt: skip
    return best


def _gains(seconds: Seconds, than: Seconds, rows: Collection[int] = tuple(TURN)) -> bool:
    """Whether these steps of a usual turn take clearly less time, as far as both were measured."""
    both = [size for size in rows if size in seconds and size in than]
    ours, theirs = (sum(TURN[size] * of[size] for size in both) for of in (seconds, than))
    return ours < GAIN * theirs


def _toggled(kernels: tuple[str, ...], name: str) -> tuple[str, ...]:
    used = {*kernels} ^ {name}
    return tuple(name for name in SUSPECTS if name in used)


@contextmanager
def measuring(path: Path, vocabulary: Vocabulary, has_buffers: bool, kv_type: str) -> Iterator[Measure]:
    """Measures choices on a model that is loaded, and on a second copy where a choice needs its weights in another
    order; the copy is freed at the end.
    """
    loaded = {has_buffers: vocabulary}

    def measure(choice: Choice) -> Seconds:
        buffers = EXTRA_BUFFERS in choice.kernels
        if buffers not in loaded:
            loaded[buffers] = Vocabulary.load(path, extra_buffers=buffers)
        context = LlamaContext(
            loaded[buffers].model,
            _CONTEXT,
            choice.threads,
            reading_threads=choice.reading_threads,
            sequences=1,
            rows=max(TURN),
            choices=2,  # as many as there are sequences, with the spare one
            kv_type=kv_type,
            flash_attention=FLASH_ATTENTION in choice.kernels,
        )
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
    """Seconds of a step of each size of `TURN` behind `CELLS` cells, the best of a few tries. Raises Busy."""
    behind = _fill(context, token)
    measured: dict[int, float] = {}
    for rows, tries in _TRIES.items():
        seconds = [_step_s(context, token, rows, behind) for _ in range(tries)]
        measured[rows] = min(seconds)
        if statistics.median(seconds) > UNREST * min(seconds):
            raise Busy("this machine does something else, too")
    return measured


def _fill(context: LlamaContext, token: int) -> int:
    """Has the cells in use, and the weights touched for the first time. Returns the next position."""
    _evaluate(context, token, _FILL, 0)
    if not context.can_share_prefix:  # it cannot be copied in part; how it reads is not measured
        context.cut(0, 0)
        return 0
    # The same cells again and again: a step reads each of them, and does not mind that their positions repeat.
    state = context.save(0, 0, _FILL)
    for _ in range(CELLS // _FILL - 1):
        if not context.restore(0, state, 0, _FILL):
            raise Busy("its own cells were refused")
    return _FILL


def _step_s(context: LlamaContext, token: int, rows: int, behind: int) -> float:
    began = time.perf_counter()
    _evaluate(context, token, rows, behind)
    seconds = time.perf_counter() - began
    context.cut(0, behind)
    return seconds


def _evaluate(context: LlamaContext, token: int, rows: int, behind: int) -> None:
    context.evaluate([(0, behind + place, token, place == rows - 1) for place in range(rows)])
