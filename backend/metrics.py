"""Counters of what this process has done, for `/health` and `/metrics`. Knows how to count, not what is counted."""

import resource
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from models.hardware import resident_bytes
from models.types import Delta, Usage

# What the process of a model tells of itself, under these names.
_ENGINE: dict[str, tuple[type[CounterMetricFamily] | type[GaugeMetricFamily], str]] = {
    "steps": (CounterMetricFamily, "Batches evaluated."),
    "rows": (CounterMetricFamily, "Tokens evaluated: by steps, the batches' occupancy."),
    "waiting": (GaugeMetricFamily, "Prompts in the engine's queue."),
    "cells": (GaugeMetricFamily, "Tokens held in the context."),
    "prefill_rate": (GaugeMetricFamily, "Prompt tokens a second, as measured."),
    "decode_rate": (GaugeMetricFamily, "Tokens a second of one answer, as measured."),
    "acceptance": (GaugeMetricFamily, "Share of guessed tokens that came true, lately."),
    "snapshot_hits": (CounterMetricFamily, "Conversations that came back from a snapshot."),
    "snapshot_misses": (CounterMetricFamily, "Snapshots that could not be had when they were wanted."),
    "snapshot_tokens": (CounterMetricFamily, "Their tokens."),
    "snapshots_damaged": (CounterMetricFamily, "Snapshots that could not be used."),
    "snapshot_ram_bytes": (GaugeMetricFamily, "Snapshots in memory."),
    "snapshot_disk_bytes": (GaugeMetricFamily, "Snapshots on disk."),
    "restarts": (CounterMetricFamily, "Starts after the process broke."),
    "memory_bytes": (GaugeMetricFamily, "Resident memory of the process."),
}


@dataclass(frozen=True, slots=True)
class TurnFigures:
    """What a finished turn took. Times are seconds."""

    queue_s: float
    generate_s: float
    usage: Usage
    first_token_s: float | None  # from acceptance to the first word of the engine; None: it wrote nothing
    reading_s: float  # from the prompt to that word
    forecast_s: float | None  # what was expected of `reading_s`
    promised_s: float | None  # what `first_token_s` may be at most, where that was promised


