"""A served model: its clients disconnect, its process dies, its server is killed."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.e2e.harness import TIMEOUT_S, Served, serving
from tests.minimal_models import write_minimal_llama
from tests.processes import ends_within, eventually, is_alive, workers

pytestmark = pytest.mark.process

CLIENTS = 100


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Served]:
    models = folder / "models"
    models.mkdir(exist_ok=True)
    write_minimal_llama(models / "minimal.gguf", template=None)
    own = {"MODEL_NAME": "minimal", "MODELS_DIR": models, "CONTEXT_LENGTH": 8192, "QUEUE_LIMIT": 200, "GRACE_MS": 100}
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


async def test_a_hundred_clients_that_disconnect_leave_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        first = server.post("/chat/query", {"query": "x", "retrieval": "off", "temperature": 0, "max_tokens": 20})
        before, (pid,) = sockets(server.process.pid), workers(server.process.pid)

        async def disconnect(number: int) -> str:
            socket = await server.websocket()
            session = await prompt(socket, f"Question {number}?", max_tokens=4000)
            if number % 3 == 0:
                await until(socket, "delta")
            socket.transport.abort()
            return session

        sessions: list[str] = []
        for start in range(0, CLIENTS, 25):
            sessions += await asyncio.gather(*map(disconnect, range(start, start + 25)))
        again = server.post("/chat/query", {"query": "x", "retrieval": "off", "temperature": 0, "max_tokens": 20})
        await eventually(lambda: server.get("/health")["turns_running"] == 0)
        spent = processor_s(pid)
        await asyncio.sleep(0.5)
        idle = processor_s(pid) - spent
        async with server.websocket() as socket:
            ends = [await end_reason(socket, session) for session in sessions[::10]]
        assert workers(server.process.pid) == [pid]
        await eventually(lambda: sockets(server.process.pid) <= before)
    assert again["response"] == first["response"]
    assert idle < 0.1
    assert set(ends) == {"cancelled"}
    assert not is_alive(pid)


async def end_reason(socket: ClientConnection, session: str) -> str:
    """The reason in the `end` event of the only turn of a session."""
    await call(socket, "session/open", session=session, after=0)
    while True:
        end = await until(socket, "end")
        if end["session"] == session:
            return str(end["reason"])


def sockets(pid: int) -> int:
    count = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in the meantime
            count += str(file.readlink()).startswith("socket:")
    return count


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_process_that_dies_ends_its_answer_and_the_next_question_works(
    tmp_path: Path, kind: signal.Signals
) -> None:
    with served(tmp_path) as server:
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
