"""Counters of this process, for `/health` and `/metrics`. Knows neither turns nor engines: its callers count."""

import resource
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from models.hardware import resident_bytes
from models.types import Delta, Usage

# By name: what the process of a model reports about itself. Names it does not report are left out.
_PROCESS_FAMILIES: dict[str, tuple[type[CounterMetricFamily] | type[GaugeMetricFamily], str]] = {
    "steps": (CounterMetricFamily, "Batches evaluated."),
    "rows": (CounterMetricFamily, "Tokens evaluated: by steps, the batches' occupancy."),
    "waiting": (GaugeMetricFamily, "Prompts in the engine's queue."),
    "cells": (GaugeMetricFamily, "Tokens held in the context."),
    "prefill_rate": (GaugeMetricFamily, "Prompt tokens a second, as measured."),
    "decode_rate": (GaugeMetricFamily, "Tokens a second of one answer, as measured."),
    "acceptance": (GaugeMetricFamily, "Share of drafted tokens that were accepted, lately."),
    "snapshot_hits": (CounterMetricFamily, "Conversations restored from a snapshot."),
    "snapshot_misses": (CounterMetricFamily, "Snapshots that were needed and not there."),
    "snapshot_tokens": (CounterMetricFamily, "Tokens restored from snapshots."),
    "snapshots_damaged": (CounterMetricFamily, "Snapshots that could not be used."),
    "snapshot_ram_bytes": (GaugeMetricFamily, "Snapshots in memory."),
    "snapshot_disk_bytes": (GaugeMetricFamily, "Snapshots on disk."),
    "restarts": (CounterMetricFamily, "Starts after the process failed."),
    "memory_bytes": (GaugeMetricFamily, "Resident memory of the process."),
}


@dataclass(frozen=True, slots=True)
class TurnFigures:
    """The times and tokens of one finished turn. Times are seconds."""

    queue_s: float
    generate_s: float
    usage: Usage
    first_token_s: float | None  # from acceptance to the first text of the engine; None: it wrote none
    reading_s: float  # from the prompt to that text
    forecast_s: float | None  # the forecast of `reading_s`
    ttft_budget_s: float | None  # the TTFT budget: the upper bound of `first_token_s`, where one was promised
    total_s: float = 0.0  # from acceptance to the end


@dataclass(slots=True, eq=False)
class Metrics:
    """Sums since the start of the process. Times are seconds."""

    turns: Counter[str] = field(default_factory=Counter)  # by end reason
    passthrough: Counter[str] = field(default_factory=Counter)  # answers that are no turns, by end reason
    turn_s: float = 0.0  # from acceptance to the end, summed
    fallbacks: int = 0  # turns that the extractive engine answered because no model is installed
    first_tokens: int = 0
    first_token_s: float = 0.0  # from acceptance to the first delta, summed
    forecasts: int = 0  # turns with text whose prefill time was forecast
    forecast_error_s: float = 0.0  # absolute, summed
    promises: int = 0  # turns with text that had a TTFT budget
    promises_kept: int = 0  # those within the budget
    queue_s: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0  # those of them that were not evaluated again
    completion_tokens: int = 0
    generate_s: float = 0.0
    drafted_tokens: int = 0  # by speculative decoding
    accepted_tokens: int = 0  # those of them that the model chose itself
    loads: int = 0  # of models
    load_failures: int = 0
    swaps: int = 0  # loads that evicted another model
    resident: dict[str, int] = field(default_factory=dict)  # estimated bytes of each model in memory
    routes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by tier and model, where the model was "auto"
    route_fallbacks: int = 0  # those of them that did not get the tier of their score

    def record_turn(self, reason: str, turn: TurnFigures) -> None:
        """Counts a finished turn."""
        self.turns[reason] += 1
        self.queue_s += turn.queue_s
        self.turn_s += turn.total_s
        if turn.usage.prompt:  # else no model has run
            self.add_usage(turn.usage, turn.generate_s)
        if turn.first_token_s is None:
            return
        self.first_tokens += 1
        self.first_token_s += turn.first_token_s
        if turn.forecast_s is not None:
            self.forecasts += 1
            self.forecast_error_s += abs(turn.forecast_s - turn.reading_s)
        if turn.ttft_budget_s is not None:
            self.promises += 1
            self.promises_kept += turn.first_token_s <= turn.ttft_budget_s

    async def count_stream(self, answer: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
        """Passes on the deltas of an answer that is no turn (a completion, a prompt of the client) and counts it."""
        started = 0.0
        async with aclosing(answer) as deltas:
            async for delta in deltas:
                if delta.text:
                    started = started or time.perf_counter()
                if delta.reason and delta.usage:
                    self.passthrough[delta.reason] += 1
                    self.add_usage(delta.usage, time.perf_counter() - started if started else 0.0)
                yield delta

    def add_usage(self, usage: Usage, generate_s: float) -> None:
        """Counts the tokens of one answer and the seconds that it took to generate."""
        self.prompt_tokens += usage.prompt
        self.cached_tokens += usage.cached
        self.completion_tokens += usage.completion
        self.generate_s += generate_s
        self.drafted_tokens += usage.drafted
        self.accepted_tokens += usage.accepted

    def record_route(self, tier: str, model: str, is_fallback: bool) -> None:
        """Counts a choice of `auto`."""
        self.routes[tier, model] += 1
        self.route_fallbacks += is_fallback

    @property
    def summary(self) -> dict[str, float | int | None]:
        """The numbers of `GET /health`."""
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

    def exposition(self, processes: Mapping[str, Mapping[str, float]] | None = None) -> bytes:
        """The text of `GET /metrics`. `processes`: by model, the numbers that its process reports."""
        registry = CollectorRegistry()
        registry.register(_Collector(self, processes or {}))
        return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)
