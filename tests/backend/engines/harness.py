"""A machine with a fixed amount of memory, on which scripted engines stand for loaded models."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.config import Settings
from backend.engines.loader import model_loader
from backend.engines.pool import EnginePool
from backend.engines.remote import RemoteServer
from backend.metrics import Metrics
from models.errors import ModelUnavailable
from models.gguf.header import GgufHeader, read_header
from models.registry import Registry
from models.scripted import ScriptedEngine
from models.types import Engine, ModelSpec
from tests.backend.harness import Socket, World, running, settings_in
from tests.tiny_gguf import PHI3

PER_TOKEN = 1000  # bytes of a context
TIMEOUT_S = 30  # only guards against hanging

SIMPLE = "Where is the port configured?"
TASK = "Why is there a deadlock in the job queue?"
PROJECT = "Propose an architecture that scales to ten machines, compare it with today's and implement the first step."


class LoadedModel(ScriptedEngine):
    """Takes memory of its machine until it is closed."""

    chat_template, bos, eos = "", "", ""

    def __init__(self, machine: "Machine", name: str, context: int, need: int) -> None:
        super().__init__((f"{name} ", "says."), name=name, context_length=context)
        self.machine, self.need = machine, need

    async def close(self) -> None:
        if not self._closed:
            self.machine.used -= self.need
            self.machine.closed.append(self.name)
        await super().close()


@dataclass(slots=True)
class Machine:
    """Weights by model, memory in use, and what goes wrong: `failing` by model, `gates` that a start waits at."""

    weights: dict[str, int]
    memory: int
    folder: Path
    used: int = 0
    snapshots: dict[str, int] = field(default_factory=dict)  # bytes for them, by model
    started: list[tuple[str, int]] = field(default_factory=list)  # model and context
    closed: list[str] = field(default_factory=list)
    failing: dict[str, str] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    engines: dict[str, LoadedModel] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)

    async def start(
        self, spec: ModelSpec, path: Path, context: int, ram_bytes: int, progress: Callable[[float], None]
    ) -> LoadedModel:
        self.started.append((spec.name, context))
        progress(0.25)
        try:
            if spec.name in self.gates:
                await self.gates[spec.name].wait()
        except asyncio.CancelledError:
            self.cancelled.append(spec.name)
            raise
        if spec.name in self.failing:
            raise ModelUnavailable(self.failing[spec.name])
        need = self.weights[spec.name] + context * PER_TOKEN + ram_bytes  # all of it at once
        self.snapshots[spec.name] = ram_bytes
        assert self.used + need <= self.memory, "out of memory"
        self.used += need
        self.engines[spec.name] = LoadedModel(self, spec.name, context, need)
        return self.engines[spec.name]

    @property
    def starts(self) -> list[str]:
        """The names of the models in the order in which they were started."""
        return [name for name, _ in self.started]

    def pool(
        self, settings: Settings, remote: RemoteServer | None = None, metrics: Metrics | None = None
    ) -> EnginePool:
        registry = Registry(self.folder, self.folder / "catalog.toml")
        return EnginePool(registry, settings, metrics, load_model=model_loader(self.start), remote=remote)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Two small models and a medium one, each with a context of 4,000 tokens, and room for two of the small ones."""
    machine = Machine({"ant": 1_000_000, "bee": 1_000_000, "cow": 8_000_000}, 13_000_000, tmp_path / "models")
    machine.folder.mkdir()
    (machine.folder / "catalog.toml").write_text(
        "".join(
            f'[{name}]\nfilenames = ["{name}.gguf"]\nprompt_format = "phi3"\ncontext_length = 4000\n'
            f'tier = "{"medium" if name == "cow" else "small"}"\n'
            for name in machine.weights
        )
    )
    for name in machine.weights:
        (machine.folder / f"{name}.gguf").write_bytes(b"stands for a model")
    header = read_header(PHI3.path)

    def need(header: GgufHeader, context: int, _kv_type: str) -> int:
        return machine.weights[header.path.stem] + context * PER_TOKEN

    monkeypatch.setattr("backend.engines.model_cache.read_header", lambda path: replace(header, path=path))
    monkeypatch.setattr("backend.engines.resident_models.memory_need", need)
    set_free_memory(monkeypatch, lambda: machine.memory - machine.used)
    return machine


def set_free_memory(monkeypatch: pytest.MonkeyPatch, free: Callable[[], int]) -> None:
    for module in ("model_cache", "resident_models"):
        monkeypatch.setattr(f"backend.engines.{module}.memory_free", free)


@asynccontextmanager
async def pool_of(machine: Machine, metrics: Metrics | None = None, kv_ram_mb: int = 0) -> AsyncIterator[EnginePool]:
    """The engines of the machine, without a server. All memory is free again at the end."""
    settings = settings_in(machine.folder.parent, models_dir=machine.folder, kv_ram_mb=kv_ram_mb)
    engines = machine.pool(settings, metrics=metrics)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield engines
    finally:
        await engines.unload()
    assert machine.used == 0


async def visit(engines: EnginePool, name: str) -> str:
    """Uses a model for a moment."""
    async with engines.use(name) as lease:
        return lease.engine.name


def resident(engines: EnginePool) -> list[str]:
    return [state["id"] for state in engines.states() if "resident_bytes" in state]


async def settle() -> None:
    """Lets every task run until it waits for something that this test has to do."""
    for _ in range(5):
        await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(
    machine: Machine, metrics: Metrics | None = None, remote: Engine | None = None, **options: Any
) -> AsyncIterator[World]:
    """A server over the machine; MODEL_NAME is `auto` unless the options say otherwise."""

    async def connect() -> Engine:
        assert remote is not None
        return remote

    def pool(settings: Settings) -> EnginePool:
        return machine.pool(settings, RemoteServer(connect) if remote else None, metrics)

    options = {"model_name": "auto", "models_dir": machine.folder, "kv_ram_mb": 0} | options
    async with running(machine.folder.parent, None, making=pool, **options) as world:
        yield world


async def ask(world: World, text: str, **options: Any) -> dict[str, Any]:
    reply = await world.post("/chat/query", {"query": text, "retrieval": "off", **options})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def chat(world: World, text: str, **options: Any) -> httpx.Response:
    return await world.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **options})


async def prompt(socket: Socket, session: str, turn: str, text: str, **options: Any) -> None:
    await socket.call("session/prompt", session=session, turn=turn, text=text, retrieval="off", **options)
