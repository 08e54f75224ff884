"""The models in memory: how much each needs, who uses it, and which are evicted to make room for another.

Idle models are evicted first, least recently used first; those in use are waited for. Knows neither how a model is
loaded nor by whom it is used.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from backend.metrics import Metrics
from models.errors import ModelUnavailable
from models.gguf.header import GgufHeader
from models.gguf.reader import human_bytes
from models.hardware import memory_free, memory_need
from models.memory_plan import ModelMemory, contexts, plan
from models.types import Engine, ModelSpec
from prompts.formats import ChatFormat


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model file, and how it is to be loaded."""

    spec: ModelSpec
    path: Path
    context: int  # tokens wanted; never more than it was trained for
    kv_type: str = "f16"
    snapshots: int = 0  # bytes of memory wanted for snapshots of conversations; fewer if memory is short
    on_gpu: bool = False  # the memory of a GPU cannot be measured here: such a model is alone on it

    def bytes_needed(self, header: GgufHeader, context: int) -> int:
        """Bytes of weights, cache and compute buffers with a context of so many tokens; 0 on a GPU."""
        if self.on_gpu:
            return 0
        adapters = sum(file_state(self.path.parent / adapter)[1] for adapter in self.spec.adapters)
        return memory_need(header, context, self.kv_type) + adapters


@dataclass(slots=True, eq=False)
class ResidentModel:
    """A model in memory."""

    model: InstalledModel
    engine: Engine
    chat: ChatFormat
    need: int  # bytes, as computed
    snapshots: int  # at most so many of them are for snapshots
    untouched_bytes: int  # so many of them were still free for the system just after the load
    last_used: int = 0
    users: int = 0
    evicting: bool = False  # new users wait, and the model is loaded again for them
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def unallocated_bytes(self) -> int:
        """Bytes of `need` that the system counts as free now: mapped weights, untouched buffers, future snapshots."""
        return max(0, self.untouched_bytes - min(self.snapshots, int(self.engine.metrics.get("snapshot_ram_bytes", 0))))

    def retain(self, users: int = 1) -> None:
        """Adds users."""
        self._set_users(self.users + users)

    def release(self) -> None:
        """Removes one user."""
        self._set_users(self.users - 1)

    def _set_users(self, users: int) -> None:
        self.users = users
        if users == 0:
            self.idle.set()
        else:
            self.idle.clear()


@dataclass(frozen=True, slots=True)
class Allocation:
    """The memory that was made free for a model."""

    context: int  # tokens
    need: int  # bytes
    left: int  # bytes that stay free beside it
    evicted: tuple[str, ...]  # names of the models that were unloaded for it


class ResidentModels:
    """The models in memory, by name; lives on the event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._by_name: dict[str, ResidentModel] = {}
        self._closing: set[asyncio.Task[None]] = set()  # engines of evicted models
        self._clock = itertools.count()

    def get(self, name: str) -> ResidentModel | None:
        return self._by_name.get(name)

    def names(self) -> list[str]:
        return list(self._by_name)

    def process_metrics(self) -> dict[str, Mapping[str, float]]:
        """The numbers that the processes of local models report, by model and name."""
        return {name: resident.engine.metrics for name, resident in self._by_name.items()}

    def add(self, resident: ResidentModel) -> None:
        """Adds a model that was just loaded."""
        resident.last_used = next(self._clock)
        name = resident.model.spec.name
        self._by_name[name] = resident
        self._metrics.resident[name] = resident.need

    def release(self, resident: ResidentModel) -> None:
        """Ends one use of the model."""
        resident.last_used = next(self._clock)
        resident.release()

    async def make_room(self, model: InstalledModel, header: GgufHeader, is_awaited: Callable[[], bool]) -> Allocation:
        """Evicts models, one by one, until this one fits, with a shorter context if it has to be.

        Free memory is read again after each: not all of a model's bytes come back at once. A model in use is only
        waited for while somebody waits for the new one. Raises ModelUnavailable, with the numbers.
        """
        longest = min(model.context, header.context_length)
        need = partial(model.bytes_needed, header)
        evicted: list[str] = []
        while True:
            free = memory_free() - sum(resident.unallocated_bytes for resident in self._by_name.values())
            memory_plan = plan(need, longest, free, [_memory_of(resident) for resident in self._by_name.values()])
            if memory_plan is None:
                shortest = min(contexts(longest))
                raise ModelUnavailable(_too_large(model, need(shortest), shortest, free))
            to_evict = [*self._sharing_gpu(model), *memory_plan.to_evict]
            if not to_evict:
                needed = need(memory_plan.context)
                return Allocation(memory_plan.context, needed, free - needed, tuple(evicted))
            resident = self._by_name[to_evict[0]]
            if resident.users and not is_awaited():
                raise ModelUnavailable(f"{model.spec.name} is not loaded ahead: {to_evict[0]} is in use")
            resident.evicting = True
            await resident.idle.wait()
            await self.evict(resident)
            evicted.append(to_evict[0])

    def _sharing_gpu(self, model: InstalledModel) -> list[str]:
        return [name for name, resident in self._by_name.items() if model.on_gpu and resident.model.on_gpu]

    async def evict(self, resident: ResidentModel) -> None:
        """Removes the model and gives its memory back."""
        del self._by_name[resident.model.spec.name]
        self._metrics.resident.pop(resident.model.spec.name, None)
        closing = asyncio.create_task(resident.engine.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await closing

    async def evict_all(self) -> None:
        """Gives the memory of all models back, whether they are in use or not."""
        for resident in list(self._by_name.values()):
            await self.evict(resident)

    async def clear_caches(self) -> None:
        """Drops what models cache of conversations. Waits for models that are being closed: they still write it."""
        for resident in self._by_name.values():
            resident.engine.clear_cache()
        if self._closing:
            await asyncio.wait(self._closing)


def file_state(path: Path) -> tuple[int, int]:
    """Time of the last change (ns) and size in bytes: another pair if the file is replaced; zeros if it is missing."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _memory_of(resident: ResidentModel) -> ModelMemory:
    return ModelMemory(resident.model.spec.name, resident.need, resident.users > 0, resident.last_used)


def _too_large(model: InstalledModel, need: int, context: int, free: int) -> str:
    return (
        f"{model.path.name} needs {human_bytes(need)} of memory even with a context of {context} tokens, "
        f"{human_bytes(max(0, free))} are free: close other programs or choose a smaller model"
    )
