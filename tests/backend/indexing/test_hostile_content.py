"""What a repository or an editor holds cannot stop the server: bombs cost a file, and everything else goes on."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.backend.harness import World, running
from tests.indexer.harness import lay_out
from tests.indexer.workers.test_pool import BOMBS

pytestmark = pytest.mark.process

FROZEN_S = 5.0  # beside other tests; the campaign measures it on its own
NAMES = {"kotlin": "bomb.kt", "markdown": "bomb.md", "python": "bomb.py", "java": "Bomb.java", "ruby": "bomb.rb"}
CODE = {"ok.py": "def harmless():\n    return 1\n\n\ndef caller():\n    return harmless()\n"}


async def health_while(world: World, work: "asyncio.Task[Any]") -> float:
    """The longest time that `/health` took until the work was done, in seconds."""
    worst = 0.0
    while not work.done():
        began = time.monotonic()
        assert (await world.get("/health")).status_code == 200
        worst = max(worst, time.monotonic() - began)
        await asyncio.sleep(0.02)
    return worst


async def test_files_that_kill_parsers_cost_only_themselves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bombs = {NAMES[language]: text for language, text in BOMBS.items()} | {"deep.java": "a<" * 10_000 + "\n" * 3}
    root = lay_out(tmp_path / "code", CODE | bombs)
    async with running(tmp_path / "data") as world:
        body = {"path": str(root), "wait": True, "watch": False}
        job = asyncio.create_task(world.post("/index", body))
        assert await health_while(world, job) < FROZEN_S
        report = job.result().json()["report"]
        assert report["skipped"]["too costly to parse"] >= 1
        assert report["files"] + sum(report["skipped"].values()) == len(CODE | bombs)
        deaths = list(caplog.messages)
        again = (await world.post("/index", body)).json()["report"]
        assert again["skipped"] == report["skipped"]
        assert caplog.messages == deaths  # what was too costly is not tried again
        answer = (await world.post("/search", {"query": "who calls harmless"})).json()
        assert [(hit["path"], hit["symbol"]) for hit in answer["hits"]][:1] == [("ok.py", "caller")]
        put = root / NAMES["java"]
        put.write_text("class Bomb { void defused() {} }\n")
        mended = (await world.post("/index", body)).json()["report"]
        assert mended["files"] == report["files"] + 1


@pytest.mark.parametrize("language", ["kotlin", "markdown"])
async def test_unsaved_text_that_kills_parsers_costs_one_question_its_chunks(tmp_path: Path, language: str) -> None:
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


async def test_the_server_stops_in_time_while_a_parser_is_stuck(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", CODE | {f"stuck{n}.py": "(" * 900_000 + f"{n}" for n in range(4)})
    async with running(tmp_path / "data") as world:
        job = (await world.post("/index", {"path": str(root), "watch": False})).json()
        while job["stage"] != "indexing":
            job = (await world.get(f"/index/jobs/{job['job_id']}")).json()
        began = time.monotonic()
    assert time.monotonic() - began < 5.0