@dataclass(slots=True, eq=False)
class Metrics:
    """Sums since the start of the process. Times are seconds."""

    turns: Counter[str] = field(default_factory=Counter)  # by reason of their end
    passed: Counter[str] = field(default_factory=Counter)  # answers that are no turns, by reason of their end
    fallbacks: int = 0  # turns that the extractive engine answered because a model is not installed
    first_tokens: int = 0
    first_token_s: float = 0.0  # from acceptance to the first delta, summed
    forecasts: int = 0  # turns with text whose prefill time was told before it began
    forecast_error_s: float = 0.0  # by how much it was another, summed
    promises: int = 0  # turns with text whose first token was promised in a time
    promises_kept: int = 0
    queue_s: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of them, those that did not have to be evaluated
    completion_tokens: int = 0
    generate_s: float = 0.0
    drafted_tokens: int = 0  # guessed ahead
    accepted_tokens: int = 0  # of them, those that the model would have chosen
    loads: int = 0  # of models
    load_failures: int = 0
    swaps: int = 0  # loads that another model had to leave for
    resident: dict[str, int] = field(default_factory=dict)  # bytes of each model in memory, as worked out
    routes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by tier and model, where the model was "auto"
    engines: Callable[[], Mapping[str, Mapping[str, float]]] = dict  # by model: what its process tells of itself
    route_fallbacks: int = 0  # of them, those that did not get the tier of their score

    def ended(self, reason: str, turn: TurnFigures) -> None:
        """Counts a finished turn."""
        self.turns[reason] += 1
        self.queue_s += turn.queue_s
        if turn.usage.prompt:  # else no model has run
            self.used(turn.usage, turn.generate_s)
        if turn.first_token_s is None:
            return
        self.first_tokens += 1
        self.first_token_s += turn.first_token_s
        if turn.forecast_s is not None:
            self.forecasts += 1
            self.forecast_error_s += abs(turn.forecast_s - turn.reading_s)
        if turn.promised_s is not None:
            self.promises += 1
            self.promises_kept += turn.first_token_s <= turn.promised_s

    async def counted(self, answer: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
        """An answer that is no turn, counted as it passes: a completion, or one to a client's own prompt."""
        began = 0.0
        async with aclosing(answer) as deltas:
            async for delta in deltas:
                if delta.text:
                    began = began or time.perf_counter()
                if delta.reason and delta.usage:
                    self.passed[delta.reason] += 1
                    self.used(delta.usage, time.perf_counter() - began if began else 0.0)
                yield delta

    def used(self, usage: Usage, generate_s: float) -> None:
        """Counts what a model read, guessed and wrote."""
        self.prompt_tokens += usage.prompt
        self.cached_tokens += usage.cached
        self.completion_tokens += usage.completion
        self.generate_s += generate_s
        self.drafted_tokens += usage.drafted
        self.accepted_tokens += usage.accepted

    def routed(self, tier: str, model: str, is_fallback: bool) -> None:
        """Counts a choice of `auto`."""
        self.routes[tier, model] += 1
        self.route_fallbacks += is_fallback

    @property
    def summary(self) -> dict[str, float | int | None]:
        succeeded = self.turns["stop"] + self.turns["length"]
        return {
            "turns_succeeded": succeeded,
            "turns_cancelled": self.turns["cancelled"],
            "turns_failed": self.turns["error"],
            "turns_fallback": self.fallbacks,
            "first_token_s_mean": _mean(self.first_token_s, self.first_tokens),
            "first_token_forecast_error_s_mean": _mean(self.forecast_error_s, self.forecasts),
            "first_token_promises_kept": _mean(self.promises_kept, self.promises),
            "decode_tokens_per_s": round(self.completion_tokens / self.generate_s, 1) if self.generate_s else None,
            "memory_bytes": memory_bytes(),
        }

    def collect(self) -> Iterator[Metric]:
        """The metric families, as prometheus_client asks for them."""
        turns = CounterMetricFamily("lantern_turns", "Finished turns by reason.", labels=["reason"])
        for reason in ("stop", "length", "cancelled", "error"):
            turns.add_metric([reason], self.turns[reason])
        yield turns
        passed = CounterMetricFamily("lantern_passed", "Finished answers that are no turns.", labels=["reason"])
        for reason in ("stop", "length"):
            passed.add_metric([reason], self.passed[reason])
        yield passed
        yield CounterMetricFamily("lantern_fallback_turns", "Turns answered without a model.", self.fallbacks)
        yield CounterMetricFamily("lantern_first_tokens", "Turns that produced text.", self.first_tokens)
        yield CounterMetricFamily("lantern_first_token_seconds", "Time to first token, summed.", self.first_token_s)
        for name, told, value in (
            ("forecasts", "Turns whose prefill time was forecast.", self.forecasts),
            ("forecast_error_seconds", "Forecast prefill time against the real one, summed.", self.forecast_error_s),
            ("promises", "Turns whose first token was promised in a time.", self.promises),
            ("promises_kept", "Those of them where it came in time.", self.promises_kept),
        ):
            yield CounterMetricFamily(f"lantern_first_token_{name}", told, value)
        for name, told, value in (
            ("queue_seconds", "Time in queues, waiting for loads too, summed.", self.queue_s),
            ("prompt_tokens", "Tokens of prompts.", self.prompt_tokens),
            ("cached_tokens", "Tokens of prompts that were not evaluated again.", self.cached_tokens),
            ("completion_tokens", "Generated tokens.", self.completion_tokens),
            ("generate_seconds", "Time spent generating.", self.generate_s),
            ("drafted_tokens", "Tokens that were guessed ahead.", self.drafted_tokens),
            ("accepted_tokens", "Those of them that came true.", self.accepted_tokens),
        ):
            yield CounterMetricFamily(f"lantern_{name}", told, value)
        yield from self._models()
        yield GaugeMetricFamily("lantern_memory_bytes", "Resident memory of the server.", memory_bytes())

    def _models(self) -> Iterator[Metric]:
        yield CounterMetricFamily("lantern_model_loads", "Models that were loaded.", self.loads)
        yield CounterMetricFamily("lantern_model_load_failures", "Loads that failed.", self.load_failures)
        yield CounterMetricFamily("lantern_model_swaps", "Loads that another model had to leave for.", self.swaps)
        yield GaugeMetricFamily("lantern_resident_models", "Models in memory.", len(self.resident))
        yield GaugeMetricFamily("lantern_resident_model_bytes", "Memory they need.", sum(self.resident.values()))
        routes = CounterMetricFamily("lantern_route", "Turns that were routed.", labels=["tier", "model"])
        for labels, count in self.routes.items():
            routes.add_metric(labels, count)
        yield routes
        for name, (kind, told) in _ENGINE.items():
            family = kind(f"lantern_engine_{name}", told, labels=["model"])
            for model, state in self.engines().items():
                if name in state:
                    family.add_metric([model], state[name])
            yield family
        yield CounterMetricFamily("lantern_route_fallbacks", "Routed to another tier.", self.route_fallbacks)

    def exposition(self) -> bytes:
        """The text that `GET /metrics` answers."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)


def _mean(total: float, of: int) -> float | None:
    return round(total / of, 4) if of else None


def memory_bytes() -> int:
    """Resident set size of this process; its peak where the system does not tell the present value."""
    return resident_bytes() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
