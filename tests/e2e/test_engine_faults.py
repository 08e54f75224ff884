"""A served model: its clients disconnect, its process dies, its server is killed."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.e2e.harness import TIMEOUT_S, Served, serving
from tests.minimal_models import write_minimal_llama
from tests.processes import ends_within, eventually, is_alive, workers

pytestmark = pytest.mark.process

CLIENTS = 30
AT_ONCE = 15
TOKENS = 4000  # that each of them asks for


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Served]:
    models = folder / "models"
    models.mkdir(exist_ok=True)
    write_minimal_llama(models / "minimal.gguf", template=None)
    own = {"MODEL_NAME": "minimal", "MODELS_DIR": models, "CONTEXT_LENGTH": 8192, "QUEUE_LIMIT": 200, "GRACE_MS": 100}
    own["EMBEDDING_MODEL"] = "none"  # nothing is retrieved
    with serving(folder / "data", **own | settings) as server:
        yield server


async def call(socket: ClientConnection, method: str, **params: Any) -> Any:
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    while True:
        message = json.loads(await socket.recv())
        if message.get("id") == 1:
            return message["result"]


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(await socket.recv()).get("params", {})
        if event.get("type") == kind:
            return event


async def prompt(socket: ClientConnection, text: str, **params: Any) -> str:
    """Sends the prompt in a new session and returns the session."""
    session = str((await call(socket, "session/open"))["session"])
    prompt = {"session": session, "turn": "t", "text": text, "retrieval": "off", "temperature": 0}
    await call(socket, "session/prompt", **prompt | params)
    return session


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("shared")) as server:
        yield server


async def test_clients_that_disconnect_leave_nothing(server: Served) -> None:
    first = server.post("/chat/query", {"query": "x", "retrieval": "off", "temperature": 0, "max_tokens": 20})
    before, (pid,) = connections(server.process.pid), workers(server.process.pid)

    async def disconnect(number: int) -> str:
        socket = await server.websocket()
        session = await prompt(socket, f"Question {number}?", max_tokens=TOKENS)
        if number % 3 == 0:
            await until(socket, "delta")
        socket.transport.abort()
        return session

    sessions: list[str] = []
    for start in range(0, CLIENTS, AT_ONCE):
        sessions += await asyncio.gather(*map(disconnect, range(start, start + AT_ONCE)))
    again = server.post("/chat/query", {"query": "x", "retrieval": "off", "temperature": 0, "max_tokens": 20})
    await eventually(lambda: server.get("/health")["turns_running"] == 0)
    await eventually(lambda: not is_running(pid))
    assert evaluated(server) < CLIENTS * TOKENS / 2
    async with server.websocket() as socket:
        ends = [await end_reason(socket, session) for session in sessions]
    assert workers(server.process.pid) == [pid]
    await eventually(lambda: connections(server.process.pid) <= before)
    assert again["response"] == first["response"]
    assert set(ends) == {"cancelled"}


async def end_reason(socket: ClientConnection, session: str) -> str:
    """The reason in the `end` event of the only turn of a session."""
    await call(socket, "session/open", session=session, after=0)
    while True:
        end = await until(socket, "end")
        if end["session"] == session:
            return str(end["reason"])


def connections(pid: int) -> int:
    """The TCP sockets of a process. Those to its own workers are none: they may start at any time."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    tcp = {f"socket:[{row.split()[9]}]" for row in rows}
    count = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in the meantime
            count += str(file.readlink()) in tcp
    return count


def is_running(pid: int) -> bool:
    """Whether one of its threads computes at this moment."""
    states = [file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return "R" in states


def evaluated(server: Served) -> int:
    """The tokens that the model has evaluated, as it reports every second."""
    metrics = httpx.get(f"{server.url}/metrics", headers=server.headers, trust_env=False).text
    return int(float(re.findall(r"^lantern_\w*rows_total\S* (\S+)$", metrics, re.MULTILINE)[0]))


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_process_that_dies_ends_its_answer_and_the_next_question_works(
    server: Served, kind: signal.Signals
) -> None:
    async with server.websocket() as socket:
        await prompt(socket, "one", max_tokens=6000)
        await until(socket, "delta")
        (pid,) = workers(server.process.pid)
        os.kill(pid, kind)
        end = await until(socket, "end")
        assert (end["reason"], end["error"]["code"]) == ("error", "engine_failed")
        await prompt(socket, "two", max_tokens=4)
        assert (await until(socket, "end"))["reason"] == "length"


def test_a_conversation_continues_after_a_restart_and_no_process_outlives_its_server(tmp_path: Path) -> None:
    options = {"retrieval": "off", "temperature": 0, "max_tokens": 8}
    with served(tmp_path) as server:
        first = server.post("/chat/query", {"query": "What is a hit?", **options})
        assert (
            0 < first["usage"]["cached"] < first["usage"]["prompt"] - 1
        )  # the system prompt, which is read after the load
        (pid,) = workers(server.process.pid)
    assert not is_alive(pid)
    with served(tmp_path) as server:
        ids = {"session_id": first["session_id"], "conversation_id": first["conversation_id"]}
        second = server.post("/chat/query", {"query": "And?", **ids, **options})
        assert second["usage"]["cached"] >= first["usage"]["prompt"]
        (pid,) = workers(server.process.pid)
        server.process.kill()
        assert ends_within(pid, TIMEOUT_S)
