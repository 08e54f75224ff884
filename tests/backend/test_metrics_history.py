"""Samples of the counters: what happened since the last one, rarely while nothing happens, a day of them at most."""

import asyncio
from pathlib import Path

import pytest

from backend import metrics_history
from backend.metrics import Metrics, TurnFigures
from backend.metrics_history import DAY_S, NAMES, Gauges, MetricsHistory
from models.scripted import ScriptedEngine
from models.types import Usage
from tests.backend.harness import ManualSleep, running

FIGURES = TurnFigures(
    queue_s=0.1,
    generate_s=2.0,
    usage=Usage(100, 75, 10),
    first_token_s=0.5,
    reading_s=0.4,
    forecast_s=None,
    ttft_budget_s=1.0,
    total_s=2.5,
)


class World:
    """A history whose time and gauges a test sets."""

    def __init__(self) -> None:
        self.now, self.gauges, self.metrics = 1000.0, Gauges(0, {}), Metrics()
        self.history = MetricsHistory(self.metrics, lambda: self.gauges, lambda: self.now)

    def sample(self, seconds: float = 5) -> list[dict[str, float | None]]:
        """Every sample after so many more seconds."""
        self.now += seconds
        self.history.sample()
        return [dict(zip(("t", *NAMES), row, strict=True)) for row in self.history.wire(DAY_S)["samples"]]


def test_a_sample_has_what_happened_since_the_last_one() -> None:
    world = World()
    world.sample()
    world.metrics.record_turn("stop", FIGURES)
    world.metrics.record_turn("stop", FIGURES)
    world.metrics.resident["m"] = 7000
    *_, busy = world.sample()
    assert {name: busy[name] for name in ("t", "first_token_ms", "total_ms", "tokens_per_s")} == {
        "t": 1010.0,
        "first_token_ms": 500.0,
        "total_ms": 2500.0,
        "tokens_per_s": 5.0,
    }
    assert (busy["promises_kept"], busy["cache_hits"], busy["turns_running"]) == (1.0, 0.75, 0)
    assert (busy["models_bytes"], busy["loaded_models"]) == (7000, 1)
    assert (busy["process_bytes"] or 0) > 1_000_000
    world.gauges = Gauges(1, {"m": {"memory_bytes": 9000.0}})
    *_, quiet = world.sample()
    assert {quiet[name] for name in ("first_token_ms", "total_ms", "tokens_per_s", "promises_kept")} == {None}
    assert (quiet["turns_running"], quiet["models_bytes"]) == (1, 9000)


def test_nothing_is_added_while_nothing_changes_but_once_a_minute() -> None:
    world = World()
    for _ in range(25):
        rows = world.sample()
    assert [row["t"] for row in rows] == [1005.0, 1065.0, 1125.0]
    world.gauges = Gauges(2, {})
    assert [row["turns_running"] for row in world.sample()[-1:]] == [2]
    assert len(world.sample()) == 5  # a turn runs: each time


def test_a_day_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.gauges = Gauges(1, {})
    for _ in range(17_300):
        world.now += 5
        world.history.sample()
    rows = world.history.wire(10 * DAY_S)["samples"]
    assert len(rows) == 17_280
    assert [row[0] for row in world.history.wire(10)["samples"]] == [world.now - 10, world.now - 5, world.now]
    assert world.history.wire(10)["interval_s"] == metrics_history.INTERVAL_S


@pytest.mark.process
async def test_the_server_samples_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = ManualSleep(monkeypatch, metrics_history)
    async with running(tmp_path, ScriptedEngine()) as world:
        assert sleep.running == [5.0]
        await world.post("/chat/query", {"query": "Does it?", "retrieval": "off"})
        world.services.history.sample()
        found = (await world.get("/metrics/history", since=60)).json()
        refused = [(await world.get("/metrics/history", since=since)).status_code for since in ("0", "nan", "x")]
        task = next(task for task in asyncio.all_tasks() if task.get_name() == "metrics history")
    assert (found["interval_s"], tuple(found["names"])) == (5.0, NAMES)
    assert len(found["samples"]) == 2
    assert all(len(sample) == 1 + len(NAMES) for sample in found["samples"])
    assert found["samples"][1][1 + NAMES.index("total_ms")] > 0
    assert refused == [422] * 3
    assert task.done()  # it ends with the server
