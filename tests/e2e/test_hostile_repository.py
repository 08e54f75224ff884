"""A server with repositories that name programs: it indexes, follows, searches and answers, and none of them runs."""

import asyncio
import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import TIMEOUT_S, Served, serving
from tests.indexer.harness import put
from tests.indexer.hostile import Hostile, edited_hostile

pytestmark = pytest.mark.process

QUESTION = "Why does the receipt of a finished order get lost?"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    return edited_hostile(tmp_path, monkeypatch)


def test_no_call_of_a_server_runs_a_program_that_a_repository_names(world: Hostile, tmp_path: Path) -> None:
    with serving(tmp_path / "data", EMBEDDING_MODEL="none", MODEL_NAME="extractive") as server:
        for n, root in enumerate(world.roots):
            name = root.relative_to(world.root)
            job = server.post("/index", {"path": str(root), "wait": True, "watch": True})
            assert (name, job["state"], world.ran()) == (name, "done", set())
            ask(server, root, job["codebase"])
            change(server, root, job["codebase"], f"fresh{n}")
            assert (name, world.ran()) == (name, set())
        watched = [codebase["watched"] for codebase in server.get("/codebases")["codebases"]]
        assert len(watched) == len(world.roots)
        assert None not in watched
    assert world.ran() == set()


def ask(server: Served, root: Path, codebase: str) -> None:
    server.post("/search", {"query": QUESTION, "codebase": codebase})
    context = [{"path": name} for name in ("README.md", "shop/mail.js") if (root / name).exists()]
    answer = server.post("/chat/query", {"query": QUESTION, "codebase": codebase, "context": context})
    assert answer["sources"]
    server.post("/chat/query", {"query": "who calls post?", "codebase": codebase})
    end = asyncio.run(prompt(server, root))
    assert end["reason"] == "stop", end


async def prompt(server: Served, root: Path) -> dict[str, Any]:
    """The end of a turn of the WebSocket API."""
    ids = itertools.count(1)
    async with asyncio.timeout(TIMEOUT_S), server.websocket() as socket:

        async def send(method: str, **params: Any) -> None:
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": next(ids), "method": method, "params": params}))

        await send("session/open", workspace=str(root))
        session = json.loads(await socket.recv())["result"]["session"]
        await send("session/prompt", session=session, turn="t", text=QUESTION)
        while True:
            message = json.loads(await socket.recv())
            assert "error" not in message, message
            event: dict[str, Any] = message.get("params", {})
            if event.get("type") == "end":
                return event


def change(server: Served, root: Path, codebase: str, name: str) -> None:
    """Writes files while the codebase is followed, and waits until they are indexed."""
    put(root, "shop/mail.js", f"// Written anew.\nexport function {name}(mail) {{\n  return mail;\n}}\n")
    put(root, f"shop/{name}.py", f"def {name}():\n    return 1\n")
    deadline = time.monotonic() + TIMEOUT_S
    wanted = {f"shop/{name}.py", "shop/mail.js"}
    while True:
        found = server.post("/search", {"query": f"where is {name} defined", "codebase": codebase, "k": 20})["hits"]
        if wanted <= {hit["path"] for hit in found}:
            return
        assert time.monotonic() < deadline, f"{root} is not followed: {found}"
        time.sleep(0.2)
