"""A call that crashes, freezes or swells costs its process and nothing else."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from indexer.errors import IndexCancelled, NotIndexed, NoWorker, WorkerDied
from indexer.parsing.definitions import parse
from indexer.workers.limits import MEMORY
from indexer.workers.pool import _ANSWER_BYTES, WorkerPool, _Worker

pytestmark = pytest.mark.process

# Texts that ended the process that parsed them, or kept it for minutes and gigabytes, in the grammars of 2026.
# In lines: a file of one long line is taken for a minified one, and never parsed.
BOMBS = {
    "kotlin": '"${\n' * 1500,
    "markdown": "".join("\t" * depth + "- a\n" for depth in range(300)),
    "python": ("/*" * 50 + "\n") * 200,
    "java": ("a<" * 50 + "\n") * 200,
    "rust": ("%w(" * 33 + "\n") * 300,
    "ruby": ("%w(" * 33 + "\n") * 300,
}


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1)
    yield pool
    pool.close()


def add(left: int, right: int) -> int:
    return left + right


def fail() -> None:
    raise NotIndexed("no such codebase")


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def die_the_first_time(tried: Path) -> int:
    if not tried.exists():
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def swell() -> int:
    return len(bytes(MEMORY))


def spin() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(60)


def spin_in_native_code() -> None:
    pow(3, 10**9)


class Awkward(Exception):
    """Cannot be unpickled."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def fail_awkwardly() -> None:
    raise Awkward(1, 2)


def function_of_its_own() -> object:
    return lambda: None


def nested() -> list[object]:
    found: list[object] = []
    for _ in range(100_000):
        found = [found]
    return found


def endless() -> int:
    return endless() + 1


def many_bytes(length: int) -> bytes:
    return bytes(length)


def sleep_briefly() -> str:
    time.sleep(0.3)
    return "slept"


def group() -> int:
    return os.getpgid(0)


def test_a_call_returns_its_result_or_raises_its_error_in_the_same_process(pool: WorkerPool) -> None:
    first = pool.run(os.getpid, seconds=1)
    assert pool.run(add, 2, 3, seconds=1) == 5
    with pytest.raises(NotIndexed, match="no such codebase"):
        pool.run(fail, seconds=1)
    assert pool.run(os.getpid, seconds=1) == first != os.getpid()


