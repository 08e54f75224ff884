"""`lantern models`: the catalogue, and a check of the installed models. Works on files; needs no server."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend.cli import output
from backend.cli.errors import MODEL_UNAVAILABLE, CommandFailed, model_errors
from backend.cli.settings import command_settings, open_registry
from backend.engines.loader import chat_format_of, kernel_results_file
from models.errors import ModelError
from models.gguf.header import read_header
from models.gguf.reader import human_bytes
from models.hardware import memory_limit, memory_need
from models.llama.engine import LlamaEngine
from models.llama.kernel_results import LeftOut
from models.llama.options import LlamaOptions
from models.llama.token_count import counter
from models.memory_plan import plan
from models.proposal import advice, fits, none_installed
from models.types import ModelSpec, ModelState, Segment
from prompts.errors import TemplateRejected
from prompts.formats import ChatFormat, render

# What pre-tokenizers split differently: digits, apostrophes, runs of spaces and line breaks, words of several scripts.
SAMPLE = "def f_1(x):\n\n    return 12345 + x  # isn't\t\u00e9t\u00e9, \u65e5\u672c, DON'T\n"


def run_list(as_json: bool) -> None:
    """Prints one line for each model of the catalogue."""
    registry = open_registry(command_settings())
    states = registry.states()
    if as_json:
        output.as_json([_as_json(state) for state in states])
        return
    for state in states:
        status = "missing" if state.path is None else "damaged" if state.problem else "installed"
        size = human_bytes(state.size_bytes) if state.size_bytes else "?"
        need = f"{human_bytes(state.spec.memory_bytes) if state.spec.memory_bytes else '?':>7} of memory"
        warning = "" if fits(state.spec) else " (too large for this machine)"
        output.line(
            f"{state.spec.name:24} {status:10} {size:>9} {need} {state.spec.context_length:>8} tokens  "
            f"{state.spec.licence}{warning}"
        )
    output.note(advice(registry.spec))


def run_add(file: Path) -> None:
    """Adds the file to the user's catalogue and prints the model's name."""
    with model_errors():
        output.line(open_registry(command_settings()).add(file).name)


def run_doctor() -> None:
    """Loads each installed model and tokenizes a prompt. Fails if a model cannot be used."""
    settings = command_settings()
    registry, broken = open_registry(settings), 0
    installed = [state for state in registry.states() if state.path is not None]
    if not installed:
        output.note(none_installed(registry.spec))
    for state in installed:
        output.line(f"{state.spec.name}: {state.path}")
        problem = state.problem or _examine(state, kernel_results_file(settings))
        if problem:
            broken += 1
            output.line(f"  unusable: {problem}")
    if broken:
        raise CommandFailed(f"{broken} of {len(installed)} installed models cannot be used", MODEL_UNAVAILABLE)


def _examine(state: ModelState, kernel_results: Path) -> str:
    """Prints what a model is. Returns why it cannot be used, or ""."""
    assert state.path is not None
    spec = state.spec
    try:
        header = read_header(state.path)
        longest = min(spec.context_length, header.context_length)
        memory_plan = plan(partial(memory_need, header), longest, memory_limit(), ())
        context = memory_plan.context if memory_plan else longest  # a load takes less if memory is short
        size = human_bytes(header.file_bytes)
        output.line(f"  {header.architecture}, {size}, trained on {header.context_length} tokens")
        need = human_bytes(memory_need(header, context))
        output.line(f"  memory {need} with {context} tokens; {human_bytes(memory_limit())} here")
        loaded = asyncio.run(_load(spec, state.path, context, kernel_results))
        expected = counter(state.path)(SAMPLE)
    except (ModelError, TemplateRejected) as error:
        return str(error)
    if loaded.sample != expected:  # a file that names the wrong pre-tokenizer loads, and answers badly
        return f"its tokenizer gives {loaded.sample} tokens where its vocabulary gives {expected}: convert it again"
    chat = loaded.chat
    output.line(f"  a prompt: {chat.opening!r} ... {chat.after_user!r}, {loaded.prompt} tokens; ends at {chat.stop}")
    for name, reason in loaded.left_out.items():
        output.line(f"  runs without {name}, which llama.cpp cannot use on this processor: {reason}")
    return ""


@dataclass(frozen=True, slots=True)
class _LoadResult:
    """What one load of a model showed."""

    chat: ChatFormat
    prompt: int  # tokens of the smallest prompt
    sample: int  # tokens of `SAMPLE` alone
    left_out: LeftOut


async def _load(spec: ModelSpec, path: Path, context: int, kernel_results: Path) -> _LoadResult:
    engine = await LlamaEngine.start(spec, path, LlamaOptions(context_length=context, kernel_results=kernel_results))
    try:
        chat = await asyncio.to_thread(chat_format_of, spec, engine)
        texts = (render(chat, "S", [], "Q"), (Segment(SAMPLE, parse_special=False),), ())
        prompt, sample, empty = [await asyncio.to_thread(engine.count_tokens, segments) for segments in texts]
        return _LoadResult(chat, prompt, sample - empty, engine.left_out)
    finally:
        await engine.close()


def _as_json(state: ModelState) -> dict[str, object]:
    return {
        "name": state.spec.name,
        "path": str(state.path) if state.path else None,
        "size_bytes": state.size_bytes,
        "context": state.spec.context_length,
        "licence": state.spec.licence,
        "memory_bytes": state.spec.memory_bytes,
        "fits": fits(state.spec),
        "problem": state.problem,
    }
