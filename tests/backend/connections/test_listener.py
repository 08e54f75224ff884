"""How many connections there may be, and which gives way."""

import asyncio
import errno
import json
import logging
import resource
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.connections import listener
from backend.connections.listener import connection_limit, make_room
from models.scripted import ScriptedEngine
from tests.backend.connections.harness import raw, request
from tests.backend.harness import running
from tests.e2e import harness

# A process with at most argv[1] open files.
LIMITED = (
    "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@dataclass(slots=True, eq=False)
class Double:
    """What `make_room` looks at. It is its own transport."""

    peer: str = "::1"
    since: float = 0.0
    is_trusted: bool = False
    is_answering: bool = False
    is_aborted: bool = field(default=False)

    @property
    def client(self) -> tuple[str, int]:
        return self.peer, 1

    @property
    def transport(self) -> "Double":
        return self

    def abort(self) -> None:
        self.is_aborted = True


TRUSTED, ANSWERING = {"is_trusted": True}, {"is_answering": True}


@pytest.mark.parametrize(
    ("open_", "has_room", "closed"),
    [
        ([], True, None),
        ([{}] * 5, True, None),
        ([{"since": 3}, {"since": 1}, {"since": 2}, {"since": 4}, {"since": 5}, {"since": 6}], True, 1),
        ([{"since": 1, **TRUSTED}, {"since": 2}, *[{"since": 3}] * 4], True, 1),
        ([{"since": 1, **ANSWERING}, {"since": 2}, *[{"since": 3}] * 4], True, 1),
        ([{"since": 2, **ANSWERING}, {"since": 1, **ANSWERING}, *[TRUSTED] * 4], True, 1),
        ([TRUSTED] * 6, False, None),
        ([{"peer": "10.0.0.2", "since": 1}, *[TRUSTED] * 6], False, None),  # not at the expense of another address
        ([{"peer": "10.0.0.2", "since": 1}, *[{"peer": "10.0.0.3", **TRUSTED}] * 5, {}, {}], True, 6),
        ([{"peer": "10.0.0.2", **TRUSTED}] * 8, False, None),
    ],
)
def test_who_gives_way(open_: list[dict[str, Any]], has_room: bool, closed: int | None) -> None:
    """8 connections in all, 6 of one address."""
    connections = [Double(**values) for values in open_]
    assert make_room(connections, "::1", limit=8) is has_room  # type: ignore[arg-type]
    aborted = [n for n, connection in enumerate(connections) if connection.is_aborted]
    assert aborted == ([] if closed is None else [closed])


@pytest.mark.parametrize(
    ("files", "connections"), [(64, 32), (256, 128), (512, 256), (1024, 768), (4096, 1024), (1 << 20, 1024)]
)
def test_connections_leave_files_for_the_server_itself(files: int, connections: int) -> None:
    assert connection_limit(files) == connections


@pytest.mark.process
@pytest.mark.parametrize(("soft", "hard", "raised"), [(200, 300, 300), (200, 200, 200)])
def test_the_limit_of_files_is_raised(soft: int, hard: int, raised: int) -> None:
    code = (
        "import resource; from backend.connections.listener import raise_file_limit; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); print(raise_file_limit()); "
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(raised), str(raised), str(hard)]


def test_a_system_that_allows_less_than_it_says_gets_the_most_it_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS: the hard limit is infinite, and everything above OPEN_MAX is refused."""
    now = [256, resource.RLIM_INFINITY]

    def set_limit(_: int, wanted: tuple[int, int]) -> None:
        if not 0 <= wanted[0] <= listener.OPEN_MAX:
            raise ValueError("current limit exceeds maximum limit")
        now[:] = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(now))
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    assert listener.raise_file_limit() == listener.OPEN_MAX
    assert now == [listener.OPEN_MAX, resource.RLIM_INFINITY]


@pytest.mark.process
async def test_beyond_the_bound_clients_with_the_token_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS", 4)  # 3 of one address
    async with running(tmp_path, ScriptedEngine()) as world, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(world.socket()) for _ in range(2)]
        async with raw(world) as oldest, raw(world) as silent:
            assert await oldest.rest() == b""  # gave way to the next one
            sockets.append(await stack.enter_async_context(world.socket()))
            assert await silent.rest() == b""
        async with raw(world) as refused:
            status, body = await refused.answer()
        assert [await socket.call("ping") for socket in sockets] == [{}, {}, {}]
    assert (status, json.loads(body)["error"]["code"]) == (503, "rate_limited")


@pytest.mark.process
async def test_without_a_free_file_a_silent_client_gives_way_and_the_log_has_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [errno.EMFILE] * 5 + [errno.ECONNABORTED]

    async def failing(bound: Any) -> Any:
        accepted = await accept(bound)
        if len(server_side) and failures:
            accepted[0].close()
            raise OSError(failures.pop(), "Too many open files")
        return accepted

    server_side: list[object] = []
    monkeypatch.setattr(listener, "RETRY_S", 0)
    monkeypatch.setattr(loop, "sock_accept", failing)
    async with running(tmp_path, ScriptedEngine()) as world:
        async with raw(world) as silent:
            server_side.append(silent)
            for _ in range(6):
                async with raw(world):
                    pass
            assert await silent.rest() == b""
        assert (await world.get("/health")).status_code == 200
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line.partition(";")[0] for line in lines] == ["a connection cannot be accepted (Too many open files)"]


@pytest.mark.process
async def test_idle_connections_up_to_the_limit_of_files_do_not_stop_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "LANTERN", [sys.executable, "-c", LIMITED, "200", *harness.LANTERN])
    with harness.serving(tmp_path) as served:
        async with served.websocket() as socket, AsyncExitStack() as stack:
            for _ in range(300):
                await stack.enter_async_context(raw(served))
            assert (await asyncio.to_thread(served.get, "/health"))["status"] == "ok"
            await socket.send('{"jsonrpc": "2.0", "id": 1, "method": "ping"}')
            assert json.loads(await socket.recv()) == {"jsonrpc": "2.0", "id": 1, "result": {}}
        served.process.terminate()
        _, log = served.process.communicate(timeout=harness.TIMEOUT_S)
    assert len(log.splitlines()) < 10, log
    assert b"Traceback" not in log


@pytest.mark.process
async def test_no_connection_delays_the_end(tmp_path: Path) -> None:
    """From SIGTERM to the end there are 5 seconds."""
    lines = ("Content-Type: application/json", "Content-Length: 100")
    with harness.serving(tmp_path) as served:
        async with served.websocket(), AsyncExitStack() as stack:
            for sent in (b"", b"GET / HTTP/1.1\r\n", request(served, "/search", *lines, method="POST", token=True)):
                connection = await stack.enter_async_context(raw(served))
                await connection.send(sent)
            served.process.terminate()
            assert await asyncio.to_thread(served.process.wait, 5) == 0
        assert b"Traceback" not in served.process.communicate()[1]


@pytest.mark.process
async def test_300_requests_and_200_sockets_of_one_user_are_served_at_once(tmp_path: Path) -> None:
    unbounded = httpx.Limits(max_connections=None)
    async with running(tmp_path, ScriptedEngine()) as world, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(world.socket()) for _ in range(200)]
        client = httpx.AsyncClient(
            base_url=world.url, headers=world.http.headers, limits=unbounded, timeout=60, verify=False, trust_env=False
        )
        async with client as http:
            answers = await asyncio.gather(*(http.get("/chat/sessions") for _ in range(300)))
        assert {answer.status_code for answer in answers} == {200}
        assert [await socket.call("ping") for socket in sockets] == [{}] * 200
