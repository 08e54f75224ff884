"""Calls functions in worker processes. Whatever a repository holds is read and parsed there, never in the server.

A call that crashes, takes too long or needs too much memory costs its process and raises `WorkerDied`; the next call
gets another process. Does not know what is called.
"""

import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pickle import dumps, loads
from typing import Any, Protocol, TypeVar

from indexer.errors import IndexCancelled, NoWorker, WorkerDied
from indexer.workers.process import OUT_OF_MEMORY, TOO_DEEP

T = TypeVar("T")

_WALL = 4.0  # seconds of wall time for each second of CPU time: other processes use the cores, too
_LEAST_WALL_S = 10.0
_ANSWER_BYTES = 1 << 28  # the list of a million files has half of it; this process has to hold it
_LOOK_S = 0.05  # how often a waiting call looks whether it is cancelled
_REAP_S = 1.0  # for a killed process to end; one that waits for a dead disk ends later
# One thread per process: the pool is the parallelism, and each thread would take address space of its own.
_ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
_CODE = "import sys; sys.path[:0] = {path!r}; from indexer.workers.process import main; main({calls}, {lifeline})"


CANCELLED = "the job was cancelled: what was written stays, the next job continues from there"


class _Crashed(WorkerDied):
    """Perhaps not because of this call."""


def never() -> bool:
    return False


class Call(Protocol):
    """Calls a function that handles the content of a repository."""

    def __call__(
        self,
        function: Callable[..., T],
        *arguments: Any,
        seconds: float,
        cancelled: Callable[[], bool] = never,
    ) -> T:
        """The function's result, or the error that it raised. `seconds`: of CPU time.

        It may be called a second time, where the first process ended by a crash or for memory.
        Raises WorkerDied where it crashed or broke a limit, IndexCancelled where it was cancelled meanwhile, NoWorker
        where the system gives no process.
        """
        ...


def in_process(
    function: Callable[..., T],
    *arguments: Any,
    seconds: float,
    cancelled: Callable[[], bool] = never,
) -> T:
    """Calls the function here, without limits: for programs that trust what they read, such as tests."""
    return function(*arguments)


@dataclass(frozen=True, slots=True)
class Runner:
    """Calls functions for one job, until the job is cancelled."""

    call: Call = in_process
    cancelled: Callable[[], bool] = never

    def __call__(self, function: Callable[..., T], *arguments: Any, seconds: float) -> T:
        """As `Call`."""
        self.check()
        return self.call(function, *arguments, seconds=seconds, cancelled=self.cancelled)

    def check(self) -> None:
        """Raises IndexCancelled if the job is cancelled."""
        if self.cancelled():
            raise IndexCancelled(CANCELLED)


HERE = Runner()  # in this process, for as long as it takes


class WorkerPool:
    """At most `size` processes, each started when it is needed first. `run` may be called from any thread."""

    def __init__(self, size: int, nice: int = 0) -> None:
        """`nice`: how much less urgent these processes are than this one."""
        self._size, self._nice = size, nice
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._is_closed = False
        self._changed = threading.Condition()

    def run(
        self,
        function: Callable[..., T],
        *arguments: Any,
        seconds: float,
        cancelled: Callable[[], bool] = never,
    ) -> T:
        """As `Call`. Waits while all processes are busy."""
        request, wall_s = dumps((function, arguments, seconds)), max(_LEAST_WALL_S, _WALL * seconds)
        try:
            value, error = self._call(request, wall_s, cancelled)
        except _Crashed:  # by what calls before left in its memory, or by another program
            value, error = self._call(request, wall_s, cancelled, in_new=True)
        if error is not None:
            raise error
        result: T = value
        return result

    def _call(
        self, request: bytes, wall_s: float, cancelled: Callable[[], bool], *, in_new: bool = False
    ) -> tuple[Any, Exception | None]:
        worker = self._acquire(cancelled, in_new)
        try:
            return worker.call(request, wall_s, cancelled)
        except WorkerDied:
            if self._is_closed:
                raise IndexCancelled(CANCELLED) from None
            raise
        finally:
            self._release(worker)

    def close(self) -> None:
        """Kills the processes; calls that run raise `IndexCancelled`."""
        with self._changed:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.interrupt()
            self._changed.notify_all()
        for worker in idle:
            worker.end()

    def _acquire(self, cancelled: Callable[[], bool], in_new: bool) -> "_Worker":
        with self._changed:
            while True:
                if self._is_closed or cancelled():
                    raise IndexCancelled(CANCELLED)
                while self._idle and self._idle[-1].has_ended():  # the system killed it: no call is to blame
                    self._idle.pop().end()
                if in_new and self._idle and len(self._idle) + len(self._busy) >= self._size:  # its place is needed
                    self._idle.pop().end()
                if self._idle or len(self._busy) < self._size:
                    # Starting a process takes a millisecond; what it imports is loaded by its first call.
                    worker = self._idle.pop() if self._idle and not in_new else _Worker(self._nice)
                    self._busy.add(worker)
                    return worker
                self._changed.wait(_LOOK_S)

    def _release(self, worker: "_Worker") -> None:
        with self._changed:
            self._busy.discard(worker)
            is_kept = worker.is_alive and not self._is_closed
            if is_kept:
                self._idle.append(worker)
            self._changed.notify()
        if worker.is_alive and not is_kept:
            worker.end()


