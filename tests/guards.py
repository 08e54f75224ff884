"""What holds for every test: a unit test starts no process and no server; a test process that dies ends the run.

A unit test is one that has no mark `process` and is not in `WITH_PROCESSES`. It may run git, which ends by itself in
milliseconds. `tests/conftest.py` takes these hooks in.
"""

import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

# Folders, modules and tests below tests/ that start processes or servers, or need a compiled llama.cpp or its models.
WITH_PROCESSES = (
    "backend/api",
    "backend/chat/test_followups.py",
    "backend/chat/test_lead.py",
    "backend/chat/test_notices.py",
    "backend/chat/test_prefetch.py",
    "backend/chat/test_races.py",
    "backend/chat/test_structural_answer.py",
    "backend/chat/test_ttft_budget.py",
    "backend/engines",
    "backend/grounding/test_checker.py",
    "backend/indexing/test_freshness.py",
    "backend/test_faults.py",
    "benchmarks",
    "contracts/test_embedder.py",
    "contracts/test_engine.py",
    "e2e",
    "indexer/update/test_bad_input.py",
    "indexer/update/test_prepare.py",
    "models/download",
    "models/gguf/test_header.py::test_a_header_says_what_was_written",
    "models/gguf/test_header.py::test_arrays_are_read_when_asked_for",
    "models/gguf/test_header.py::test_kinds_of_vocabularies_are_distinguished",
    "models/llama/kv/test_window_and_recurrent.py",
    "models/llama/kv/test_snapshot_key.py::test_another_context_or_model_has_another_key",
    "models/llama/kv/test_snapshots.py",
    "models/llama/test_adapters.py",
    "models/llama/test_engine.py",
    "models/llama/test_faults.py",
    "models/llama/test_proving.py",
    "models/llama/test_token_count.py",
    "models/llama/worker/test_calibration.py",
    "models/llama/worker/test_context.py",
    "models/llama/worker/test_encoding.py",
    "models/llama/worker/test_sampling.py",
    "models/llama/worker/test_vocabulary.py",
    "models/remote/test_engine.py",
    "models/remote/test_llama_server.py",
    "models/test_hardware.py",
    "models/test_registry.py::test_adding_writes_an_entry_that_the_next_start_reads",
    "models/test_registry.py::test_states_show_missing_broken_and_too_large_models",
    "models/test_registry.py::test_tiny_models_are_found_under_their_names",
    "prompts/test_template.py",
    "real",
    "test_house.py",
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
    return bool(words) and (words[0] == "git" or (words[0] == "env" and "git" in words))


_start = BaseProcess.start  # multiprocessing has no audit event of its own


def _audited_start(process: BaseProcess) -> None:
    _started.append(f"multiprocessing: {process.name}")
    _start(process)


sys.addaudithook(_audit)
BaseProcess.start = _audited_start  # type: ignore[assignment]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m unit` does not even import what is listed: some modules need model files to be imported."""
    return True if config.option.markexpr == "unit" and _is_listed(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every other test `unit`, before `-m` chooses."""
    for item in items:
        if _is_listed(item.path, item.name):
            item.add_marker("process")
        if item.get_closest_marker("process") is None:
            item.add_marker("unit")


def _is_listed(path: Path, test: str = "") -> bool:
    if not path.is_relative_to(_HERE):
        return False
    below = path.relative_to(_HERE)
    names = {str(below), f"{below}::{test.partition('[')[0]}", *map(str, below.parents)}
    return not names.isdisjoint(WITH_PROCESSES)


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
