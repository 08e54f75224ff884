"""How the counters changed over the last day: one sample each 5 s while something changes, else every minute.

A sample has what happened since the one before it. Bounded in memory, not stored. Knows neither turns nor engines.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from backend.metrics import Metrics, memory_bytes

INTERVAL_S, IDLE_S = 5.0, 60.0
DAY_S = 86_400
_MOST = int(DAY_S / INTERVAL_S)  # samples

Number = float | None  # None: nothing of that kind happened


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is so at this moment."""

    turns_running: int
    processes: Mapping[str, Mapping[str, float]]  # by model: the numbers that its process reports


@dataclass(frozen=True, slots=True)
class _Totals:
    """The sums that a sample is the change of."""

    turns: int
    turn_s: float
    first_tokens: int
    first_token_s: float
    promises: int
    promises_kept: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    generate_s: float

    @classmethod
    def of(cls, metrics: Metrics) -> "_Totals":
        sums = {field.name: getattr(metrics, field.name) for field in fields(cls) if field.name != "turns"}
        return cls(turns=metrics.turns.total(), **sums)

    def since(self, before: "_Totals") -> "_Totals":
        return _Totals(*(getattr(self, field.name) - getattr(before, field.name) for field in fields(self)))


def _mean(total: float, count: float, scale: float = 1.0) -> Number:
    return round(scale * total / count, 3) if count else None


# The numbers of a sample, from what happened since the last one.
_OF_CHANGE: dict[str, Callable[[_Totals], Number]] = {
    "first_token_ms": lambda change: _mean(change.first_token_s, change.first_tokens, 1000),
    "total_ms": lambda change: _mean(change.turn_s, change.turns, 1000),
    "tokens_per_s": lambda change: _mean(change.completion_tokens, change.generate_s),
    "promises_kept": lambda change: _mean(change.promises_kept, change.promises),
    "cache_hits": lambda change: _mean(change.cached_tokens, change.prompt_tokens),
}
_NOW = ("turns_running", "process_bytes", "models_bytes", "loaded_models")
NAMES = (*_OF_CHANGE, *_NOW)


class MetricsHistory:
    """The samples of this process."""

    def __init__(
        self, metrics: Metrics, read_gauges: Callable[[], Gauges], clock: Callable[[], float] = time.time
    ) -> None:
        self._metrics, self._read_gauges, self._clock = metrics, read_gauges, clock
        self._samples: deque[tuple[Number, ...]] = deque(maxlen=_MOST)
        self._last = _Totals.of(metrics)
        self._state: tuple[object, ...] = ()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Samples until `close`."""
        self._task = asyncio.create_task(self._run(), name="metrics history")

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def sample(self) -> None:
        """Adds a sample if something changed since the last one, or that was a minute ago."""
        now, gauges, totals = self._clock(), self._read_gauges(), _Totals.of(self._metrics)
        state = (totals, gauges.turns_running, tuple(sorted(self._metrics.resident)))
        is_due = not self._samples or now - (self._samples[-1][0] or 0) >= IDLE_S
        if state == self._state and not gauges.turns_running and not is_due:
            return
        change = totals.since(self._last)
        self._last, self._state = totals, state
        self._samples.append((round(now, 1), *(of(change) for of in _OF_CHANGE.values()), *self._now(gauges)))

    def wire(self, since_s: float) -> dict[str, Any]:
        """The answer of `GET /metrics/history`: the samples of the last `since_s` seconds, oldest first."""
        begin = self._clock() - min(since_s, DAY_S)
        samples = [list(sample) for sample in self._samples if (sample[0] or 0) >= begin]
        return {"interval_s": INTERVAL_S, "names": list(NAMES), "samples": samples}

    def _now(self, gauges: Gauges) -> Iterator[Number]:
        reported = sum(numbers.get("memory_bytes", 0) for numbers in gauges.processes.values())
        yield gauges.turns_running
        yield memory_bytes()
        yield round(reported or sum(self._metrics.resident.values()))
        yield len(self._metrics.resident)

    async def _run(self) -> None:
        while True:
            self.sample()
            await asyncio.sleep(INTERVAL_S)
