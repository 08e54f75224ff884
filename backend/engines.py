"""Which engine answers: the model a client names, the server's own, or the extractive one where none is installed.

One model is in memory at a time; a swap waits until nobody uses the old one. Knows nothing of questions.
"""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.config import Settings
from models.errors import ModelError, ModelUnavailable
from models.extractive import ExtractiveEngine
from models.llama.engine import LlamaEngine
from models.registry import Registry
from models.types import Engine, ModelSpec, Sampling
from prompts.errors import TemplateRejected
from prompts.formats import FORMATS, ChatFormat
from prompts.template import derive

EXTRACTIVE = "extractive"


@dataclass(frozen=True, slots=True)
class Ready:
    """An engine with what a prompt for it needs."""

    engine: Engine
    chat: ChatFormat
    sampling: Sampling
    system: str = ""  # "": the built-in one
    notice: str = ""  # what the user should know about this choice


class Engines:
    """Hands out engines by name."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry, self._settings = registry, settings
        self._extractive = ExtractiveEngine()
        self._resident: Ready | None = None
        self._resident_name = ""
        self._users = 0
        self._gate = asyncio.Lock()  # fair: a swap is not overtaken by later users of the old model
        self._idle = asyncio.Event()
        self._idle.set()

    def resolve(self, name: str) -> tuple[ModelSpec, Path] | None:
        """The entry and file behind a name, None for the extractive engine. "" is the server's own model.

        Raises `UnknownModel` or `ModelUnavailable`: only the server's own model may be silently absent.
        """
        own = not name or name == self._settings.model_name
        name = name or self._settings.model_name
        if name == EXTRACTIVE:
            return None
        as_path = Path(name).expanduser()
        named_by_owner = own and (as_path.suffix == ".gguf" or as_path.is_absolute())
        spec = self._registry.spec_for_path(as_path) if named_by_owner else self._registry.spec(name)
        path = self._registry.locate(spec)
        if path is not None and importlib.util.find_spec("llama_cpp") is not None:
            return spec, path
        if own:
            return None
        raise ModelUnavailable(self._missing(name, path))

    @asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Ready]:
        """The engine for a model name, loaded, and kept loaded until the block ends."""
        found = self.resolve(name)
        if found is None:
            yield self._without_model(name)
            return
        entering = asyncio.create_task(self._enter(*found))
        try:
            ready = await asyncio.shield(entering)
        except asyncio.CancelledError:  # a load cannot be stopped half way: the next user finds it done
            entering.add_done_callback(self._leave_unused)
            raise
        try:
            yield ready
        finally:
            self._leave()

    async def _enter(self, spec: ModelSpec, path: Path) -> Ready:
        async with self._gate:
            if self._resident is None or self._resident_name != spec.name:
                await self._idle.wait()
                await self._drop()
                self._resident = await self._load(spec, path)
                self._resident_name = spec.name
            self._users += 1
            self._idle.clear()
            return self._resident

    def _leave(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._idle.set()

    def _leave_unused(self, entered: asyncio.Task[Ready]) -> None:
        if not entered.cancelled() and entered.exception() is None:
            self._leave()

    async def unload(self) -> None:
        """Gives the memory of the model back, once a load that is under way has ended."""
        async with self._gate:
            await self._drop()

    async def _drop(self) -> None:
        if self._resident is not None:
            resident, self._resident, self._resident_name = self._resident, None, ""
            await resident.engine.close()

    @property
    def current(self) -> dict[str, Any]:
        """The server's own model and whether it is in memory."""
        try:
            found = self.resolve("")
        except ModelError as error:
            return {"name": self._settings.model_name, "state": "unavailable", "problem": str(error)}
        if found is None:
            return {"name": EXTRACTIVE, "state": "loaded"}
        return {"name": found[0].name, "state": self._state(found[0].name, True, "")}

    def states(self) -> list[dict[str, Any]]:
        """The catalogue with what is here: state is `missing`, `damaged`, `installed` or `loaded`."""
        own = {
            "id": EXTRACTIVE,
            "state": "loaded",
            "context": self._extractive.context_length,
            "size_bytes": 0,
            "default": self._settings.model_name == EXTRACTIVE,
        }
        return [own] + [
            {
                "id": state.spec.name,
                "state": self._state(state.spec.name, state.path is not None, state.problem),
                "context": self._settings.context_length or state.spec.context_length,
                "size_bytes": state.size_bytes or state.spec.size_bytes,
                "default": state.spec.name == self._settings.model_name,
            }
            for state in self._registry.states()
        ]

    def _state(self, name: str, here: bool, problem: str) -> str:
        if name == self._resident_name:
            return "loaded"
        return "missing" if not here else "damaged" if problem else "installed"

    async def _load(self, spec: ModelSpec, path: Path) -> Ready:
        settings = self._settings
        engine = await LlamaEngine.start(
            spec,
            path,
            threads=settings.n_threads or None,
            gpu_layers=settings.n_gpu_layers,
            context_length=settings.context_length or None,
        )
        chat = await asyncio.to_thread(format_of, spec, engine)
        return Ready(engine, chat, spec.sampling, spec.system_prompt)

    def _without_model(self, name: str) -> Ready:
        wanted = name or self._settings.model_name
        notice = "" if wanted == EXTRACTIVE else self._missing(wanted, None)
        return Ready(self._extractive, FORMATS["plain"], Sampling(), notice=notice)

    def _missing(self, name: str, path: Path | None) -> str:
        if path is not None or importlib.util.find_spec("llama_cpp") is None:
            return "llama-cpp-python is not installed: install a C++ compiler and run `make setup`."
        return (
            f"Model {name} is not installed: `lantern models pull {name}` downloads it, "
            f"or put its GGUF into {self._settings.models_dir}."
        )


def format_of(spec: ModelSpec, engine: LlamaEngine) -> ChatFormat:
    """The format that the catalogue names, else the model's own template. Raises `TemplateRejected`."""
    if spec.prompt_format:
        if spec.prompt_format not in FORMATS:
            raise TemplateRejected(
                f"{spec.name}: no prompt format is called {spec.prompt_format}; known: {', '.join(FORMATS)}"
            )
        return FORMATS[spec.prompt_format]
    return derive(engine.chat_template, engine.bos, engine.eos) if engine.chat_template else FORMATS["plain"]
