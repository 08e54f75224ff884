"""The process of one model, seen from the server: started, listened to, and ended; never left behind.

Knows messages and that they stop, not what they are about. Lives on the event loop and never blocks it.
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
from models.llama.kernels import FAULTS, LIBRARY, MEASURING, PROOF_ROWS, READING, proof
from models.llama.verdicts import Choice
from models.llama.wire import LINE_BYTES, LoadRequest, Message, packed
from models.types import Rates

log = logging.getLogger(__name__)

SILENCE_S = 15  # without a sign of life: stopped, or the machine is in trouble
STALL_S = 120.0  # in one step: the slowest machine needs seconds
CLOSE_S = 8.0  # to write snapshots
LOAD_S = 120.0  # beside the time that the slowest disk needs for the file
SLOWEST_DISK = 20e6  # bytes a second
DRAIN_S = 1.0  # for what a process has said before it ended
_QUICK = frozenset(map(proof, PROOF_ROWS[1:]))  # stages of a load
STALLED = "a stall"  # a fault, beside the names of signals
_CODE = "import sys; sys.path[:0] = {path!r}; from models.llama.worker.main import main; main({descriptor}, {parent})"


class KernelFault(ModelUnavailable):
    """A load that was ended by a fault of the processor, or that stalled."""

    def __init__(self, child: "WorkerProcess") -> None:
        super().__init__(f"the model could not be loaded: {child.why}")
        self.fault, self.stage, self.kernels = child.fault, child.stage, child.kernels


class NotMeasured(ModelUnavailable):
    """A load that ended, by no fault of the processor, while it was found out what is the fastest."""


class WorkerProcess:
    """One process with one loaded model. When it is gone, `why` says so to everyone who waits for it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process, self._writer = process, writer
        self._ids = count(1)
        self._inboxes: dict[int, asyncio.Queue[Message | None]] = {}
        self._stderr_tail = b""
        self._heard = True
        self._killed_for = ""
        self.ready: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.why = ""
        self.fault = ""  # the signal of a fault that ended it, or `STALLED`
        self.stage = LIBRARY  # of the load: what it has begun to do
        self.kernels: tuple[str, ...] = ()  # those it uses, as far as there is a choice
        self.heartbeat: Message = {}
        self.rates = Rates()
        self._progressed: Callable[[float], None] = lambda _share: None
        self._load_s = LOAD_S  # for one stage of the load
        self._patience: asyncio.Timeout | None = None  # of whoever waits for it
        self._listening = [asyncio.create_task(work) for work in (self._read(reader), self._read_stderr())]
        self._tasks = [*self._listening, *(asyncio.create_task(work) for work in (self._watch(), self._see_end()))]

    @classmethod
    async def start(cls, order: LoadRequest, on_progress: Callable[[float], None]) -> "WorkerProcess":
        """A process that has loaded what is ordered. Raises ModelUnavailable with the reason where it cannot, as a
        KernelFault where it has died of what it is made to run.
        """
        child = await cls._spawn()
        child._progressed, child._load_s = on_progress, LOAD_S + order.file_bytes / SLOWEST_DISK
        child.send(asdict(order))
        try:
            async with asyncio.timeout(child._load_s) as child._patience:
                await asyncio.shield(child.ready)
        except BaseException as error:
            child._patience = None
            await child.kill("its load was given up")
            child.ready.exception()  # has been told
            if isinstance(error, TimeoutError) and child.stage == MEASURING:
                raise NotMeasured("what is the fastest was not found out in time") from error
            if isinstance(error, TimeoutError) and child.stage in (LIBRARY, READING):
                raise ModelUnavailable(f"the model was not loaded within {child._load_s:.0f} s") from error
            if isinstance(error, TimeoutError):
                child.fault = STALLED
                raise KernelFault(child) from error
            raise
        return child

    @classmethod
    async def _spawn(cls) -> "WorkerProcess":
        path = [entry for entry in sys.path if entry]  # never the folder that a command happens to run in
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                code = _CODE.format(path=path, descriptor=theirs.fileno(), parent=os.getpid())
                reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES)
                try:
                    process = await asyncio.create_subprocess_exec(
                        sys.executable, "-I", "-c", code,
                        pass_fds=[theirs.fileno()],
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=asyncio.subprocess.DEVNULL,
                        stderr=asyncio.subprocess.PIPE,
                    )  # fmt: skip
                except BaseException:
                    writer.close()
                    raise
        except OSError as error:
            raise ModelUnavailable(f"no process for the model can be started: {error.strerror}") from error
        return cls(process, reader, writer)

    @property
    def fastest(self) -> Choice | None:
        """What it found out to be the fastest here while it loaded."""
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

    def open(self) -> tuple[int, asyncio.Queue[Message | None]]:
        """A number for a request and where its messages arrive; None there means that the process is gone."""
        id_ = next(self._ids)
        inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._inboxes[id_] = inbox
        if self.gone.is_set():
            inbox.put_nowait(None)
        return id_, inbox

    def forget(self, id_: int) -> None:
        self._inboxes.pop(id_, None)

    async def close(self) -> None:
        """Lets it write its snapshots, and sees it end."""
        self.send({"do": "close"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.gone.wait()
        await self.kill("it did not close")

    async def kill(self, why: str) -> None:
        """Ends it at once if it has not ended, and returns when nothing of it is left."""
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
                    self._heard = True
                    self._deliver(json.loads(line))
            except (ValueError, TypeError, RecursionError):  # no JSON, no object, no end of line
                self._kill("it sends nonsense")

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
            self._progressed(message["loading"])
        elif "stage" in message:
            self._enter(message)

    def _enter(self, message: Message) -> None:
        """Another stage of the load, with its own time: once a step has used all weights, the next ones are quick."""
        self.stage, self.kernels = message["stage"], tuple(message["kernels"])
        if self._patience and not self._patience.expired():
            within_s = STALL_S if self.stage in _QUICK else self._load_s
            self._patience.reschedule(asyncio.get_running_loop().time() + within_s)

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while said := await self._process.stderr.read(1 << 16):
            self._stderr_tail = (self._stderr_tail + said)[-2000:]

    async def _watch(self) -> None:
        """Ends a process that is silent. Counts our own ticks: a machine that slept has heard nothing and missed
        nothing.
        """
        silent = 0
        while not self.gone.is_set():
            silent = 0 if self._heard else silent + 1
            self._heard = False
            if silent >= SILENCE_S:
                self._kill(f"it gave no sign of life for {SILENCE_S} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), 1)

    async def _see_end(self) -> None:
        """When the process has ended: everybody who waits is told."""
        code = await self._process.wait()
        await asyncio.wait(self._listening, timeout=DRAIN_S)
        self.why = self._killed_for or self._last_words(code)
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

    def _last_words(self, code: int) -> str:
        ended = f"its process ended by signal {-code}" if code < 0 else f"its process ended with status {code}"
        said = self._stderr_tail.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"{ended}: {said[:300]}" if said else ended
