"""What holds for every test: a unit test starts no process and no server; a test process that dies ends the run.

A unit test is one that has no mark `process` and is not in a module of `NEED_LLAMA`. It may run git, which ends by
itself in milliseconds. `tests/conftest.py` takes these hooks in.
"""

import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

# Only modules and folders that cannot be imported without a compiled llama.cpp and the tiny models. All others that
# start a process or a server say so themselves: `pytestmark = pytest.mark.process`, or the same mark on a test.
NEED_LLAMA = (
    "backend/chat/test_prefetch.py",
    "benchmarks/test_answers.py",
    "benchmarks/test_engine.py",
    "e2e/test_drops.py",
    "e2e/test_models.py",
    "models/download",
    "models/llama/test_token_count.py",
    "models/remote/test_llama_server.py",
    "models/test_hardware.py",
)
# The modules that take longest, in this order before all others: a long one that starts last would run alone.
LONGEST = (
    "real/test_every_api.py",
    "e2e/test_campaign.py",
    "e2e/test_cli.py",
    "benchmarks/test_engine.py",
    "e2e/test_models.py",
    "e2e/test_drops.py",
    "models/llama/test_faults.py",
    "e2e/test_docs.py",
    "contracts/test_engine.py",
    "e2e/test_engine_faults.py",
    "models/download/test_pypi.py",
    "e2e/test_wheel.py",
    "benchmarks/test_responses.py",
)
_HERE = Path(__file__).parent
# Audit events of CPython: https://docs.python.org/3/library/audit_events.html
_OF_PROCESSES = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
_started: list[str] = []  # since the running test began, its fixtures included


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event in _OF_PROCESSES and not _is_git(event, args):
        _started.append(f"{event}({', '.join(map(repr, args[:2]))})"[:200])
    elif event == "socket.bind":
        _started.append(f"socket.bind({args[1]!r})")


def _is_git(event: str, args: tuple[Any, ...]) -> bool:
    words = args[1] if event == "subprocess.Popen" and isinstance(args[1], (list, tuple)) else ()
    return "git" in words[:1] or "git" in words[3:4]  # the latter as indexer/files/git.py starts it, by a shell


_start = BaseProcess.start  # multiprocessing has no audit event of its own


def _audited_start(process: BaseProcess) -> None:
    _started.append(f"multiprocessing: {process.name}")
    _start(process)


sys.addaudithook(_audit)
BaseProcess.start = _audited_start  # type: ignore[assignment]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m unit` does not even import these modules."""
    return True if config.option.markexpr == "unit" and _needs_llama(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every other test `unit`, before `-m` chooses, and sorts the longest modules to the front."""
    for item in items:
        if _needs_llama(item.path):
            item.add_marker("process")
        if item.get_closest_marker("process") is None:
            item.add_marker("unit")
    order = {_HERE / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def _needs_llama(path: Path) -> bool:
    if not path.is_relative_to(_HERE):
        return False
    below = path.relative_to(_HERE)
    return not {str(below), *map(str, below.parents)}.isdisjoint(NEED_LLAMA)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    _started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Any:
    result = yield
    if _started and item.get_closest_marker("unit") is not None:
        pytest.fail(
            "a unit test started a process or a server: "
            f"{'; '.join(_started)}. If it has to, mark it with `pytest.mark.process`",
            pytrace=False,
        )
    return result


def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: Any) -> None:
    """Ends the run of all processes when one has died. By itself pytest-xdist lets the others finish their files."""
    sched.config.hook.pytest_runtest_logreport(report=report)
    pytest.exit(f"a test process died in {crashitem}", returncode=1)
