"""`lantern serve` as a user starts it, with everything that it starts: found in /proc by a marker of the environment.

A server of the campaign has the usual limit of 1,024 open files. `Server` ends all of its processes.
"""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from backend.instance_lock import find
from benchmarks.campaign.trial import Skipped
from tests.e2e.harness import LANTERN, environment
from tests.minimal_models import write_minimal_llama
from tests.processes import is_alive

MARKER = "LANTERN_CAMPAIGN"
FILES = 1024
START_S = 60.0
ANSWER_S = 30.0
END_S = 5.0  # from SIGTERM to the end
QUIET = {"MODEL_NAME": "extractive", "WATCH": 0}


class Server:
    """One data folder and the server over it, which may be started and ended many times."""

    def __init__(self, folder: Path, view: Path | None = None, **settings: Any) -> None:
        """`view`: where the folder is for us, if the server sees another file system."""
        self.folder, self._view = folder, view or folder
        self.settings = {**QUIET, **settings}
        self.marker = f"{MARKER}={uuid.uuid4().hex}"
        self.log = folder.parent / f"{folder.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.url = self.token = ""
        self.starts = 0

    def start(self, prefix: tuple[str, ...] = ()) -> None:
        """Starts it and waits until it accepts connections. Raises AssertionError with its output if it does not."""
        self.launch(prefix)
        deadline = time.monotonic() + START_S
        while not ((instance := find(self._view)) and instance.url):
            assert self.alive, f"the server does not start: {self.output[-600:]}"
            assert time.monotonic() < deadline, f"the server hangs at its start: {self.output[-600:]}"
            time.sleep(0.02)
        self.url, self.token = instance.url, (self._view / "token").read_text().strip()

    def launch(self, prefix: tuple[str, ...] = ()) -> None:
        """Starts the process, and waits for nothing. `prefix`: a command that runs it."""
        name, _, value = self.marker.partition("=")
        shell = ("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *shell, *LANTERN, "serve"],
                env=environment(self.folder, **self.settings) | {name: value},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.starts += 1

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def output(self) -> str:
        """What it has printed since its first start."""
        return self.log.read_text("utf-8", "backslashreplace") if self.log.exists() else ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def processes(self) -> list[int]:
        """Everything that runs with the marker of this server, itself included."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdecimal() and self.marker.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return [pid for pid in found if is_alive(pid)]

    def children(self) -> dict[int, bytes]:
        """Its worker processes and model processes, with their command lines."""
        found = {}
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if pid != self.pid:
                    found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
        return found

    def post(self, path: str, body: Any, timeout: float = ANSWER_S) -> httpx.Response:
        content = json.dumps(body)  # lone surrogates become escapes
        headers = self.headers | {"Content-Type": "application/json"}
        return httpx.post(self.url + path, content=content, headers=headers, timeout=timeout, trust_env=False)

    def get(self, path: str, timeout: float = ANSWER_S) -> Any:
        reply = httpx.get(self.url + path, headers=self.headers, timeout=timeout, trust_env=False)
        assert reply.status_code == 200, f"GET {path}: {reply.status_code} {reply.text[:200]}"
        return reply.json()

    def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        """The answer to a question. Raises AssertionError unless it is 200."""
        reply = self.post("/chat/query", {"query": question, **fields})
        assert reply.status_code == 200, f"a question: {reply.status_code} {reply.text[:200]}"
        answer: dict[str, Any] = reply.json()
        return answer

    def index(self, path: Path, timeout: float = ANSWER_S) -> dict[str, Any]:
        """The job that indexed this folder. Raises AssertionError unless it is done."""
        reply = self.post("/index", {"path": str(path), "wait": True, "watch": False}, timeout)
        assert reply.status_code == 200, f"POST /index: {reply.status_code} {reply.text[:200]}"
        job: dict[str, Any] = reply.json()
        return job

    def is_well(self, timeout: float = 5.0) -> bool:
        """Whether it runs and answers."""
        if not self.alive:
            return False
        try:
            return httpx.get(f"{self.url}/health", timeout=timeout, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def restart_if_broken(self, anyway: bool = False) -> str:
        """What is wrong with it, or "". Starts it anew if something is, or `anyway`: it may still be at work."""
        well = self.is_well()
        if well and not anyway:
            return ""
        code = self.process.poll() if self.process else None
        self.kill()
        self.start()
        if well:
            return ""
        return "the server does not answer" if code is None else f"the server ended with status {code}"

    def terminate(self) -> float:
        """Seconds from SIGTERM to its end. Kills it, and raises AssertionError, where that takes far too long."""
        assert self.process is not None
        start = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(8 * END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end the server within {8 * END_S:.0f} s") from None
        return time.monotonic() - start

    def kill(self) -> None:
        """Ends all its processes at once."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def orphans(self, within_s: float = END_S) -> list[int]:
        """Processes that are left this long after the server has ended."""
        deadline = time.monotonic() + within_s
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left


@contextlib.contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Server]:
    """A server that accepts connections. All its processes are ended at the end."""
    server = Server(folder, **settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def need_llama() -> None:
    """Raises Skipped where llama.cpp is not compiled."""
    if importlib.util.find_spec("llama_cpp") is None:
        raise Skipped("llama.cpp is not compiled here")


def with_model(folder: Path) -> dict[str, Any]:
    """Settings of a server with the smallest model, which never ends an answer by itself."""
    need_llama()
    path = folder / "minimal.gguf"
    write_minimal_llama(path, None)
    return {"MODEL_NAME": path, "MAX_TOKENS": 2000, "KV_RAM_MB": 16, "KV_DISK_MB": 16}


def write(root: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", "surrogatepass", newline="")
    return root
