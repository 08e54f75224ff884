"""The log: one line for a record, whatever it quotes; tracebacks and Python's own reports indented."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from backend.cli import logs

EVIL = "a\x1b]0;t\x07\x9b2J\u202e\r\nERROR backend: forged"
SHOWN = "a\\x1b]0;t\\x07\\x9b2J\\u202e\\r\\nERROR backend: forged"


class Log:
    """What the log of a command has on stderr."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def getvalue(self) -> str:
        return self._capture.readouterr().err


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(threading, "excepthook", None)
    monkeypatch.setattr(sys, "unraisablehook", None)
    logs.configure()
    yield Log(capsys)
    logging.captureWarnings(False)


@pytest.mark.parametrize("name", ["backend.app", "uvicorn.error", "asyncio", "anything"])
def test_a_record_is_one_line(log: Log, name: str) -> None:
    logging.getLogger(name).warning("cannot read %s", EVIL)
    assert log.getvalue() == f"WARNING {name}: cannot read {SHOWN}\n"


def test_a_traceback_is_indented_and_cannot_look_like_a_record(log: Log) -> None:
    try:
        raise ValueError(EVIL)
    except ValueError:
        logging.getLogger("backend").exception("failed")
    first, *rest = log.getvalue().splitlines()
    assert first == "ERROR backend: failed"
    assert rest[-2:] == ["  ValueError: a\\x1b]0;t\\x07\\x9b2J\\u202e\\r", "  ERROR backend: forged"]
    assert {line[:2] for line in rest} == {"  "}


def test_a_stack_and_a_warning(log: Log) -> None:
    logging.getLogger("backend").warning("here", stack_info=True)
    warnings.showwarning(EVIL, UserWarning, "x\x1b.py", 1)
    lines = log.getvalue().splitlines()
    assert lines[:2] == ["WARNING backend: here", "  Stack (most recent call last):"]
    assert lines[-1] == f"WARNING py.warnings: x\\x1b.py:1: UserWarning: {SHOWN}\\n"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_fails(log: Log) -> None:
    def fail() -> None:
        raise ValueError(EVIL)

    thread = threading.Thread(target=fail, name="t\x1b")
    thread.start()
    thread.join()
    lines = log.getvalue().splitlines()
    assert lines[0] == "ERROR lantern: thread t\\x1b failed"
    assert lines[-1] == "  ERROR backend: forged"


def test_an_exception_that_python_ignores(log: Log) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("\x1b[2J")

    Broken()
    lines = log.getvalue().splitlines()
    assert lines[0].startswith("ERROR lantern: ")
    assert lines[-1] == "  ValueError: \\x1b[2J"


def test_the_level_is_of_our_packages(log: Log) -> None:
    levels = {name: logging.getLogger(name).level for name in logs.PACKAGES}
    logs.set_level("INFO")
    logging.getLogger("indexer.files").info("read")
    logging.getLogger("httpx").info("sent")
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    assert log.getvalue() == "INFO indexer.files: read\n"
