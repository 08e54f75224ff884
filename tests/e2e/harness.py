"""Lantern as its users run it: a subprocess of the installed command, over a data folder of the test's own."""

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

from backend.instance_lock import find

LANTERN = [str(Path(sys.executable).with_name("lantern"))]
START_S = 120.0  # for what takes two seconds: the machine may be busy with other things


def environment(folder: Path, **settings: Any) -> dict[str, str]:
    """The environment of a command: nothing of the person who runs the tests but the path."""
    own = {"DATA_DIR": folder, "PORT": 0, "LOG_LEVEL": "WARNING", "N_THREADS": 1, **settings}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {name: str(value) for name, value in own.items()}


def lantern(folder: Path, *words: str, stdin: str = "", **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LANTERN, *words],
        env=environment(folder, **settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    token: str
    process: subprocess.Popen[bytes]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, body: Any) -> Any:
        answer = httpx.post(self.url + path, json=body, headers=self.headers, timeout=120, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = httpx.get(self.url + path, headers=self.headers, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Served]:
    """A server process, stopped at the end if it still runs."""
    process = subprocess.Popen([*LANTERN, "serve"], env=environment(folder, **settings), stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + START_S
        while not ((instance := find(folder)) and instance.url):
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < until, "the server does not come up"
            time.sleep(0.02)
        yield Served(instance.url, (folder / "token").read_text().strip(), process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=START_S)


def events_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]
