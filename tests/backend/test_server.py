"""The listening socket of the server."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.config import BadSetting
from backend.server import END_S, TICKS, _bind, _on_signal, _Server

pytestmark = pytest.mark.process


async def test_its_connections_send_small_answers_without_delay() -> None:
    """Otherwise the body of an answer waits until the client acknowledges the head: 40 ms."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_connection(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    bound = _bind("127.0.0.1", 0)
    async with await asyncio.start_server(on_connection, sock=bound):
        _, writer = await asyncio.open_connection(*bound.getsockname())
        assert await accepted != 0
        writer.close()
        await writer.wait_closed()


def test_a_port_in_use_is_a_bad_setting() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BadSetting, match=rf"^HOST/PORT: cannot listen on 127\.0\.0\.1:{port}"):
            _bind("127.0.0.1", port)


class Connection:
    """What the loop looks at. It is its own transport."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.looks, self.is_aborted = error, 0, False

    @property
    def transport(self) -> "Connection":
        return self

    def close_if_silent(self, _now: float) -> None:
        self.looks += 1
        if self.error is not None:
            raise self.error

    def abort(self) -> None:
        self.is_aborted = True


async def test_a_connection_that_fails_does_not_end_the_search_for_silent_ones() -> None:
    app: Any = SimpleNamespace(guarded=lambda: None)
    server = _Server(app, lambda: None, asyncio.Event(), 8)
    server.config.load()
    connections = [Connection(), Connection(OSError(errno.ENOTCONN, "not connected")), Connection()]
    server.server_state.connections = connections  # type: ignore[assignment]
    assert [await server.on_tick(counter) for counter in (0, TICKS)] == [False, False]
    assert [(connection.looks, connection.is_aborted) for connection in connections] == [
        (2, False),
        (2, True),
        (2, False),
    ]


HANGING = """
import asyncio, sys, time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from backend import server
from backend.config import load_settings

def ready(_url):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)  # as a read from a dead file system
    print("ready", flush=True)

server.END_S = 0.5
settings = load_settings(data_dir=Path(sys.argv[1]), port=0, model_name="extractive", embedding_model="none")
asyncio.run(server.serve(settings, ready, preload=False))
"""


def test_a_signal_ends_a_server_that_hangs(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", HANGING, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        server.terminate()
        assert server.wait(30) == -signal.SIGALRM


async def test_a_second_signal_does_not_postpone_the_forced_end(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Callable[[], None]] = {}
    alarms: list[float] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", handlers.__setitem__)
    monkeypatch.setattr(signal, "setitimer", lambda _, seconds: alarms.append(seconds))
    stop = _on_signal()
    assert (stop.is_set(), alarms) == (False, [])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        handlers[number]()
    assert (stop.is_set(), alarms) == (True, [END_S])
