"""The models in memory: loaded when asked for, shared, and let go, least recently used first, when room is needed.

A new model is loaded beside the others while both fit, so the old one serves until the new one stands. Knows neither
which model a question deserves nor what a prompt is.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from backend.metrics import Metrics
from models.backoff import Backoff
from models.errors import ModelError, ModelUnavailable
from models.gguf.header import GgufHeader, read_header
from models.gguf.reader import human_bytes
from models.hardware import memory_free, memory_need
from models.llama.engine import LlamaEngine
from models.memory_plan import ModelMemory, contexts, plan, snapshots
from models.types import Engine, ModelSpec
from prompts.errors import TemplateRejected
from prompts.formats import ChatFormat

log = logging.getLogger(__name__)

Progress = Callable[[float], None]  # the share that is loaded, 0 to 1; called on the event loop
# With how long a context, and how many bytes of memory for snapshots.
Start = Callable[["Model", int, int, Progress], Awaitable[tuple[Engine, ChatFormat]]]
Watch = Callable[[int, int, int | None], None]  # done, total, milliseconds that are left, if that is known


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is installed, and how it is to be loaded."""

    spec: ModelSpec
    path: Path
    context: int  # tokens wanted; never more than it was trained for
    kv_type: str = "f16"
    snapshots: int = 0  # bytes of memory wanted for those of conversations; fewer where memory is short
    on_gpu: bool = False  # how much memory is there is not known: such a model is alone on it


@dataclass(slots=True, eq=False)
class ResidentModel:
    """A model in memory."""

    model: Model
    engine: Engine
    chat: ChatFormat
    need: int  # bytes, as worked out
    snapshots: int  # of them, for snapshots at most
    untouched: int  # of them, what the system counted as free when it was loaded
    last_used: int
    users: int = 0
    leaving: bool = False  # chosen to make room: who asks now waits and has it loaded again
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def unseen(self) -> int:
        """What the system counts as free now: mapped weights, buffers not yet touched, snapshots not made."""
        told = self.engine.state if isinstance(self.engine, LlamaEngine) else {}
        return max(0, self.untouched - min(self.snapshots, int(told.get("snapshot_ram_bytes", 0))))

    def enter(self, users: int) -> None:
        self.users += users
        (self.idle.set if self.users == 0 else self.idle.clear)()


@dataclass(slots=True, eq=False)
class _Load:
    """A load under way, and who waits for it."""

    model: Model
    task: "asyncio.Task[None]"
    waiting: int = 0
    resident: ResidentModel | None = None  # once it is done: those who wait are its users already
    watches: list[Watch] = field(default_factory=list)

    def progressed(self, began: float, share: float) -> None:
        left_ms = round(1000 * (time.perf_counter() - began) * (1 - share) / share) if share > 0 else None
        for watch in self.watches:
            watch(round(100 * share), 100, left_ms)


