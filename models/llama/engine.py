"""A GGUF model as an `Engine`: llama.cpp in a process of its own, which is started again when it breaks.

Does not know templates, conversations or retrieval; nothing of llama.cpp is loaded here.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from models import errors
from models.errors import EngineBusy, EngineFailed, ModelError, ModelUnavailable
from models.filters.answer_filter import is_filtered
from models.gguf.header import GgufHeader, read_header
from models.hardware import logical_cores, physical_cores, processor, resident_bytes
from models.llama.bindings import build
from models.llama.kv.snapshots import KvLimits
from models.llama.proving import Proving
from models.llama.supervisor import WorkerProcess
from models.llama.verdicts import LeftOut, VerdictKey, Verdicts
from models.llama.wire import LoadRequest, Message, pack_sampling, pack_segments
from models.types import Delta, Fim, ModelSpec, Prompt, Rates, Sampling, Segment, Usage

NOTHING_KEPT = KvLimits()
QUEUE = 32  # prompts that may be read, answered or wait at once
COUNT_S = 60.0  # for an answer that takes milliseconds
CALM_S = 300.0  # without a break: the next one counts as the first
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0  # between the second break and the next start, doubling
PATIENCE_S = 5.0  # a longer pause is not waited for


class LlamaEngine:
    """One model with one process. A process that breaks costs the answers it was making, nothing else."""

    def __init__(self, spec: ModelSpec, header: GgufHeader, proving: Proving, child: WorkerProcess) -> None:
        facts = child.ready.result()
        self.name, self.context_length = spec.name, int(facts["context_length"])
        self.chat_template = header.chat_template
        self.bos, self.eos = str(facts["bos"]), str(facts["eos"])
        self.fim = Fim(*facts["fim"]) if facts["fim"] else None
        self._stops, self._proving = spec.stop, proving
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._rates = Rates()
        self._open = 0
        self._breaks, self._broke_at, self._next_start, self.restarts = 0, -CALM_S, 0.0, 0
        self._closed = False
        self._starting: asyncio.Future[WorkerProcess] = self._loop.create_future()
        self._starting.set_result(child)
        self._minding = asyncio.create_task(self._mind())

    @classmethod
    async def start(
        cls,
        spec: ModelSpec,
        path: Path,
        *,
        threads: int | None = None,
        gpu_layers: int | None = None,
        context_length: int | None = None,
        kv_type: str = "f16",
        storage: KvLimits = NOTHING_KEPT,
        verdicts: Path | None = None,
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> "LlamaEngine":
        """Loads a model file in a new process, and has it give first tokens. What is None comes from `spec`.

        The context is never longer than the model was trained for; whether there is memory for it the caller has
        checked (`capability`). `on_progress` gets the share that is loaded, 0..1. `verdicts` is the file of what
        llama.cpp cannot use here and of what is the fastest; without one nothing is measured.
        Raises ModelUnavailable for a file that is missing, damaged, or that llama.cpp refuses.
        """
        header = await asyncio.to_thread(read_header, path)
        if not header.tensor_bytes:
            raise ModelUnavailable(f"{path.name} is a vocabulary without a model")
        fixed, layers = threads or spec.threads, spec.gpu_layers if gpu_layers is None else gpu_layers
        order = LoadRequest(
            path=str(path),
            context_length=min(context_length or spec.context_length, header.context_length),
            threads=fixed or physical_cores(),
            most_threads=(fixed or logical_cores()) if verdicts and not layers else 0,
            gpu_layers=layers,
            kv_type=kv_type,
            adapters=tuple(str(path.parent / adapter) for adapter in spec.adapters),
            folder=str(storage.folder or ""),
            ram_bytes=storage.ram_bytes,
            disk_bytes=storage.disk_bytes,
            file_bytes=header.file_bytes,
        )
        place = await asyncio.to_thread(lambda: VerdictKey(processor(), build(), header.architecture))
        cores = f"{order.threads} to {order.most_threads} threads"
        shape = f"{header.n_layers} x {header.n_embd}, {header.tensor_bytes} bytes, {kv_type}, {cores}"
        proving = Proving(spec.name, order, Verdicts(verdicts), place, shape)
        return cls(spec, header, proving, await proving.start(on_progress))

    @property
    def child(self) -> WorkerProcess | None:
        """The process, while it is up."""
        starting = self._starting
        if not starting.done() or starting.cancelled() or starting.exception():
            return None
        return None if starting.result().gone.is_set() else starting.result()

    @property
    def standing(self) -> str:
        """`loaded`, `loading` while its process is started again, or "": then the next question has it started."""
        return "loaded" if self.child else "" if self._starting.done() else "loading"

    @property
    def rates(self) -> Rates:
        """Those of the process; while a new one has measured nothing, of the one before."""
        if (child := self.child) and child.rates.prefill:
            self._rates = child.rates
        return self._rates

    @property
    def state(self) -> dict[str, float]:
        """What the process told of itself last, and what the system tells of it: numbers for metrics."""
        rates, child = self.rates, self.child
        told = {"restarts": self.restarts, "prefill_rate": rates.prefill, "decode_rate": rates.decode}
        return {**told, **child.heartbeat, "memory_bytes": resident_bytes(child.pid)} if child else told

    @property
    def kernels(self) -> tuple[str, ...]:
        """Those of llama.cpp that its process used last, where there is a choice."""
        return self._proving.kernels

    @property
    def left_out(self) -> LeftOut:
        """Kernels of llama.cpp that this processor cannot run, with what happened."""
        return self._proving.left_out

    def news(self) -> str:
        """What the user should be told of that, once; "" the second time."""
        return self._proving.news()

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return int(self._counted(segments)["count"])

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return int(self._counted(segments)["cached"])

    def tokenize(self, segments: tuple[Segment, ...]) -> list[int]:
        """The very tokens `stream` would evaluate. Blocks, as `count_tokens` does."""
        return list(self._counted(segments, tokens=True)["tokens"])

    def _counted(self, segments: tuple[Segment, ...], *, tokens: bool = False) -> Message:
        assert threading.get_ident() != self._thread, "counting waits for the event loop: not on it"
        asking = self._ask({"do": "count", "segments": pack_segments(segments), "tokens": tokens})
        counting = asyncio.run_coroutine_threadsafe(asking, self._loop)
        try:
            return counting.result(COUNT_S)
        except TimeoutError as error:
            counting.cancel()
            raise EngineFailed(f"{self.name} did not count tokens within {COUNT_S:.0f} s") from error

    async def _ask(self, message: Message) -> Message:
        child = await self._running()
        id_, inbox = child.open()
        try:
            child.send(message | {"id": id_})
            answer = await inbox.get()
        finally:
            child.forget(id_)
        if answer is None:
            raise self._proving.lost(child)
        if "error" in answer:
            raise _error(answer)
        return answer

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if self._open >= QUEUE and not prompt.ahead:
            raise EngineBusy(self._open)
        self._open += not prompt.ahead
        try:
            child = await self._running()
            asked = {
                "segments": pack_segments(prompt.segments),
                "sampling": pack_sampling(sampling),
                "marks": [*prompt.stop, *self._stops],
                "filtered": is_filtered(prompt, sampling),
                "ahead": prompt.ahead,
                "is_continuation": prompt.is_continuation,
            }
            id_, inbox = child.open()
            child.send({"do": "generate", "id": id_} | asked)
            try:
                while True:
                    message = await inbox.get()
                    if message is None:
                        raise self._proving.lost(child)
                    delta = self._delta(message)
                    yield delta
                    if delta.reason:
                        if delta.reason != "cancelled" and not prompt.ahead:
                            self._proving.answered()
                        return
            finally:
                child.forget(id_)
                child.send({"do": "cancel", "id": id_})  # nothing to it, where it has ended
        finally:
            self._open -= not prompt.ahead

    def _delta(self, message: Message) -> Delta:
        if "error" in message:
            raise _error(message)
        if "reason" in message:
            usage = Usage(*message["usage"])
            return Delta(message["text"], message["reason"], usage, notice=message.get("notice", ""))
        progress = tuple(message["progress"]) if "progress" in message else None
        return Delta(message.get("text", ""), progress=progress, waiting=message.get("waiting"),
                     eta_s=message.get("eta_s"))  # fmt: skip

    def forget(self) -> None:
        """Drops what is kept of conversations that are not being answered, on disk too."""
        if child := self.child:
            child.send({"do": "forget"})

    async def close(self) -> None:
        """Ends all streams as cancelled, lets the process write its snapshots, and frees the memory."""
        if self._closed:
            return
        self._closed = True
        self._minding.cancel()
        if not self._starting.done():
            self._starting.cancel()
        elif not self._starting.exception():
            await self._starting.result().close()
        await asyncio.gather(self._starting, self._minding, return_exceptions=True)

    # --- the process, again when it broke ---

    async def _running(self) -> WorkerProcess:
        """The process; waits for one that is being started again. Raises what its start raised."""
        if self._closed:
            raise EngineFailed(f"the engine of {self.name} is closed")
        pause_s = self._next_start - self._loop.time()
        if pause_s > PATIENCE_S and self._proving.hopeless:
            raise ModelUnavailable(self._proving.hopeless)
        if pause_s > PATIENCE_S:
            raise EngineFailed(
                f"{self.name} broke {self._breaks} times in a row and is started again in {pause_s:.0f} s: try then, or"
                " choose another model"
            )
        if self._starting.done() and self._starting.exception():
            self._starting = asyncio.create_task(self._start_again())
        await asyncio.wait([starting := self._starting])  # which `close` may cancel, but not who waits for it
        if starting.cancelled():
            raise EngineFailed(f"the engine of {self.name} is closed")
        return starting.result()

    async def _start_again(self) -> WorkerProcess:
        await asyncio.sleep(self._next_start - self._loop.time())
        try:
            child = await self._proving.start(lambda _share: None)
        except ModelUnavailable:
            self._put_off()
            raise
        self.restarts += 1
        return child

    async def _mind(self) -> None:
        """Starts the process again whenever it breaks, before somebody asks for it."""
        while True:
            child = await self._started()
            await child.gone.wait()
            self._proving.broke(child)
            self._put_off()
            self._starting = asyncio.create_task(self._start_again())

    async def _started(self) -> WorkerProcess:
        """The next process that has come up, whoever had it started."""
        while True:
            await asyncio.wait([starting := self._starting])
            if not starting.exception():
                return starting.result()
            await asyncio.sleep(FIRST_PAUSE_S)

    def _put_off(self) -> None:
        """Counts a break, and sets when the next start may be: at once, then later and later; late if nothing helps."""
        now = self._loop.time()
        self._breaks = 1 if now - self._broke_at > CALM_S else self._breaks + 1
        self._broke_at = now
        pause_s = min(FIRST_PAUSE_S * 2 ** (self._breaks - 2), LONGEST_PAUSE_S) if self._breaks > 1 else 0.0
        pause_s = LONGEST_PAUSE_S if self._proving.hopeless else pause_s
        self._next_start = now + pause_s


def _error(message: Message) -> ModelError:
    """The error that the process raised, by the name of its class."""
    kind = getattr(errors, message["error"])
    args: Any = message["args"]
    made: ModelError = kind(**args) if isinstance(args, dict) else kind(*args)
    return made
