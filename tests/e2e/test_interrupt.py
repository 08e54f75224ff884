"""Ctrl-C of `lantern index`: the job is cancelled and the next one goes on, in a server or without one."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.instance_lock import find
from indexer.workers.pool import CANCELLED
from tests.e2e.harness import INTERRUPTIBLE, TIMEOUT_S, Served, environment, lantern, serving

pytestmark = pytest.mark.process

STUCK = ("(" * 100 + "\n") * 9000  # the grammar of Python needs more than the ten seconds that a file has
ENDS_S = 15.0  # it takes a second on an idle machine
OK = "def harmless():\n    return 1\n"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    root = tmp_path / "code"
    root.mkdir()
    for n in range(6):
        (root / f"stuck{n}.py").write_text(f"{STUCK}{n}\n")
    return root


def jobs_of(folder: Path) -> list[dict[str, Any]]:
    """The jobs of the only codebase of the server over this data folder; none as long as that starts."""
    instance = find(folder)
    if instance is None or not instance.url or not (folder / "token").exists():
        return []
    headers = {"Authorization": f"Bearer {(folder / 'token').read_text().strip()}"}
    with httpx.Client(base_url=instance.url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
        codebases = client.get("/codebases").json()["codebases"]
        if not codebases:
            return []
        found: list[dict[str, Any]] = client.get("/index/jobs", params={"codebase": codebases[0]["id"]}).json()["jobs"]
        return found


def wait_for_a_parser(folder: Path, command: "subprocess.Popen[str]") -> None:
    """Returns when the first files of the job are in the parser, for the next seconds."""
    deadline = time.monotonic() + TIMEOUT_S
    while not any(job["state"] == "running" and job["stage"] == "indexing" for job in jobs_of(folder)):
        assert command.poll() is None, command.communicate()
        assert time.monotonic() < deadline, "the job does not begin"
        time.sleep(0.05)


@pytest.fixture(params=["its own server", "a running server"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served | None]:
    with ExitStack() as stack:
        started = request.param == "a running server"
        yield stack.enter_context(serving(tmp_path / "data", EMBEDDING_MODEL="none")) if started else None


def test_an_interrupt_cancels_the_job_and_the_next_one_goes_on(
    code: Path, tmp_path: Path, server: Served | None
) -> None:
    data = tmp_path / "data"
    with subprocess.Popen(
        [*INTERRUPTIBLE, "index", str(code)],
        env=environment(data, EMBEDDING_MODEL="none"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            wait_for_a_parser(data, command)
            began = time.monotonic()
            command.send_signal(signal.SIGINT)
            printed, notes = command.communicate(timeout=TIMEOUT_S)
        finally:
            command.kill()
    assert time.monotonic() - began < ENDS_S
    assert (command.returncode, printed) == (130, "")
    assert "Traceback" not in notes
    assert notes.rstrip().endswith(CANCELLED)
    assert "files," not in notes.replace("/6 files,", "")  # progress, and no summary
    if server is not None:
        ended = [(job["state"], job["error"]["code"], job["error"]["message"]) for job in jobs_of(data)]
        assert ended == [("cancelled", "cancelled", CANCELLED)]
    for file in code.iterdir():
        file.write_text(OK)
    again = lantern(data, "index", str(code), EMBEDDING_MODEL="none")
    assert again.returncode == 0, again.stderr
    assert f"{code}: 6 files, 6 chunks" in again.stderr
    assert "6 changed, 0 removed" in again.stderr
    assert "skipped" not in again.stderr  # a cancelled file is not blamed
