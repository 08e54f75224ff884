"""A question that is asked while its codebase is indexed for the first time."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.chat.answer import AnswerState
from backend.errors import ApiError
from backend.indexing import first_index
from backend.indexing.jobs import Job
from backend.metrics import Metrics
from indexer.types import Progress
from models.scripted import ScriptedEngine
from tests.backend.harness import Socket, World, running
from tests.backend.indexing.test_jobs import gate
from tests.indexer.harness import lay_out
from tests.processes import eventually

pytestmark = pytest.mark.process
FILES = {"cart.py": "def total(prices):\n    return sum(prices)\n"}
__all__ = ["gate"]


def progress(done: int, eta_s: float | None) -> Progress:
    return Progress("indexing", done, 100, done, 1.0, eta_s)


async def waiting_status(socket: Socket) -> dict[str, Any]:
    while not (found := [event for event in socket.events if event.get("stage") == "indexing"]):
        await socket.receive()
    return found[0]


async def ask(socket: Socket, world: World, root: Path) -> dict[str, Any]:
    """Asks about a codebase whose index has begun; the status of its wait."""
    await world.post("/index", {"path": str(root)})
    session = (await socket.call("session/open", workspace=str(root)))["session"]
    await socket.call("session/prompt", session=session, turn="t", text="What does total add up?")
    return await waiting_status(socket)


async def test_the_question_waits_and_is_answered_from_the_whole_index(tmp_path: Path, gate: threading.Event) -> None:
    root = lay_out(tmp_path / "code", FILES)
    async with running(tmp_path / "data", ScriptedEngine(("It adds [1].",))) as world, world.socket() as socket:
        waiting = await ask(socket, world, root)
        gate.set()
        end = await socket.until("end")
    sources = [event for event in socket.logged if event["type"] == "sources"]
    assert (waiting["done"], waiting["total"]) == (0, 0)
    assert [item["path"] for item in sources[-1]["items"]] == ["cart.py"]
    assert end["ms"]["index"] > 0
    assert "notice" not in end


async def test_a_waiting_question_can_be_cancelled(tmp_path: Path, gate: threading.Event) -> None:
    root = lay_out(tmp_path / "code", FILES)
    async with running(tmp_path / "data", ScriptedEngine(("-",))) as world, world.socket() as socket:
        waiting = await ask(socket, world, root)
        await socket.call("session/cancel", session=waiting["session"])
        end = await socket.until("end")
        gate.set()
    assert end["reason"] == "cancelled"


async def test_an_answer_from_a_part_of_the_index_says_so(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_index, "WAIT_S", 0.0)
    root = lay_out(tmp_path / "code", FILES)
    async with running(tmp_path / "data", ScriptedEngine(("It adds.",))) as world:
        await world.post("/index", {"path": str(root)})
        answer = (await world.post("/chat/query", {"query": "What does total add up?"})).json()
        gate.set()
    assert answer["notice"].startswith("The codebase is still being indexed: this answer may miss code.")


async def test_changes_that_wait_for_the_first_index_are_not_taken_for_it(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_index, "WAIT_S", 0.0)
    root = lay_out(tmp_path / "code", FILES)
    async with running(tmp_path / "data", ScriptedEngine(("It adds.",))) as world:
        job = world.services.jobs.get((await world.post("/index", {"path": str(root)})).json()["job_id"])
        await eventually(lambda: job.state == "running")
        job.progress = progress(5, None)
        world.services.jobs._enqueue_changes(world.services.indexes.store(str(root)), frozenset({"cart.py"}))
        assert [one.state for one in world.services.jobs.all(job.codebase)] == ["running", "queued"]
        answer = (await world.post("/chat/query", {"query": "What does total add up?"})).json()
        gate.set()
    assert answer["notice"].startswith(
        "The codebase is still being indexed (5 of 100 files so far): this answer may miss code."
    )


def test_the_time_to_the_first_token_has_the_wait_and_a_promise_does_not() -> None:
    ms = {"queue": 1000.0, "index": 30_000.0, "retrieve": 500.0, "prefill": 2000.0, "generate": 0.0}
    figures = AnswerState(generated="It", ttft_budget_s=10.0, ms=ms).figures
    metrics = Metrics()
    metrics.record_turn("stop", figures)
    assert (metrics.first_token_s, metrics.promises, metrics.promises_kept) == (33.5, 1, 1)
    assert AnswerState(ms=ms).spent_s == 1.5  # what the budget of the prompt counts


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "done"}, ""),
        (
            {"progress": progress(5, 301.0)},
            "The codebase is still being indexed (5 of 100 files so far): this answer may miss code.",
        ),
        (
            {"state": "failed", "error": ApiError("bad_params", "nothing in it is worth indexing")},
            "The index of the codebase is not complete: nothing in it is worth indexing",
        ),
    ],
)
async def test_what_the_reader_has_to_know(changes: dict[str, Any], said: str) -> None:
    job, shown = Job("j", "c", Path("/code"), state="running", progress=progress(1, None)), []

    def show(now: Progress) -> None:
        shown.append(now)
        for name, value in changes.items():
            setattr(job, name, value)

    assert await asyncio.wait_for(first_index.wait_for_index(job, show), 10) == said
    assert shown == [progress(1, None)]
