"""Turns a model file into an engine and the chat format of its prompts.

Knows neither which model is wanted nor what else is in memory.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from backend.config import Settings
from backend.engines.model_cache import LoadModel, Progress
from backend.engines.resident_models import InstalledModel
from models.errors import ContextTooLarge
from models.hardware import processor
from models.llama.bindings import build
from models.llama.engine import LlamaEngine
from models.llama.kernel_results import KernelResult, KernelResults
from models.llama.options import LlamaOptions
from models.llama.wire import KvLimits
from models.types import Engine, ModelSpec, Prompt, Sampling
from prompts.errors import TemplateRejected
from prompts.formats import FORMATS, ChatFormat, beginning_of
from prompts.system import SYSTEM
from prompts.template import derive, derive_tools


class LoadedEngine(Engine, Protocol):
    """An engine of a model file, with its chat template (Jinja) and the texts of two special tokens."""

    chat_template: str
    bos: str
    eos: str


# Gets spec, file, context in tokens, bytes of memory for snapshots, and a `Progress`. The engine has passed its smoke
# test when it is returned. May be cancelled.
StartEngine = Callable[[ModelSpec, Path, int, int, Progress], Awaitable[LoadedEngine]]


def kv_folder(settings: Settings) -> Path:
    """The folder of the snapshots of conversations."""
    return settings.data_dir / "kv"


def kernel_results_file(settings: Settings) -> Path:
    """The file that says what llama.cpp cannot use on which processor, and what is fastest there."""
    return settings.data_dir / "kernels.json"


def kernel_results(settings: Settings) -> dict[str, KernelResult]:
    """What llama.cpp cannot use on this processor and what is fastest, by architecture of models; only findings."""
    stored = KernelResults(kernel_results_file(settings)).of(processor(), build())
    return {architecture: result for architecture, result in stored if result != KernelResult()}


def llama_starter(settings: Settings) -> StartEngine:
    """Starts llama.cpp with these settings."""

    async def start(spec: ModelSpec, path: Path, context: int, ram_bytes: int, progress: Progress) -> LoadedEngine:
        options = LlamaOptions(
            threads=settings.n_threads or None,
            gpu_layers=settings.n_gpu_layers,
            context_length=context,
            kv_type=settings.kv_type,
            kv_limits=KvLimits(ram_bytes, settings.kv_disk_mb << 20, kv_folder(settings)),
            kernel_results=kernel_results_file(settings),
        )
        return await LlamaEngine.start(spec, path, options, progress)

    return start


def model_loader(start_engine: StartEngine) -> LoadModel:
    """Loads a model with `start_engine`, finds its chat format, and has it read the system prompt.

    So no question waits for the system prompt, and the speed of reading is measured. If a step fails, the engine is
    closed again.
    """

    async def load(
        model: InstalledModel, context: int, ram_bytes: int, progress: Progress
    ) -> tuple[Engine, ChatFormat]:
        engine = await start_engine(model.spec, model.path, context, ram_bytes, progress)
        async with AsyncExitStack() as on_failure:
            on_failure.push_async_callback(engine.close)
            chat = await asyncio.to_thread(chat_format_of, model.spec, engine)
            await _read(engine, Prompt(beginning_of(chat, model.spec.system_prompt or SYSTEM), ""))
            on_failure.pop_all()
        return engine, chat

    return load


async def _read(engine: Engine, prompt: Prompt) -> None:
    async with aclosing(engine.stream(prompt, Sampling(max_tokens=0))) as deltas:
        with suppress(ContextTooLarge):  # the first question reports it
            async for _ in deltas:
                pass


def chat_format_of(spec: ModelSpec, engine: LoadedEngine) -> ChatFormat:
    """The format that the catalogue names, else the one of the model's own template. Raises `TemplateRejected`."""
    if spec.prompt_format:
        if spec.prompt_format not in FORMATS:
            raise TemplateRejected(
                f"{spec.name}: no prompt format is called {spec.prompt_format}; choose one of {', '.join(FORMATS)}"
            )
        written = FORMATS[spec.prompt_format]
        return replace(written, tools=derive_tools(engine.chat_template, engine.bos, engine.eos))
    return derive(engine.chat_template, engine.bos, engine.eos) if engine.chat_template else FORMATS["plain"]
