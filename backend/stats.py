"""Counters of what this process has done, for `/health` and `/metrics`. Knows how to count, not what is counted."""

import resource
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


@dataclass(slots=True, eq=False)
class Stats:
    """Sums since the start of the process. Times are seconds."""

    turns: Counter[str] = field(default_factory=Counter)  # by reason of their end
    fallbacks: int = 0  # turns that the extractive engine answered because a model is not installed
    first_tokens: int = 0
    first_token_s: float = 0.0  # from acceptance to the first delta, summed
    completion_tokens: int = 0
    generate_s: float = 0.0

    def ended(self, reason: str, first_token_s: float | None, tokens: int, generate_s: float) -> None:
        """Counts a finished turn; `first_token_s` is None if it produced no text."""
        self.turns[reason] += 1
        if first_token_s is not None:
            self.first_tokens += 1
            self.first_token_s += first_token_s
        self.completion_tokens += tokens
        self.generate_s += generate_s

    @property
    def summary(self) -> dict[str, float | int | None]:
        succeeded = self.turns["stop"] + self.turns["length"]
        return {
            "turns_succeeded": succeeded,
            "turns_cancelled": self.turns["cancelled"],
            "turns_failed": self.turns["error"],
            "turns_fallback": self.fallbacks,
            "first_token_s_mean": round(self.first_token_s / self.first_tokens, 4) if self.first_tokens else None,
            "decode_tokens_per_s": round(self.completion_tokens / self.generate_s, 1) if self.generate_s else None,
            "memory_bytes": memory_bytes(),
        }

    def collect(self) -> Iterator[Metric]:
        """The metric families, as prometheus_client asks for them."""
        turns = CounterMetricFamily("lantern_turns", "Finished turns by reason.", labels=["reason"])
        for reason in ("stop", "length", "cancelled", "error"):
            turns.add_metric([reason], self.turns[reason])
        yield turns
        yield CounterMetricFamily("lantern_fallback_turns", "Turns answered without a model.", self.fallbacks)
        yield CounterMetricFamily("lantern_first_tokens", "Turns that produced text.", self.first_tokens)
        yield CounterMetricFamily("lantern_first_token_seconds", "Time to first token, summed.", self.first_token_s)
        yield CounterMetricFamily("lantern_completion_tokens", "Generated tokens.", self.completion_tokens)
        yield CounterMetricFamily("lantern_generate_seconds", "Time spent generating.", self.generate_s)
        yield GaugeMetricFamily("lantern_memory_bytes", "Resident memory of the server.", memory_bytes())

    def exposition(self) -> bytes:
        """The text that `GET /metrics` answers."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)


def memory_bytes() -> int:
    """Resident set size of this process; its peak where the system does not tell the present value."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
