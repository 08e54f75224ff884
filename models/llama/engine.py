"""A GGUF model as an `Engine`: llama.cpp in a process of its own, which is restarted when it breaks.

Does not know templates, conversations or retrieval; llama.cpp itself is not loaded here.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from models import errors
from models.errors import EngineBusy, EngineFailed, ModelError, ModelUnavailable
from models.gguf.header import GgufHeader, read_header
from models.hardware import processor, resident_bytes
from models.llama.bindings import build
from models.llama.kernel_results import KernelResultKey, KernelResults, LeftOut
from models.llama.options import DEFAULTS, LlamaOptions, load_request
from models.llama.proving import KernelProver
from models.llama.supervisor import WorkerProcess
from models.llama.wire import Message, generate_message, pack_segments
from models.types import Delta, EngineStatus, Fim, ModelSpec, Prompt, Rates, Sampling, Segment, TokenLogprob, Usage

QUEUE = 32  # prompts that may run or wait at once
COUNT_S = 60.0  # to count tokens, which takes milliseconds
RESET_S = 300.0  # without a break, after which the next one counts as the first
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0  # between the second break and the next start, doubling
MAX_WAIT_S = 5.0  # a prompt does not wait for a longer pause


class LlamaEngine:
    """One model with one process. If the process breaks, only its running answers are lost."""

    is_exact = False

    def __init__(self, spec: ModelSpec, header: GgufHeader, prover: KernelProver, worker: WorkerProcess) -> None:
        facts = worker.ready.result()
        self.name, self.context_length = spec.name, int(facts["context_length"])
        self.chat_template = header.chat_template
        self.bos, self.eos = str(facts["bos"]), str(facts["eos"])
        self.fim = Fim(*facts["fim"]) if facts["fim"] else None
        self._stops, self._prover = spec.stop, prover
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._rates = Rates()
        self._open = 0
        self._breaks, self._broke_at, self._next_start, self.restarts = 0, -RESET_S, 0.0, 0
        self._closed = False
        self._starting: asyncio.Future[WorkerProcess] = self._loop.create_future()
        self._starting.set_result(worker)
        self._restarting = asyncio.create_task(self._restart_when_gone())

    @classmethod
    async def start(
        cls,
        spec: ModelSpec,
        path: Path,
        options: LlamaOptions = DEFAULTS,
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> "LlamaEngine":
        """Loads a model file in a new process and evaluates its first steps.

        The context is never longer than the model was trained for. The caller has checked that there is memory for it
        (`memory_plan`). `on_progress` gets the share that is loaded, 0..1.
        Raises ModelUnavailable for a file that is missing, damaged, or refused by llama.cpp.
        """
        header = await asyncio.to_thread(read_header, path)
        if not header.tensor_bytes:
            raise ModelUnavailable(f"{path.name} is a vocabulary without a model")
        request = load_request(spec, path, header, options)
        key = await asyncio.to_thread(lambda: KernelResultKey(processor(), build(), header.architecture))
        threads = f"{request.threads} to {request.most_threads} threads"
        shape = f"{header.n_layers} x {header.n_embd}, {header.tensor_bytes} bytes, {options.kv_type}, {threads}"
        prover = KernelProver(spec.name, request, KernelResults(options.kernel_results), key, shape)
        return cls(spec, header, prover, await prover.start(on_progress))

    @property
    def worker(self) -> WorkerProcess | None:
        """The process, while it runs."""
        starting = self._starting
        if not starting.done() or starting.cancelled() or starting.exception():
            return None
        return None if starting.result().gone.is_set() else starting.result()

    @property
    def status(self) -> EngineStatus:
        """`loading` while its process is started again; "" after a failed start: the next prompt starts it again."""
        return "loaded" if self.worker else "" if self._starting.done() else "loading"

    @property
    def rates(self) -> Rates:
        """Those of the process; of the one before, while a new one has measured nothing."""
        if (worker := self.worker) and worker.rates.prefill:
            self._rates = worker.rates
        return self._rates

    @property
    def metrics(self) -> dict[str, float]:
        """The last report of the process, and its memory as the system counts it."""
        rates, worker = self.rates, self.worker
        own = {"restarts": self.restarts, "prefill_rate": rates.prefill, "decode_rate": rates.decode}
        return {**own, **worker.heartbeat, "memory_bytes": resident_bytes(worker.pid)} if worker else own

    @property
    def kernels(self) -> tuple[str, ...]:
        """The optional kernels of llama.cpp that its process used last."""
        return self._prover.kernels

    @property
    def left_out(self) -> LeftOut:
        """Kernels of llama.cpp that this processor cannot run, with the fault of each."""
        return self._prover.left_out

    def pop_notice(self) -> str:
        return self._prover.pop_notice()

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return int(self._count(segments)["count"])

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return int(self._count(segments)["cached"])

    def tokenize(self, segments: tuple[Segment, ...]) -> list[int]:
        return list(self._count(segments, tokens=True)["tokens"])

    async def detokenize(self, tokens: Sequence[int]) -> list[bytes]:
        reply = await self._request({"do": "detokenize", "tokens": list(tokens)})
        return [bytes.fromhex(piece) for piece in reply["pieces"]]

    def _count(self, segments: tuple[Segment, ...], *, tokens: bool = False) -> Message:
        assert threading.get_ident() != self._thread, "counting waits for the event loop, so it needs another thread"
        request = self._request({"do": "count", "segments": pack_segments(segments), "tokens": tokens})
        reply = asyncio.run_coroutine_threadsafe(request, self._loop)
        try:
            return reply.result(COUNT_S)
        except TimeoutError as error:
            reply.cancel()
            raise EngineFailed(f"{self.name} did not count tokens within {COUNT_S:.0f} s") from error

    async def _request(self, message: Message) -> Message:
        worker = await self._running()
        id_, inbox = worker.open_request()
        try:
            worker.send(message | {"id": id_})
            reply = await inbox.get()
        finally:
            worker.close_request(id_)
        if reply is None:
            raise self._prover.lost_error(worker)
        if "error" in reply:
            raise _error(reply)
        return reply

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if self._open >= QUEUE and not prompt.prefetch:
            raise EngineBusy(self._open)
        self._open += not prompt.prefetch
        try:
            worker = await self._running()
            id_, inbox = worker.open_request()
            worker.send(generate_message(id_, prompt, sampling, self._stops))
            try:
                while True:
                    message = await inbox.get()
                    if message is None:
                        raise self._prover.lost_error(worker)
                    delta = self._delta(message)
                    yield delta
                    if delta.reason:
                        if delta.reason != "cancelled" and not prompt.prefetch:
                            self._prover.record_answer()
                        return
            finally:
                worker.close_request(id_)
                worker.send({"do": "cancel", "id": id_})  # ignored where it has ended
        finally:
            self._open -= not prompt.prefetch

    def _delta(self, message: Message) -> Delta:
        if "error" in message:
            raise _error(message)
        logprobs = tuple(map(_logprob, message.get("logprobs", ())))
        if "reason" in message:
            usage = Usage(*message["usage"])
            notice = message.get("notice", "")
            return Delta(message["text"], message["reason"], usage, notice=notice, logprobs=logprobs)
        progress = tuple(message["progress"]) if "progress" in message else None
        return Delta(message.get("text", ""), progress=progress, waiting=message.get("waiting"),
                     eta_s=message.get("eta_s"), logprobs=logprobs)  # fmt: skip

    def clear_cache(self) -> None:
        if worker := self.worker:
            worker.send({"do": "clear_cache"})

    async def close(self) -> None:
        """Ends all streams as cancelled, lets the process write its snapshots, and frees the memory."""
        if self._closed:
            return
        self._closed = True
        self._restarting.cancel()
        if not self._starting.done():
            self._starting.cancel()
        elif not self._starting.exception():
            await self._starting.result().close()
        await asyncio.gather(self._starting, self._restarting, return_exceptions=True)

    # --- restarts of the process ---

    async def _running(self) -> WorkerProcess:
        """The process; waits while it is restarted. Raises what its start raised."""
        if self._closed:
            raise EngineFailed(f"the engine of {self.name} is closed")
        pause_s = self._next_start - self._loop.time()
        if pause_s > MAX_WAIT_S and self._prover.unusable:
            raise ModelUnavailable(self._prover.unusable)
        if pause_s > MAX_WAIT_S:
            raise EngineFailed(
                f"{self.name} broke {self._breaks} times in a row and restarts in {pause_s:.0f} s: try again then, or"
                " choose another model"
            )
        if self._starting.done() and self._starting.exception():
            self._starting = asyncio.create_task(self._start_again())
        await asyncio.wait([starting := self._starting])  # `close` may cancel it, a waiting prompt may not
        if starting.cancelled():
            raise EngineFailed(f"the engine of {self.name} is closed")
        return starting.result()

    async def _start_again(self) -> WorkerProcess:
        await asyncio.sleep(self._next_start - self._loop.time())
        try:
            worker = await self._prover.start(lambda _share: None)
        except ModelUnavailable:
            self._delay_next_start()
            raise
        self.restarts += 1
        return worker

    async def _restart_when_gone(self) -> None:
        """Restarts the process whenever it breaks, before the next prompt needs it."""
        while True:
            worker = await self._started()
            await worker.gone.wait()
            self._prover.record_break(worker)
            self._delay_next_start()
            self._starting = asyncio.create_task(self._start_again())

    async def _started(self) -> WorkerProcess:
        """The next process that has loaded, whoever started it."""
        while True:
            await asyncio.wait([starting := self._starting])
            if not starting.exception():
                return starting.result()
            await asyncio.sleep(FIRST_PAUSE_S)

    def _delay_next_start(self) -> None:
        """Counts a break and sets the time of the next start: at once, then with doubling pauses; the longest pause
        if the model is unusable here.
        """
        now = self._loop.time()
        self._breaks = 1 if now - self._broke_at > RESET_S else self._breaks + 1
        self._broke_at = now
        pause_s = min(FIRST_PAUSE_S * 2 ** (self._breaks - 2), LONGEST_PAUSE_S) if self._breaks > 1 else 0.0
        pause_s = LONGEST_PAUSE_S if self._prover.unusable else pause_s
        self._next_start = now + pause_s


def _logprob(entry: list[Any]) -> TokenLogprob:
    token, logprob, top = entry
    return TokenLogprob(bytes.fromhex(token), logprob, tuple((bytes.fromhex(other), its) for other, its in top))


def _error(message: Message) -> ModelError:
    """The error that the process raised, by the name of its class."""
    kind = getattr(errors, message["error"])
    args: Any = message["args"]
    error: ModelError = kind(**args) if isinstance(args, dict) else kind(*args)
    return error