class _Worker:
    """One process, and the socket by which it is called."""

    def __init__(self, nice: int) -> None:
        """Raises NoWorker if no process can be started."""
        self.is_alive = True
        path = [entry for entry in sys.path if entry]  # not the current directory
        with ExitStack() as on_failure, ExitStack() as theirs:
            try:
                ours, calls = socket.socketpair()
                on_failure.callback(ours.close)
                theirs.callback(calls.close)
                ending, self._lifeline = os.pipe()
                on_failure.callback(os.close, self._lifeline)
                theirs.callback(os.close, ending)
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _CODE.format(path=path, calls=calls.fileno(), lifeline=ending)],
                    pass_fds=[calls.fileno(), ending],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=os.environ | _ENVIRONMENT,
                    process_group=0,  # Ctrl-C and Ctrl-Z in a terminal are for this process
                )
            except OSError as error:
                raise NoWorker(f"no worker process can be started: {error.strerror}") from error
            on_failure.pop_all()
        self._connection = Connection(ours.detach())
        if nice:
            with suppress(ProcessLookupError):  # it has ended: its first call will tell
                os.setpriority(os.PRIO_PROCESS, self._process.pid, nice)

    def has_ended(self) -> bool:
        """Whether the process, which has no call, is gone."""
        return self._process.poll() is not None

    def call(self, request: bytes, wall_s: float, cancelled: Callable[[], bool]) -> tuple[Any, Exception | None]:
        """The answer of the process, which is ended where it breaks a limit or the call is cancelled."""
        try:
            self._connection.send_bytes(request)
            # Looks are counted, not seconds: this process may be stopped meanwhile.
            looks = math.ceil(wall_s / _LOOK_S)
            while not self._connection.poll(_LOOK_S):
                looks -= 1
                if cancelled():
                    raise IndexCancelled(CANCELLED)
                if looks <= 0:
                    raise WorkerDied(f"it took longer than {wall_s:.0f} s")
            answer: tuple[Any, Exception | None] = loads(self._received())  # noqa: S301 - of our own process
        except (EOFError, ConnectionError):
            self.end()
            raise self._death() from None
        except BaseException:  # also an interrupt: the answer would be taken for that of the next call
            self.end()
            raise
        return answer

    def _received(self) -> bytes:
        try:
            return self._connection.recv_bytes(_ANSWER_BYTES)
        except ConnectionError:
            raise
        except OSError as error:
            if "end of file" in str(error):  # the process ended in the middle of it
                raise EOFError from None
            raise WorkerDied(f"its result cannot be read: {error}") from None  # it is longer

    def interrupt(self) -> None:
        """Kills the process; the thread that waits for its answer ends the rest."""
        self._process.kill()

    def end(self) -> None:
        """Kills the process and closes what belongs to it."""
        self.is_alive = False
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP_S)
        self._connection.close()
        os.close(self._lifeline)

    def _death(self) -> WorkerDied:
        status = self._process.returncode
        if status == TOO_DEEP:
            return WorkerDied("it nests too deeply")
        if status == -signal.SIGXCPU:
            return WorkerDied("it took too much CPU time")
        if status == OUT_OF_MEMORY:
            return _Crashed("it needed too much memory")
        name = signal.Signals(-status).name if status is not None and status < 0 else status
        return _Crashed(f"it crashed ({name})")
