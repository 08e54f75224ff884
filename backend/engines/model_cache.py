"""Loads models when they are wanted and shares them: all who want a model wait for one load, one load at a time.

A new model is loaded beside the others if both fit, so the old one answers until the new one is ready. Knows neither
which model suits a question nor what a prompt is.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from backend.engines.resident_models import Allocation, InstalledModel, ResidentModel, ResidentModels, file_state
from backend.metrics import Metrics
from models.backoff import Backoff
from models.errors import ModelError, ModelUnavailable
from models.gguf.header import GgufHeader, read_header
from models.hardware import memory_free
from models.memory_plan import snapshot_bytes
from models.types import Engine, EngineStatus
from prompts.errors import TemplateRejected
from prompts.formats import ChatFormat

log = logging.getLogger(__name__)

Progress = Callable[[float], None]  # gets the share that is loaded, 0 to 1; called on the event loop
# Gets the tokens of context, the bytes of memory for snapshots, and a `Progress`.
LoadModel = Callable[[InstalledModel, int, int, Progress], Awaitable[tuple[Engine, ChatFormat]]]
LoadListener = Callable[[int, int, int | None], None]  # gets done, total, and the milliseconds left, None if unknown


@dataclass(slots=True, eq=False)
class _Load:
    """A load in progress."""

    model: InstalledModel
    task: "asyncio.Task[None]"
    waiting: int = 0  # users that wait for it
    resident: ResidentModel | None = None  # the result: those who wait are already counted as its users
    listeners: list[LoadListener] = field(default_factory=list)

    def on_progress(self, start_time: float, share: float) -> None:
        elapsed_s = time.perf_counter() - start_time
        left_ms = round(1000 * elapsed_s * (1 - share) / share) if share > 0 else None
        for listener in self.listeners:
            listener(round(100 * share), 100, left_ms)


class ModelCache:
    """Hands out loaded models; lives on the event loop."""

    def __init__(self, load_model: LoadModel, metrics: Metrics) -> None:
        self._load_model, self._metrics = load_model, metrics
        self._residents = ResidentModels(metrics)
        self._loads: dict[str, _Load] = {}
        self._load_lock = asyncio.Lock()  # two loads at once would both take the memory that is free now
        self._backoff = Backoff()

    def state(self, name: str) -> EngineStatus:
        """The state of a model; "" too for one that is not in memory."""
        if (resident := self._residents.get(name)) is None:
            return "loading" if name in self._loads else ""
        return resident.engine.status

    def problem(self, name: str, path: Path) -> str:
        """Why the last load of this file failed; "" if it did not."""
        return self._backoff.reason(name, file_state(path))

    async def wait_for_load(self, name: str) -> None:
        """Waits until no load of that model is in progress, whether it succeeds or not."""
        if load := self._loads.get(name):
            await asyncio.wait([load.task])

    def get(self, name: str) -> ResidentModel | None:
        """A loaded model, to look at. `use` keeps it loaded."""
        return self._residents.get(name)

    def process_metrics(self) -> dict[str, Mapping[str, float]]:
        """The numbers that the processes of local models report, by model and name."""
        return self._residents.process_metrics()

    async def clear_caches(self) -> None:
        """Drops what models cache of conversations."""
        await self._residents.clear_caches()

    @asynccontextmanager
    async def use(self, model: InstalledModel, listener: LoadListener | None = None) -> AsyncIterator[ResidentModel]:
        """The model, loaded, and kept loaded until the block ends. Raises ModelUnavailable."""
        resident = self._residents.get(model.spec.name)
        if resident is None or resident.evicting:
            resident = await self._wait_for(self._start_load(model), listener)
        else:
            resident.retain()
        try:
            yield resident
        finally:
            self._residents.release(resident)

    async def preload(self, model: InstalledModel) -> None:
        """Loads a model that will soon be used, if no user of another model has to wait for that."""
        if self._residents.get(model.spec.name) is None:
            await asyncio.shield(self._start_load(model).task)

    async def unload(self) -> None:
        """Gives all memory back. A load in progress is cancelled; who waits for it gets `ModelUnavailable`."""
        loads = list(self._loads.values())
        for load in loads:
            load.task.cancel()
        await asyncio.gather(*(load.task for load in loads), return_exceptions=True)
        await self._residents.evict_all()

    async def _wait_for(self, load: _Load, listener: LoadListener | None) -> ResidentModel:
        """The loaded model; the caller is counted as a user of it."""
        load.waiting += 1
        if listener is not None:
            load.listeners.append(listener)
        try:
            await asyncio.shield(load.task)  # a user who is cancelled does not cancel the load
        except asyncio.CancelledError:
            load.waiting -= 1
            if load.resident is not None:
                self._residents.release(load.resident)
            elif load.task.cancelled():
                raise ModelUnavailable(f"{load.model.spec.name} was unloaded while it was being loaded") from None
            raise
        finally:
            if listener is not None:
                load.listeners.remove(listener)
        assert load.resident is not None
        return load.resident

    def _start_load(self, model: InstalledModel) -> _Load:
        """The load of that model; starts one if none is in progress. Raises ModelUnavailable if one failed just now."""
        name = model.spec.name
        if name not in self._loads:
            if refusal := self._backoff.refusal(name, file_state(model.path)):
                raise ModelUnavailable(refusal)
            task = asyncio.create_task(self._run_load(model), name=f"load {name}")
            task.add_done_callback(_log_failure)
            self._loads[name] = _Load(model, task)
        return self._loads[name]

    async def _run_load(self, model: InstalledModel) -> None:
        name = model.spec.name
        try:
            async with self._load_lock:
                load = self._loads[name]
                load.resident = await self._load(load)
                self._residents.add(load.resident)
                load.resident.retain(load.waiting)
        finally:
            del self._loads[name]

    async def _load(self, load: _Load) -> ResidentModel:
        """Makes room and starts the engine. After a failure the next load has to wait."""
        model = load.model
        try:
            header = await asyncio.to_thread(read_header, model.path)
        except ModelError as error:
            raise self._failed(model, error) from error
        allocation = await self._residents.make_room(model, header, lambda: load.waiting > 0)
        _warn_if_shortened(model, header, allocation)
        ram_bytes = snapshot_bytes(model.snapshots, allocation.left)
        need, free = allocation.need + ram_bytes, memory_free()
        on_progress = partial(load.on_progress, time.perf_counter())
        try:
            engine, chat = await self._load_model(model, allocation.context, ram_bytes, on_progress)
        except (ModelError, TemplateRejected, OSError) as error:
            raise self._failed(model, error, allocation.evicted) from error
        self._backoff.succeeded(model.spec.name)
        self._metrics.loads += 1
        self._metrics.swaps += bool(allocation.evicted)
        touched = min(need, max(0, free - memory_free()))
        return ResidentModel(model, engine, chat, need, ram_bytes, need - touched)

    def _failed(self, model: InstalledModel, error: Exception, evicted: tuple[str, ...] = ()) -> ModelUnavailable:
        """Remembers a failed load. The message says which models still answer."""
        self._metrics.load_failures += 1
        self._backoff.failed(model.spec.name, str(error), file_state(model.path))
        sentences = [str(error)]
        if evicted:
            sentences.append(f"{', '.join(evicted)} was unloaded to make room for it")
        if others := [name for name in self._residents.names() if name != model.spec.name]:
            sentences.append(f"{', '.join(others)} stays loaded")
        return ModelUnavailable(". ".join(sentences))


def _warn_if_shortened(model: InstalledModel, header: GgufHeader, allocation: Allocation) -> None:
    longest = min(model.context, header.context_length)
    if allocation.context < longest:
        log.warning("%s has a context of %d tokens: no memory for %d", model.spec.name, allocation.context, longest)


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        expected = isinstance(failure, ModelError)
        log.warning("%s failed: %s", task.get_name(), failure, exc_info=None if expected else failure)
