"""How a model's file becomes an engine with the chat format that its prompts are written in.

Knows neither which model is wanted nor what is in memory beside it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Protocol

from backend.config import Settings
from backend.engines.resident_models import Model, Progress, Start
from models.errors import ContextTooLarge
from models.hardware import processor
from models.llama.bindings import build
from models.llama.engine import LlamaEngine
from models.llama.options import LlamaOptions
from models.llama.verdicts import Verdict, Verdicts
from models.llama.wire import KvLimits
from models.types import Engine, ModelSpec, Prompt, Sampling
from prompts.errors import TemplateRejected
from prompts.formats import FORMATS, ChatFormat, beginning_of
from prompts.system import SYSTEM
from prompts.template import derive


class LoadedEngine(Engine, Protocol):
    """An engine of a model file, with what its own template is written in."""

    chat_template: str
    bos: str
    eos: str


# Spec, file, context in tokens, bytes of memory for snapshots, progress. Its smoke test is passed when it
# returns; it may be cancelled.
Starter = Callable[[ModelSpec, Path, int, int, Progress], Awaitable[LoadedEngine]]


def kv_folder(settings: Settings) -> Path:
    """Where snapshots of conversations lie."""
    return settings.data_dir / "kv"


def verdicts_file(settings: Settings) -> Path:
    """What llama.cpp cannot use on which processor, and what is fastest there."""
    return settings.data_dir / "kernels.json"


def verdicts(settings: Settings) -> dict[str, Verdict]:
    """By architecture of models: what llama.cpp cannot use on this processor and what is fastest, as far as known."""
    known = Verdicts(verdicts_file(settings)).of(processor(), build())
    return {architecture: verdict for architecture, verdict in known if verdict != Verdict()}


def llama(settings: Settings) -> Starter:
    """Starts llama.cpp as the settings say."""

    async def start(spec: ModelSpec, path: Path, context: int, ram_bytes: int, progressed: Progress) -> LoadedEngine:
        options = LlamaOptions(
            threads=settings.n_threads or None,
            gpu_layers=settings.n_gpu_layers,
            context_length=context,
            kv_type=settings.kv_type,
            kv_limits=KvLimits(ram_bytes, settings.kv_disk_mb << 20, kv_folder(settings)),
            verdicts=verdicts_file(settings),
        )
        return await LlamaEngine.start(spec, path, options, progressed)

    return start


def start_engine(starter: Starter) -> Start:
    """The same with the chat format, and with the system prompt read: no question waits for that, and by then it is
    known how fast this model reads here. An engine that fails at it is closed again.
    """

    async def start(model: Model, context: int, ram_bytes: int, progressed: Progress) -> tuple[Engine, ChatFormat]:
        engine = await starter(model.spec, model.path, context, ram_bytes, progressed)
        try:
            chat = await asyncio.to_thread(format_of, model.spec, engine)
            await _read(engine, Prompt(beginning_of(chat, model.spec.system_prompt or SYSTEM), ""))
        except BaseException:
            await engine.close()
            raise
        return engine, chat

    return start


async def _read(engine: Engine, prompt: Prompt) -> None:
    async with aclosing(engine.stream(prompt, Sampling(max_tokens=0))) as reading:
        with suppress(ContextTooLarge):  # whoever asks is told
            async for _ in reading:
                pass


def format_of(spec: ModelSpec, engine: LoadedEngine) -> ChatFormat:
    """The format that the catalogue names, else the model's own template. Raises `TemplateRejected`."""
    if spec.prompt_format:
        if spec.prompt_format not in FORMATS:
            raise TemplateRejected(
                f"{spec.name}: no prompt format is called {spec.prompt_format}; known: {', '.join(FORMATS)}"
            )
        return FORMATS[spec.prompt_format]
    return derive(engine.chat_template, engine.bos, engine.eos) if engine.chat_template else FORMATS["plain"]
