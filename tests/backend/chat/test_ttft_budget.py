"""The time-to-first-token budget: the size of the prompt, the forecast, and the metrics."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from backend.chat.answer import AnswerState
from backend.db.conversations import new_id
from backend.metrics import Metrics
from models.scripted import ScriptedEngine
from models.types import Delta, Prompt, Rates, Sampling
from tests.backend.harness import running

pytestmark = pytest.mark.process

QUESTION = "how are the totals of a cart sent?"
RATES = Rates(prefill=100.0, decode=20.0, spread=0.04)


class Watched(ScriptedEngine):
    """Waits in a queue and reads its prompt in two steps, with pauses in which each status is seen."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        for delta in (Delta(waiting=2, eta_s=60.0), Delta(progress=(40, 240)), Delta(progress=(140, 240), eta_s=0.25)):
            await asyncio.sleep(0.2)
            yield delta
        await asyncio.sleep(0.2)
        async for delta in super().stream(prompt, sampling):
            yield delta


def shop(folder: Path) -> Path:
    """Twelve long functions that all have to do with the question."""
    folder.mkdir()
    for n in range(12):
        body = "".join(f"    total = total + cart.price({at})\n" for at in range(30))
        source = f"def send_total_{n}(cart, total):\n{body}    return cart.send(total)\n"
        (folder / f"cart{n}.py").write_text(source)
    return folder


async def ask(tmp_path: Path, engine: ScriptedEngine, body: dict[str, Any], **given: Any) -> dict[str, Any]:
    async with running(tmp_path / "data", engine, **given) as world:
        await world.post("/index", {"path": str(shop(tmp_path / "shop")), "wait": True})
        answer: dict[str, Any] = (await world.post("/chat/query", {"query": QUESTION} | body)).json()
        health = (await world.get("/health")).json()
        metrics = (await world.get("/metrics")).text
    names = {"first_token_promises_kept", "first_token_forecast_error_s_mean"}
    return answer | {"health": {name: health[name] for name in names}, "metrics": metrics}


@pytest.mark.parametrize(
    ("rates", "body", "setting", "fewest", "most"),
    [
        (RATES, {}, 10.0, 700, 880),  # 100 / 1.13 * (10 - 0.05), less what the search took
        (RATES, {"first_token_s": 9.5}, 10.0, 700, 836),
        (RATES, {"first_token_s": 3.0}, 10.0, 700, 830),  # what the best two places need
        (RATES, {"first_token_s": 0.0}, 10.0, 2000, 7000),
        (RATES, {}, 0.0, 2000, 7000),
        (Rates(), {}, 10.0, 2000, 7000),  # no rates of this engine yet
    ],
)
async def test_the_budget_limits_the_prompt(
    tmp_path: Path, rates: Rates, body: dict[str, Any], setting: float, fewest: int, most: int
) -> None:
    engine = ScriptedEngine(rates=rates)
    answer = await ask(tmp_path, engine, body, first_token_s=setting)
    tokens = engine.count_tokens(engine.prompts[0].segments)
    assert fewest <= tokens <= most
    promised = rates.prefill > 0 and (body or {"first_token_s": setting})["first_token_s"] > 0
    assert promised or len(answer["sources"]) == 8
    assert answer["health"]["first_token_promises_kept"] == (1.0 if promised else None)
    assert f"lantern_first_token_promises_kept_total {float(promised)}" in answer["metrics"]


async def test_what_is_cached_costs_no_time(tmp_path: Path) -> None:
    engine = ScriptedEngine(rates=RATES)
    engine.cached = 150
    await ask(tmp_path, engine, {"first_token_s": 9.0})
    assert 800 <= engine.count_tokens(engine.prompts[0].segments) <= 792 + 150


async def test_the_sources_are_the_lines_that_are_shown(tmp_path: Path) -> None:
    engine = ScriptedEngine(rates=RATES)
    answer = await ask(tmp_path, engine, {})
    cut = [source for source in answer["sources"] if source["end"] - source["start"] < 31]
    assert cut
    for source in cut:
        lines = (tmp_path / "shop" / source["path"]).read_text().split("\n")[source["start"] - 1 : source["end"]]
        assert f"{source['path']}:{source['start']}-{source['end']} part of function" in engine.prompts[0].text
        assert "\n".join(lines) in engine.prompts[0].text


async def test_the_time_to_the_first_token_is_forecast(tmp_path: Path) -> None:
    engine = Watched(rates=RATES)
    engine.cached = 50
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        ask = {"session": session, "turn": new_id(), "text": "What?", "retrieval": "off", "first_token_s": 5}
        await socket.call("session/prompt", **ask)
        await socket.until("end")
        health = (await world.get("/health")).json()
    statuses = [e for e in socket.events if e["type"] == "status" and "eta_ms" in e]
    steps = [(e["stage"], e.get("done"), e.get("total"), e["eta_ms"]) for e in statuses]
    assert steps == [("queued", 0, 2, 60000), ("prefill", 40, 240, 2050), ("prefill", 140, 240, 250)]
    assert health["first_token_promises_kept"] == 1.0
    assert 55 < health["first_token_forecast_error_s_mean"] < 60  # of the first status


def test_metrics_count_budgets_that_were_kept_and_the_error_of_forecasts() -> None:
    metrics = Metrics()
    for ttft_budget_s, forecast_s, prefill_s in ((4.0, 4.0, 3.0), (3.0, 2.0, 4.0), (None, None, 9.0)):
        state = AnswerState(generated="so", ttft_budget_s=ttft_budget_s, forecast_s=forecast_s)
        state.ms["prefill"] = 1000 * prefill_s
        metrics.record_turn("stop", state.figures)
    assert metrics.summary["first_token_promises_kept"] == 0.5
    assert metrics.summary["first_token_forecast_error_s_mean"] == 1.5
    assert b"lantern_first_token_promises_total 2.0" in metrics.exposition()
    assert b"lantern_first_token_forecast_error_seconds_total 3.0" in metrics.exposition()


async def test_an_excerpt_answers_for_its_own_lines_and_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prompts.build.GUARANTEED_TOKENS", 128)
    steps = [f"    step_{at:02}()" for at in range(2, 41)]
    steps[36] = "    mail_receipt(customer_cart)"
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text("\n".join(["def checkout(customer_cart, in_full):", *steps]) + "\n")
    engine = ScriptedEngine(["In cart.py:30, in cart.py:3. `step_30` [1]. `step_03` [1]. `in_full` [1]."], rates=RATES)
    body: dict[str, Any] = {"query": "how is a receipt mailed at checkout?", "first_token_s": 0.01}
    async with running(tmp_path / "data", engine) as world:
        await world.post("/index", {"path": str(tmp_path / "shop"), "wait": True})
        first = (await world.post("/chat/query", body)).json()
        again = (await world.post("/chat/query", body | {"session_id": first["session_id"]})).json()
        ids = {name: first[name] for name in ("session_id", "conversation_id")}
        later = (await world.post("/chat/query", body | ids)).json()
    assert [(s["n"], s["start"], s["end"]) for s in first["sources"]] == [(1, 15, 38)]
    for answer in (first, again, later):
        assert [c["status"] for c in answer["citations"]] == ["ok", "invented", "ok", "invented", "ok"]
    assert "Shown above and relevant again: [1]" in engine.prompts[-1].text
