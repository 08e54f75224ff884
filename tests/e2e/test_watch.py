"""`lantern index --watch` as a user runs it: a line for every change, until Ctrl-C."""

import json
import queue
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.harness import INTERRUPTIBLE, TIMEOUT_S, environment

pytestmark = pytest.mark.process


def lines_of(stream: IO[str]) -> "queue.Queue[str]":
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    return lines


def test_an_edit_is_a_line_and_an_interrupt_ends_it(tmp_path: Path) -> None:
    root = tmp_path / "code"
    root.mkdir()
    (root / "cart.py").write_text("def total(prices):\n    return sum(prices)\n")
    with subprocess.Popen(
        [*INTERRUPTIBLE, "index", str(root), "--watch", "--json"],
        env=environment(tmp_path / "data"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        jobs, notes = lines_of(command.stdout), lines_of(command.stderr)
        first = json.loads(jobs.get(timeout=TIMEOUT_S))
        (root / "mail.py").write_text("def send():\n    return None\n")
        second = json.loads(jobs.get(timeout=TIMEOUT_S))
        (root / "cart.py").unlink()
        third = json.loads(jobs.get(timeout=TIMEOUT_S))
        printed = ""
        while "0 changed, 1 removed in" not in printed:
            printed += notes.get(timeout=TIMEOUT_S)
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=TIMEOUT_S) == 130
    reports = [job["report"] for job in (first, second, third)]
    assert [(r["changed"], r["removed"], r["files"]) for r in reports] == [(1, 0, 1), (1, 0, 2), (0, 1, 1)]
    assert second["total"] == 1
    assert f"{root}: 1 file, 1 chunk in " in printed
    assert f"following {root}; Ctrl-C ends" in printed
    assert "1 changed, 0 removed in" in printed
