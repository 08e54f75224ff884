"""Lantern as its users run it: a subprocess of the installed command, over a data folder of the test."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from backend.instance_lock import find
from tests.backend.frames import CheckedConnection

LANTERN = [str(Path(sys.executable).with_name("lantern"))]
TIMEOUT_S = 120.0  # only guards against hanging: a start takes two seconds on an idle machine
# A shell starts its background jobs with SIGINT ignored, and their children inherit that.
WITH_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
INTERRUPTIBLE = [sys.executable, "-c", WITH_SIGINT, *LANTERN]


def environment(folder: Path, **settings: Any) -> dict[str, str]:
    """The environment of a command: only a few variables of the user who runs the tests."""
    own = {"DATA_DIR": folder, "PORT": 0, "LOG_LEVEL": "WARNING", "N_THREADS": 1, **settings}
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return inherited | {name: str(value) for name, value in own.items()}


def lantern(folder: Path, *words: str, stdin: str = "", **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [*LANTERN, *words],
        env=environment(folder, **settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


@dataclass(frozen=True, slots=True)
class Served:
    """A running server process."""

    url: str
    token: str
    process: subprocess.Popen[bytes]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, body: Any) -> Any:
        reply = httpx.post(self.url + path, json=body, headers=self.headers, timeout=TIMEOUT_S, trust_env=False)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def get(self, path: str) -> Any:
        reply = httpx.get(self.url + path, headers=self.headers, timeout=TIMEOUT_S, trust_env=False)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def websocket(self) -> connect:
        """A connection to the WebSocket API, to be awaited or entered; its frames are checked against the document."""
        url = self.url.replace("http", "ws", 1) + "/v1/ws"
        protocols: Any = ["lantern.v1", f"token.{self.token}"]
        return connect(url, subprotocols=protocols, proxy=None, create_connection=CheckedConnection)


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Served]:
    """A server process, stopped at the end if it still runs."""
    process = subprocess.Popen([*LANTERN, "serve"], env=environment(folder, **settings), stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not ((instance := find(folder)) and instance.url):
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)
        yield Served(instance.url, (folder / "token").read_text().strip(), process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def wait_for_embedder(served: Served) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not httpx.get(f"{served.url}/health", trust_env=False).json()["embedder_loaded"]:
        assert time.monotonic() < deadline, "the embedder does not load"
        time.sleep(0.1)


def events_of(output: str) -> list[dict[str, Any]]:
    """The events that `--jsonl` printed."""
    return [json.loads(line) for line in output.splitlines()]