def test_a_call_whose_process_another_program_killed_is_made_again_in_a_new_one(
    pool: WorkerPool, tmp_path: Path
) -> None:
    first = pool.run(os.getpid, seconds=1)
    second = pool.run(die_the_first_time, tmp_path / "tried", seconds=1)
    assert second not in (first, os.getpid())
    assert pool.run(os.getpid, seconds=1) == second


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (die, (signal.SIGSEGV,), "it crashed (SIGSEGV)"),
        (die, (signal.SIGABRT,), "it crashed (SIGABRT)"),
        (swell, (), "it needed too much memory"),
        (endless, (), "it nests too deeply"),
        (nested, (), "it nests too deeply"),
        (many_bytes, (_ANSWER_BYTES + 1,), "its result cannot be read: bad message length"),
        (spin, (), "it took too much CPU time"),
        (spin_in_native_code, (), "it took too much CPU time"),
    ],
)
def test_a_call_that_breaks_a_limit_is_ended_and_the_next_one_runs(
    pool: WorkerPool,
    function: Callable[..., None],
    arguments: tuple[int, ...],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("indexer.workers.pool._LEAST_WALL_S", 300)  # the kernel's limit comes first
    with pytest.raises(WorkerDied) as death:
        pool.run(function, *arguments, seconds=1)
    assert str(death.value) == why
    assert pool.run(add, 2, 3, seconds=1) == 5


@pytest.mark.parametrize(
    ("function", "message"), [(fail_awkwardly, "Awkward: 1 and 2"), (function_of_its_own, "function_of_its_own")]
)
def test_what_cannot_be_sent_is_told_by_its_text(
    pool: WorkerPool, function: Callable[[], object], message: str
) -> None:
    first = pool.run(os.getpid, seconds=1)
    with pytest.raises(Exception, match=message) as raised:
        pool.run(function, seconds=1)
    assert not isinstance(raised.value, WorkerDied | TypeError)
    assert pool.run(os.getpid, seconds=1) == first


def test_a_process_that_the_system_killed_between_two_calls_costs_no_call(pool: WorkerPool) -> None:
    first = pool.run(os.getpid, seconds=1)
    os.kill(first, signal.SIGKILL)
    while _is_running(first):
        time.sleep(0.01)
    assert pool.run(os.getpid, seconds=1) != first


def test_an_interrupted_call_leaves_no_answer_for_the_next_one(pool: WorkerPool) -> None:
    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.run(sleep_briefly, seconds=1, cancelled=Once(interrupted))
    assert pool.run(add, 2, 3, seconds=1) == 5


class Once:
    """False the first time, when a process is chosen; then what the function does."""

    def __init__(self, then: Callable[[], bool]) -> None:
        self._then, self._asked = then, False

    def __call__(self) -> bool:
        if self._asked:
            return self._then()
        self._asked = True
        return False


def test_time_in_which_the_caller_is_stopped_does_not_count(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.workers.pool._LEAST_WALL_S", 0.2)

    def stopped() -> bool:
        time.sleep(0.5)  # as after Ctrl-Z
        return False

    assert pool.run(sleep_briefly, seconds=0.01, cancelled=Once(stopped)) == "slept"


def test_a_signal_to_the_group_of_the_caller_does_not_reach_a_worker(pool: WorkerPool) -> None:
    assert pool.run(group, seconds=1) != os.getpgid(0)


def test_without_a_process_the_content_is_not_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    pool = WorkerPool(1)
    monkeypatch.setattr("indexer.workers.pool.subprocess.Popen", refuse)
    with pytest.raises(NoWorker, match="Resource temporarily unavailable"):
        pool.run(add, 2, 3, seconds=1)


def test_a_call_that_only_waits_is_ended_by_its_wall_time(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.workers.pool._LEAST_WALL_S", 0.2)
    with pytest.raises(WorkerDied, match=r"it took longer than 0 s"):
        pool.run(sleep, seconds=0.01)
    assert pool.run(add, 2, 3, seconds=1) == 5


@pytest.mark.parametrize("language", BOMBS)
def test_a_text_that_breaks_a_grammar_costs_one_call(pool: WorkerPool, language: str) -> None:
    """Some of these are parsed in time by a newer grammar: what counts is that the caller lives and knows."""
    with suppress(WorkerDied):
        pool.run(parse, BOMBS[language], language, seconds=3)
    assert [item.symbol.name for item in pool.run(parse, "def ok():\n    pass\n", "python", seconds=3)] == ["ok"]


def test_a_cancelled_call_ends_its_process(pool: WorkerPool) -> None:
    pid = pool.run(os.getpid, seconds=1)
    began = time.monotonic()
    with pytest.raises(IndexCancelled):
        pool.run(sleep, seconds=30, cancelled=lambda: time.monotonic() - began > 0.2)
    assert pool.run(os.getpid, seconds=1) != pid


def test_closing_ends_the_calls_that_run_and_refuses_others(pool: WorkerPool) -> None:
    failures: list[Exception] = []

    def call() -> None:
        try:
            pool.run(sleep, seconds=30)
        except IndexCancelled as error:
            failures.append(error)

    threads = [threading.Thread(target=call) for _ in range(2)]  # one runs, one waits for it
    for thread in threads:
        thread.start()
    pool.close()
    for thread in threads:
        thread.join(10)
    assert len(failures) == 2
    with pytest.raises(IndexCancelled):
        pool.run(add, 2, 3, seconds=1)


OWNER = """
import os, signal, threading, time
from indexer.workers.pool import _ANSWER_BYTES, WorkerPool, _Worker
from tests.indexer.workers.test_pool import spin_in_native_code

pool = WorkerPool(1)
print(pool.run(os.getpid, seconds=1), flush=True)
threading.Thread(target=pool.run, args=(spin_in_native_code,), kwargs={"seconds": 600}, daemon=True).start()
time.sleep(0.5)  # it computes now
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_ends_with_the_process_that_started_it_even_inside_native_code(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    owner = subprocess.run(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, timeout=60, check=False, env=environment
    )
    assert owner.returncode == -signal.SIGKILL
    worker = int(owner.stdout)
    deadline = time.monotonic() + 20
    while _is_running(worker):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    """False for a process that has ended, also before its parent has asked for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if not Path("/proc/self").exists():
            return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0
        return False


def test_a_process_that_is_killed_in_the_middle_of_its_answer_has_crashed() -> None:
    ours, theirs = multiprocessing.Pipe()
    worker = object.__new__(_Worker)
    worker._connection = ours
    os.write(theirs.fileno(), (100).to_bytes(4) + b"a piece")
    theirs.close()
    with pytest.raises(EOFError):
        worker._received()