class ModelCache:
    """Hands out loaded models; lives on the event loop."""

    def __init__(self, start: Start, metrics: Metrics) -> None:
        self._start, self._metrics = start, metrics
        self._held: dict[str, ResidentModel] = {}
        self._loads: dict[str, _Load] = {}
        self._closing: set[asyncio.Task[None]] = set()  # what models do that are let go
        self._one_at_a_time = asyncio.Lock()  # two loads at once would both take what is free now
        self._backoff = Backoff()
        self._clock = itertools.count()

    def state(self, name: str) -> str:
        """`loaded`, `loading` or ""."""
        if (resident := self._held.get(name)) is None:
            return "loading" if name in self._loads else ""
        return resident.engine.standing if isinstance(resident.engine, LlamaEngine) else "loaded"

    async def settled(self, name: str) -> None:
        """Waits while that model is being loaded, however that ends."""
        if load := self._loads.get(name):
            await asyncio.wait([load.task])

    def get(self, name: str) -> ResidentModel | None:
        """A model that is loaded; who wants to work with it has to `use` it."""
        return self._held.get(name)

    def process_metrics(self) -> dict[str, dict[str, float]]:
        """The numbers that the processes of local models report, by model and name."""
        return {name: one.engine.state for name, one in self._held.items() if isinstance(one.engine, LlamaEngine)}

    async def forget(self) -> None:
        """Has local models drop what they keep of conversations; waits for those that are leaving, which write it."""
        for resident in self._held.values():
            if isinstance(resident.engine, LlamaEngine):
                resident.engine.forget()
        if self._closing:
            await asyncio.wait(self._closing)

    @asynccontextmanager
    async def use(self, model: Model, watch: Watch | None = None) -> AsyncIterator[ResidentModel]:
        """The model, loaded, and kept loaded until the block ends. Raises ModelUnavailable."""
        resident = self._held.get(model.spec.name)
        if resident is None or resident.leaving:
            resident = await self._loaded(model, watch)
        else:
            resident.enter(1)
        try:
            yield resident
        finally:
            self._leave(resident)

    async def preload(self, model: Model) -> None:
        """Loads a model that will be asked soon, if nobody has to wait for that."""
        if self._held.get(model.spec.name) is None:
            await asyncio.shield(self._loading(model).task)

    async def unload(self) -> None:
        """Gives all memory back. A load under way is cancelled; who waits for it is told."""
        for load in list(self._loads.values()):
            load.task.cancel()
        await asyncio.gather(*(load.task for load in list(self._loads.values())), return_exceptions=True)
        for resident in list(self._held.values()):
            await self._let_go(resident)

    def _leave(self, resident: ResidentModel, users: int = 1) -> None:
        resident.last_used = next(self._clock)
        resident.enter(-users)

    async def _loaded(self, model: Model, watch: Watch | None) -> ResidentModel:
        load = self._loading(model)
        load.waiting += 1
        if watch is not None:
            load.watches.append(watch)
        try:
            await asyncio.shield(load.task)  # a user who goes away leaves the load to the next one
        except asyncio.CancelledError:
            load.waiting -= 1
            if load.resident is not None:
                self._leave(load.resident)
            elif load.task.cancelled():
                raise ModelUnavailable(f"{model.spec.name} was unloaded while it was being loaded") from None
            raise
        finally:
            if watch is not None:
                load.watches.remove(watch)
        assert load.resident is not None
        return load.resident

    def _loading(self, model: Model) -> _Load:
        """The load of that model, begun now unless it is under way. Raises ModelUnavailable if it just failed."""
        name = model.spec.name
        if name not in self._loads:
            if refusal := self._backoff.refusal(name, _state_of(model.path)):
                raise ModelUnavailable(refusal)
            task = asyncio.create_task(self._load(model), name=f"load {name}")
            task.add_done_callback(_log_failure)
            self._loads[name] = _Load(model, task)
        return self._loads[name]

    async def _load(self, model: Model) -> None:
        name = model.spec.name
        try:
            async with self._one_at_a_time:
                load = self._loads[name]
                load.resident = self._held[name] = await self._make(load)
                load.resident.enter(load.waiting)
        finally:
            del self._loads[name]
            self._metrics.resident = {name: resident.need for name, resident in self._held.items()}

    async def _make(self, load: _Load) -> ResidentModel:
        """Makes room and starts the engine. What fails here is not tried again at once."""
        model = load.model
        gone: list[str] = []  # who had to make room
        try:
            header = await asyncio.to_thread(read_header, model.path)
        except ModelError as error:
            raise self._failed(model, error, gone) from error
        context, need, left = await self._make_room(load, header, gone)
        if context < (wanted := min(model.context, header.context_length)):
            log.warning("%s has a context of %d tokens: no memory for %d", model.spec.name, context, wanted)
        ram_bytes = snapshots(model.snapshots, left)
        need, free = need + ram_bytes, memory_free()
        try:
            engine, chat = await self._start(model, context, ram_bytes, partial(load.progressed, time.perf_counter()))
        except (ModelError, TemplateRejected, OSError) as error:
            raise self._failed(model, error, gone) from error
        self._backoff.succeeded(model.spec.name)
        self._metrics.loads += 1
        self._metrics.swaps += bool(gone)
        seen = min(need, max(0, free - memory_free()))
        return ResidentModel(model, engine, chat, need, ram_bytes, need - seen, next(self._clock))

    def _failed(self, model: Model, error: Exception, gone: list[str]) -> ModelUnavailable:
        """Remembers a failed load; the error says what serves all the same."""
        self._metrics.load_failures += 1
        self._backoff.failed(model.spec.name, str(error), _state_of(model.path))
        others = [name for name in self._held if name != model.spec.name]
        told = [f"{', '.join(gone)} was unloaded to make room for it"] if gone else []
        told += [f"{', '.join(others)} goes on serving"] if others else []
        return ModelUnavailable(". ".join([str(error), *told]))

    async def _make_room(self, load: _Load, header: GgufHeader, gone: list[str]) -> tuple[int, int, int]:
        """Lets models go, one by one, until the new one fits; answers its context, its bytes, and those that are left.

        What is free is looked at anew each time: memory does not always come back as it was counted.
        """
        model = load.model
        want = min(model.context, header.context_length)
        need = partial(_need, model, header)
        while True:
            room = memory_free() - sum(resident.unseen for resident in self._held.values())
            chosen = plan(need, want, room, [_held(resident) for resident in self._held.values()])
            if chosen is None:
                shortest = min(contexts(want))
                raise ModelUnavailable(_too_big(model, need(shortest), shortest, room))
            on_gpu = [name for name, resident in self._held.items() if model.on_gpu and resident.model.on_gpu]
            leaving = [*on_gpu, *chosen.leaving]
            if not leaving:
                needed = need(chosen.context)
                return chosen.context, needed, room - needed
            going = self._held[leaving[0]]
            if going.users and not load.waiting:
                raise ModelUnavailable(f"{model.spec.name} is not loaded ahead: {going.model.spec.name} is in use")
            going.leaving = True
            await going.idle.wait()
            await self._let_go(going)
            gone.append(going.model.spec.name)

    async def _let_go(self, resident: ResidentModel) -> None:
        del self._held[resident.model.spec.name]
        self._metrics.resident.pop(resident.model.spec.name, None)
        closing = asyncio.create_task(resident.engine.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await closing


def _need(model: Model, header: GgufHeader, context: int) -> int:
    adapters = sum(_state_of(model.path.parent / adapter)[1] for adapter in model.spec.adapters)
    return 0 if model.on_gpu else memory_need(header, context, model.kv_type) + adapters


def _held(resident: ResidentModel) -> ModelMemory:
    return ModelMemory(resident.model.spec.name, resident.need, resident.users > 0, resident.last_used)


def _too_big(model: Model, need: int, context: int, room: int) -> str:
    return (
        f"{model.path.name} needs {human_bytes(need)} of memory even with a context of {context} tokens, "
        f"{human_bytes(max(0, room))} are free: close other programs or choose a smaller model"
    )


def _state_of(path: Path) -> tuple[int, int]:
    """Changes when the file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        expected = isinstance(failure, ModelError)
        log.warning("%s failed: %s", task.get_name(), failure, exc_info=None if expected else failure)
