"""What a repository or an editor holds cannot stop the server: bombs cost a file, and everything else goes on."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from backend.indexing.jobs import Job
from indexer.files.scan import COSTLY
from indexer.workers.pool import CANCELLED
from tests.backend.harness import World, running
from tests.indexer.harness import lay_out
from tests.indexer.workers.test_pool import BOMBS
from tests.processes import eventually

pytestmark = pytest.mark.process

FROZEN_S = 5.0  # beside other tests; the campaign measures it on its own
ENDS_S = 5.0
NAMES = {
    "kotlin": "bomb.kt",
    "markdown": "bomb.md",
    "python": "bomb.py",
    "java": "Bomb.java",
    "rust": "bomb.rs",
    "ruby": "bomb.rb",
}
HARMLESS = {"ruby"}  # for the grammar of 2026
CODE = {"ok.py": "def harmless():\n    return 1\n\n\ndef caller():\n    return harmless()\n"}
STUCK = ("(" * 100 + "\n") * 9000  # the grammar of Python needs far more than its time


async def health_while(world: World, work: "asyncio.Task[Any]") -> float:
    """The longest time that `/health` took until the work was done, in seconds."""
    worst = 0.0
    while not work.done():
        began = time.monotonic()
        assert (await world.get("/health")).status_code == 200
        worst = max(worst, time.monotonic() - began)
        await asyncio.sleep(0.02)
    return worst


def skipped_in(world: World, root: Path) -> dict[str, str]:
    """The reason for each file that is not indexed."""
    with world.services.indexes.store(str(root)).read() as snapshot:
        return {skip.path: skip.reason for skip in snapshot.skips()}


async def test_files_that_kill_parsers_cost_only_themselves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = lay_out(tmp_path / "code", CODE | {NAMES[language]: text for language, text in BOMBS.items()})
    lethal = {NAMES[language]: COSTLY for language in BOMBS.keys() - HARMLESS}
    async with running(tmp_path / "data") as world:
        body = {"path": str(root), "wait": True, "watch": False}
        job = asyncio.create_task(world.post("/index", body))
        assert await health_while(world, job) < FROZEN_S
        report = job.result().json()["report"]
        assert skipped_in(world, root) == lethal
        assert report["skipped"] == {COSTLY: len(lethal)}
        assert report["files"] == len(CODE) + len(HARMLESS)
        deaths = list(caplog.messages)
        again = (await world.post("/index", body)).json()["report"]
        assert again["skipped"] == report["skipped"]
        assert caplog.messages == deaths  # what was too costly is not tried again
        answer = (await world.post("/search", {"query": "who calls harmless"})).json()
        assert [(hit["path"], hit["symbol"]) for hit in answer["hits"]][:1] == [("ok.py", "caller")]


async def test_a_file_that_was_too_costly_is_tried_again_when_it_changes(tmp_path: Path) -> None:
    name = NAMES["java"]
    root = lay_out(tmp_path / "code", CODE | {name: BOMBS["java"]})
    async with running(tmp_path / "data") as world:
        body = {"path": str(root), "wait": True, "watch": False}
        reports = [(await world.post("/index", body)).json()["report"]]
        assert skipped_in(world, root) == {name: COSTLY}
        (root / name).write_text("class Bomb { void defused() {} }\n")
        reports.append((await world.post("/index", body)).json()["report"])
        assert skipped_in(world, root) == {}
        found = (await world.post("/search", {"query": "where is defused defined"})).json()["hits"]
    assert [(report["files"], report["changed"], report["skipped"]) for report in reports] == [
        (1, 1, {COSTLY: 1}),
        (2, 1, {}),
    ]
    assert found[0]["path"] == name


@pytest.mark.parametrize("language", ["kotlin", "markdown", "java"])
async def test_unsaved_text_that_kills_parsers_costs_one_question_its_chunks(
    tmp_path: Path, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = NAMES[language]
    root = lay_out(tmp_path / "code", CODE | {name: "harmless here\n"})
    async with running(tmp_path / "data") as world:
        await world.post("/index", {"path": str(root), "wait": True, "watch": False})
        context = [{"path": name, "text": BOMBS[language]}]
        question = {"query": "what does harmless return", "context": context}
        asked = asyncio.create_task(world.post("/chat/query", question))
        assert await health_while(world, asked) < FROZEN_S
        assert asked.result().status_code == 200
        assert "harmless" in asked.result().json()["response"]
    died = [message for message in caplog.messages if message.startswith("the context of a question cannot be parsed")]
    assert len(died) == 1


async def job_with_stuck_parsers(world: World, root: Path) -> Job:
    """A job of which no file is done, and whose parsers have work for the next seconds."""
    started = (await world.post("/index", {"path": str(root), "watch": False})).json()
    job = world.services.jobs.get(started["job_id"])
    await eventually(lambda: job.progress.stage == "indexing")
    await asyncio.sleep(1.0)  # they have been read, and are being parsed
    assert (job.state, job.progress.done, job.progress.total) == ("running", 0, 4)
    return job


async def test_a_job_whose_parsers_are_stuck_is_deleted_and_the_next_one_goes_on(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", {f"stuck{n}.py": f"{STUCK}{n}\n" for n in range(4)})
    other = lay_out(tmp_path / "other", CODE)
    async with running(tmp_path / "data") as world:
        job = await job_with_stuck_parsers(world, root)
        began = time.monotonic()
        reply = await world.http.delete(f"/index/jobs/{job.id}")
        assert time.monotonic() - began < ENDS_S
        assert (reply.status_code, reply.json()["state"]) == (200, "cancelled")
        assert reply.json()["error"] == {"code": "cancelled", "message": CANCELLED}
        assert (await world.get(f"/index/jobs/{job.id}")).json() == reply.json()
        assert (await world.http.delete(f"/index/jobs/{job.id}")).json() == reply.json()
        for file in root.iterdir():
            file.write_text(CODE["ok.py"])
        for folder, files in ((other, 1), (root, 4)):
            ended = (await world.post("/index", {"path": str(folder), "wait": True, "watch": False})).json()
            assert (ended["state"], ended["report"]["files"], ended["report"]["skipped"]) == ("done", files, {})


async def test_the_server_stops_in_time_while_parsers_are_stuck(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = lay_out(tmp_path / "code", {f"stuck{n}.py": f"{STUCK}{n}\n" for n in range(4)})
    async with running(tmp_path / "data") as world:
        job = await job_with_stuck_parsers(world, root)
        began = time.monotonic()
    assert time.monotonic() - began < ENDS_S
    assert job.state == "cancelled"
    assert not [message for message in caplog.messages if "is left out" in message]
