"""What holds for every test: a unit test starts no process and no server; a test process that dies ends the run.

A unit test is one without the mark `process`. `tests/conftest.py` takes these hooks in.
"""

import sys
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

# Audit events of CPython: https://docs.python.org/3/library/audit_events.html
_OF_PROCESSES = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
_started: list[str] = []  # since the running test began, its fixtures included


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event in _OF_PROCESSES:
        _started.append(f"{event}({', '.join(map(repr, args[:2]))})"[:200])
    elif event == "socket.bind":
        _started.append(f"socket.bind({args[1]!r})")


_start = BaseProcess.start  # multiprocessing has no audit event of its own


def _audited_start(process: BaseProcess) -> None:
    _started.append(f"multiprocessing: {process.name}")
    _start(process)


sys.addaudithook(_audit)
BaseProcess.start = _audited_start  # type: ignore[assignment]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every other test `unit`, before `-m` chooses."""
    for item in items:
        if item.get_closest_marker("process") is None:
            item.add_marker("unit")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    _started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Any:
    result = yield
    if _started and item.get_closest_marker("unit") is not None:
        pytest.fail(
            "a unit test started a process or a server: "
            f"{'; '.join(_started)}. If it has to, give its module `pytestmark = pytest.mark.process`",
            pytrace=False,
        )
    return result


def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: Any) -> None:
    """Ends the run of all processes when one has died. By itself pytest-xdist lets the others finish their files."""
    sched.config.hook.pytest_runtest_logreport(report=report)
    pytest.exit(f"a test process died in {crashitem}", returncode=1)
