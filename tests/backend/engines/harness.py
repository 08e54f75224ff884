"""A machine with a certain memory, on which models are started that are scripted engines."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backend.config import Settings
from backend.engines.loader import start_engine
from backend.engines.pool import EnginePool
from backend.engines.remote import Remote
from backend.metrics import Metrics
from models.errors import ModelUnavailable
from models.gguf.header import GgufHeader, read_header
from models.registry import Registry
from models.scripted import ScriptedEngine
from models.types import ModelSpec
from tests.tiny_gguf import PHI3

PER_TOKEN = 1000  # bytes of a context


class Started(ScriptedEngine):
    """Holds memory of its machine until it is closed."""

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
    engines: dict[str, Started] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)

    async def start(
        self, spec: ModelSpec, path: Path, context: int, ram_bytes: int, progressed: Callable[[float], None]
    ) -> Started:
        self.started.append((spec.name, context))
        progressed(0.25)
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
        assert self.used + need <= self.memory, "the kernel's OOM killer comes"
        self.used += need
        self.engines[spec.name] = Started(self, spec.name, context, need)
        return self.engines[spec.name]

    def made(self, settings: Settings, remote: Remote | None = None, metrics: Metrics | None = None) -> EnginePool:
        registry = Registry(self.folder, self.folder / "catalog.toml")
        return EnginePool(registry, settings, metrics, start=start_engine(self.start), remote=remote)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Two small models and a medium one, each with a context of 4,000 tokens, and room for two of the small ones."""
    made = Machine({"ant": 1_000_000, "bee": 1_000_000, "cow": 8_000_000}, 13_000_000, tmp_path / "models")
    made.folder.mkdir()
    (made.folder / "catalog.toml").write_text(
        "".join(
            f'[{name}]\nfilenames = ["{name}.gguf"]\nprompt_format = "phi3"\ncontext_length = 4000\n'
            f'tier = "{"medium" if name == "cow" else "small"}"\n'
            for name in made.weights
        )
    )
    for name in made.weights:
        (made.folder / f"{name}.gguf").write_bytes(b"stands for a model")
    header = read_header(PHI3.path)

    def need(header: GgufHeader, context: int, _kv_type: str) -> int:
        return made.weights[header.path.stem] + context * PER_TOKEN

    monkeypatch.setattr("backend.engines.resident_models.read_header", lambda path: replace(header, path=path))
    monkeypatch.setattr("backend.engines.resident_models.memory_need", need)
    monkeypatch.setattr("backend.engines.resident_models.memory_free", lambda: made.memory - made.used)
    return made
