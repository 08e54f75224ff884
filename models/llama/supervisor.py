"""Supervises the process of one model: starts it, reads its messages, and ends it; no process is left behind.

Knows how messages travel, not what they mean. Lives on the event loop and never blocks it.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import count

from models.errors import ModelUnavailable
from models.llama.kernel_results import Choice
from models.llama.kernels import FAULTS, LIBRARY, MEASURING, PROOF_ROWS, READING, proof
from models.llama.wire import LINE_BYTES, LoadRequest, Message, packed
from models.types import Rates

log = logging.getLogger(__name__)

SILENCE_S = 15  # without any message: the process is stopped, or the machine is in trouble
STALL_S = 120.0  # of one step, which takes seconds on the slowest machine
CLOSE_S = 8.0  # to write snapshots
LOAD_S = 120.0  # in addition to the time that the slowest disk needs for the file
SLOWEST_DISK = 20e6  # bytes a second
DRAIN_S = 1.0  # to read the last messages of a process that has ended
_QUICK = frozenset(map(proof, PROOF_ROWS[1:]))  # stages of a load
STALLED = "a stall"  # a fault, beside the names of signals
_CODE = "import sys; sys.path[:0] = {path!r}; from models.llama.worker.main import main; main({descriptor}, {parent})"


class KernelFault(ModelUnavailable):
    """A load that ended with a processor fault, or that stalled."""

    def __init__(self, worker: "WorkerProcess") -> None:
        super().__init__(f"the model could not be loaded: {worker.why}")
        self.fault, self.stage, self.kernels = worker.fault, worker.stage, worker.kernels


class NotMeasured(ModelUnavailable):
    """A load that ended, without a processor fault, while the fastest choice was being measured."""


class WorkerProcess:
    """One process with one loaded model. Once it is `gone`, `why` holds the reason."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process, self._writer = process, writer
        self._ids = count(1)
        self._inboxes: dict[int, asyncio.Queue[Message | None]] = {}
        self._stderr_tail = b""
        self._has_received = True
        self._killed_for = ""
        self.ready: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.why = ""
        self.fault = ""  # the signal of a fault that ended it, or `STALLED`
        self.stage = LIBRARY  # of the load, as last reported
        self.kernels: tuple[str, ...] = ()  # those it uses, of the optional ones
        self.heartbeat: Message = {}
        self.rates = Rates()
        self._on_progress: Callable[[float], None] = lambda _share: None
        self._load_s = LOAD_S  # for one stage of the load
        self._deadline: asyncio.Timeout | None = None  # of `start`
        self._readers = [asyncio.create_task(work) for work in (self._read(reader), self._read_stderr())]
        self._tasks = [*self._readers, *(asyncio.create_task(work) for work in (self._watch(), self._wait_for_end()))]

    @classmethod
    async def start(cls, request: LoadRequest, on_progress: Callable[[float], None]) -> "WorkerProcess":
        """A process that has loaded what is requested. Raises ModelUnavailable with the reason where it cannot; the
        subclass KernelFault where the process died of a kernel that it ran.
        """
        worker = await cls._spawn()
        worker._on_progress, worker._load_s = on_progress, LOAD_S + request.file_bytes / SLOWEST_DISK
        worker.send(asdict(request))
        async with contextlib.AsyncExitStack() as on_failure:
            on_failure.push_async_callback(worker._abandon)
            try:
                async with asyncio.timeout(worker._load_s) as worker._deadline:
                    await asyncio.shield(worker.ready)
            except TimeoutError as error:
                await worker._abandon()
                raise worker._timeout_error() from error
            on_failure.pop_all()
        return worker

    async def _abandon(self) -> None:
        """Ends a process that has not loaded its model."""
        self._deadline = None
        await self.kill("its load was given up")
        self.ready.exception()  # marks it as retrieved

    def _timeout_error(self) -> ModelUnavailable:
        if self.stage == MEASURING:
            return NotMeasured("what is the fastest was not measured in time")
        if self.stage in (LIBRARY, READING):
            return ModelUnavailable(f"the model was not loaded within {self._load_s:.0f} s")
        self.fault = STALLED
        return KernelFault(self)

    @classmethod
    async def _spawn(cls) -> "WorkerProcess":
        path = [entry for entry in sys.path if entry]  # not the current directory
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                code = _CODE.format(path=path, descriptor=theirs.fileno(), parent=os.getpid())
                reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES)
                with contextlib.ExitStack() as on_failure:
                    on_failure.callback(writer.close)
                    process = await asyncio.create_subprocess_exec(
                        sys.executable, "-I", "-c", code,
                        pass_fds=[theirs.fileno()],
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=asyncio.subprocess.DEVNULL,
                        stderr=asyncio.subprocess.PIPE,
                    )  # fmt: skip
                    on_failure.pop_all()
        except OSError as error:
            raise ModelUnavailable(f"no process for the model can be started: {error.strerror}") from error
        return cls(process, reader, writer)

    @property
    def fastest(self) -> Choice | None:
        """The fastest choice, if this load measured it."""
        match self.ready.result()["fastest"]:
            case {"kernels": kernels, "threads": threads, "reading_threads": reading_threads}:
                return Choice(tuple(kernels), threads, reading_threads)
        return None

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Message) -> None:
        if not self.gone.is_set():
            self._writer.write(packed(message))

    def open_request(self) -> tuple[int, asyncio.Queue[Message | None]]:
        """An id for a request and the queue of its messages; None in it means that the process is gone."""
        id_ = next(self._ids)
        inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._inboxes[id_] = inbox
        if self.gone.is_set():
            inbox.put_nowait(None)
        return id_, inbox

    def close_request(self, id_: int) -> None:
        self._inboxes.pop(id_, None)

    async def close(self) -> None:
        """Lets it write its snapshots, and waits until it has ended."""
        self.send({"do": "close"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.gone.wait()
        await self.kill("it did not close")

    async def kill(self, why: str) -> None:
        """Kills it if it has not ended, and returns when all its tasks are done."""
        self._kill(why)
        await self.gone.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _kill(self, why: str) -> None:
        if self._process.returncode is None and not self.gone.is_set():
            self._killed_for = self._killed_for or why
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                while line := await reader.readline():
                    self._has_received = True
                    self._deliver(json.loads(line))
            except (ValueError, TypeError, RecursionError):  # not JSON, not an object, or no end of line
                self._kill("it sends invalid messages")

    def _deliver(self, message: Message) -> None:
        if "rates" in message:
            self.rates = Rates(*message["rates"])
        if "id" in message:
            if inbox := self._inboxes.get(message["id"]):
                inbox.put_nowait(message)
        elif "heartbeat" in message:
            self.heartbeat = message["heartbeat"]
            if self.heartbeat.get("stalled_s", 0) > STALL_S:
                self.fault = STALLED
                self._kill(f"one step took longer than {STALL_S:.0f} s")
        elif not self.ready.done() and "ready" in message:
            self.ready.set_result(message["ready"])
        elif not self.ready.done() and "failed" in message:
            self.ready.set_exception(ModelUnavailable(message["failed"]))
        elif "loading" in message:
            self._on_progress(message["loading"])
        elif "stage" in message:
            self._enter_stage(message)

    def _enter_stage(self, message: Message) -> None:
        """Starts the timeout of another stage: once a step has touched all weights, the next ones are quick."""
        self.stage, self.kernels = message["stage"], tuple(message["kernels"])
        if self._deadline and not self._deadline.expired():
            within_s = STALL_S if self.stage in _QUICK else self._load_s
            self._deadline.reschedule(asyncio.get_running_loop().time() + within_s)

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while output := await self._process.stderr.read(1 << 16):
            self._stderr_tail = (self._stderr_tail + output)[-2000:]

    async def _watch(self) -> None:
        """Kills a silent process. Counts its own ticks, so that the sleep of a suspended machine is not counted."""
        silent = 0
        while not self.gone.is_set():
            silent = 0 if self._has_received else silent + 1
            self._has_received = False
            if silent >= SILENCE_S:
                self._kill(f"it sent nothing for {SILENCE_S} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), 1)

    async def _wait_for_end(self) -> None:
        """Waits until the process has ended, then informs everybody who waits for it."""
        code = await self._process.wait()
        await asyncio.wait(self._readers, timeout=DRAIN_S)
        self.why = self._killed_for or self._exit_reason(code)
        if code < 0 and not self._killed_for and -code in FAULTS:
            self.fault = signal.Signals(-code).name
        if code and not self._killed_for:
            log.warning("the process of a model ended: %s", self.why)
        self._writer.close()
        self.gone.set()
        if not self.ready.done():
            kind = NotMeasured if self.stage == MEASURING else ModelUnavailable
            failed = KernelFault(self) if self.fault else kind(f"the model could not be loaded: {self.why}")
            self.ready.set_exception(failed)
        for inbox in self._inboxes.values():
            inbox.put_nowait(None)

    def _exit_reason(self, code: int) -> str:
        ended = f"its process ended by signal {-code}" if code < 0 else f"its process ended with status {code}"
        last_line = self._stderr_tail.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"{ended}: {last_line[:300]}" if last_line else ended