class _Collector(Collector):
    """The metric families, in the form that prometheus_client asks for."""

    metrics: Metrics
    processes: Mapping[str, Mapping[str, float]]

    def collect(self) -> Iterator[Metric]:
        yield from self._turns()
        yield from self._counters()
        yield from self._models()
        yield GaugeMetricFamily("lantern_memory_bytes", "Resident memory of the server.", memory_bytes())

    def _turns(self) -> Iterator[Metric]:
        metrics = self.metrics
        turns = CounterMetricFamily("lantern_turns", "Finished turns by reason.", labels=["reason"])
        for reason in ("stop", "length", "cancelled", "error"):
            turns.add_metric([reason], metrics.turns[reason])
        yield turns
        passed = CounterMetricFamily("lantern_passed", "Finished answers that are no turns.", labels=["reason"])
        for reason in ("stop", "length"):
            passed.add_metric([reason], metrics.passthrough[reason])
        yield passed

    def _counters(self) -> Iterator[Metric]:
        metrics = self.metrics
        for name, help_text, value in (
            ("fallback_turns", "Turns answered without a model.", metrics.fallbacks),
            ("first_tokens", "Turns that produced text.", metrics.first_tokens),
            ("first_token_seconds", "Time to first token, summed.", metrics.first_token_s),
            ("first_token_forecasts", "Turns with a forecast of their prefill time.", metrics.forecasts),
            ("first_token_forecast_error_seconds", "Error of these forecasts, summed.", metrics.forecast_error_s),
            ("first_token_promises", "Turns with a promised time to first token.", metrics.promises),
            ("first_token_promises_kept", "Those of them that kept it.", metrics.promises_kept),
            ("turn_seconds", "Time from acceptance to the end, summed.", metrics.turn_s),
            ("queue_seconds", "Time in queues, including waits for model loads, summed.", metrics.queue_s),
            ("prompt_tokens", "Tokens of prompts.", metrics.prompt_tokens),
            ("cached_tokens", "Tokens of prompts that were not evaluated again.", metrics.cached_tokens),
            ("completion_tokens", "Generated tokens.", metrics.completion_tokens),
            ("generate_seconds", "Time spent generating.", metrics.generate_s),
            ("drafted_tokens", "Tokens drafted by speculative decoding.", metrics.drafted_tokens),
            ("accepted_tokens", "Those of them that were accepted.", metrics.accepted_tokens),
        ):
            yield CounterMetricFamily(f"lantern_{name}", help_text, value)

    def _models(self) -> Iterator[Metric]:
        metrics = self.metrics
        yield CounterMetricFamily("lantern_model_loads", "Models that were loaded.", metrics.loads)
        yield CounterMetricFamily("lantern_model_load_failures", "Loads that failed.", metrics.load_failures)
        yield CounterMetricFamily("lantern_model_swaps", "Loads that evicted another model.", metrics.swaps)
        yield GaugeMetricFamily("lantern_resident_models", "Models in memory.", len(metrics.resident))
        yield GaugeMetricFamily("lantern_resident_model_bytes", "Memory they need.", sum(metrics.resident.values()))
        routes = CounterMetricFamily("lantern_route", "Turns that were routed.", labels=["tier", "model"])
        for labels, count in metrics.routes.items():
            routes.add_metric(labels, count)
        yield routes
        for name, (kind, help_text) in _PROCESS_FAMILIES.items():
            family = kind(f"lantern_engine_{name}", help_text, labels=["model"])
            for model, numbers in self.processes.items():
                if name in numbers:
                    family.add_metric([model], numbers[name])
            yield family
        yield CounterMetricFamily("lantern_route_fallbacks", "Routed to another tier.", metrics.route_fallbacks)


def _mean(total: float, count: int) -> float | None:
    return round(total / count, 4) if count else None


def memory_bytes() -> int:
    """Resident set size of this process; its peak where the system does not report the current value."""
    return resident_bytes() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
