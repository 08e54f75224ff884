"""`lantern models`: what the catalogue knows and what is here. Works on files; needs no server."""

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend.cli import show
from backend.cli.catalogue import open_registry, told
from backend.cli.exits import MODEL_UNAVAILABLE, CommandFailed
from backend.cli.settings import settings
from backend.engines.loader import format_of, verdicts_file
from models.errors import ModelError
from models.gguf.header import read_header
from models.gguf.reader import human_bytes
from models.hardware import memory_limit, memory_need
from models.llama.engine import LlamaEngine
from models.llama.options import LlamaOptions
from models.llama.token_count import counter
from models.llama.verdicts import LeftOut
from models.memory_plan import plan
from models.proposal import advice, fits, none_installed
from models.types import ModelSpec, ModelState, Segment
from prompts.errors import TemplateRejected
from prompts.formats import ChatFormat, render

# What pre-tokenizers disagree about: digits, apostrophes, runs of spaces and line breaks, words of several scripts.
SAMPLE = "def f_1(x):\n\n    return 12345 + x  # isn't\t\u00e9t\u00e9, \u65e5\u672c, DON'T\n"


def run_list(as_json: bool) -> None:
    """One line a model."""
    registry = open_registry()
    states = registry.states()
    if as_json:
        print(json.dumps([_facts(state) for state in states], ensure_ascii=False))
        return
    for state in states:
        here = "missing" if state.path is None else "damaged" if state.problem else "installed"
        size = human_bytes(state.size_bytes) if state.size_bytes else "?"
        need = f"{human_bytes(state.spec.memory_bytes) if state.spec.memory_bytes else '?':>7} of memory"
        large = "" if fits(state.spec) else " (too large for this machine)"
        print(
            f"{state.spec.name:24} {here:10} {size:>9} {need} {state.spec.context_length:>8} tokens  "
            f"{state.spec.licence}{large}"
        )
    show.say(advice(registry.spec))


def run_add(file: Path) -> None:
    with told():
        print(open_registry().add(file).name)


def run_doctor() -> None:
    """Loads each installed model as far as its prompt; fails if one could not be used."""
    broken, verdicts = 0, verdicts_file(settings())
    installed = [state for state in open_registry().states() if state.path is not None]
    if not installed:
        show.say(none_installed(open_registry().spec))
    for state in installed:
        print(f"{state.spec.name}: {state.path}")
        problem = state.problem or _examine(state, verdicts)
        if problem:
            broken += 1
            print(f"  unusable: {problem}")
    if broken:
        raise CommandFailed(f"{broken} of {len(installed)} installed models cannot be used", MODEL_UNAVAILABLE)


def _examine(state: ModelState, verdicts: Path) -> str:
    """Prints what a model is; returns why it cannot be used, or nothing."""
    assert state.path is not None
    spec = state.spec
    try:
        header = read_header(state.path)
        want = min(spec.context_length, header.context_length)
        fits = plan(partial(memory_need, header), want, memory_limit(), ())
        context = fits.context if fits else want  # a load shortens it where memory is short
        print(f"  {header.architecture}, {human_bytes(header.file_bytes)}, trained on {header.context_length} tokens")
        need = human_bytes(memory_need(header, context))
        print(f"  memory {need} with {context} tokens; {human_bytes(memory_limit())} here")
        tried = asyncio.run(_tried(spec, state.path, context, verdicts))
        expected = counter(state.path)(SAMPLE)
    except (ModelError, TemplateRejected) as error:
        return str(error)
    if tried.sample != expected:  # a file that names the wrong pre-tokenizer still loads, and answers badly
        return f"its tokenizer gives {tried.sample} tokens where its vocabulary gives {expected}: convert it again"
    chat = tried.chat
    print(f"  a prompt: {chat.opening!r} ... {chat.after_user!r}, {tried.prompt} tokens; ends at {chat.stop}")
    for name, what in tried.left_out.items():
        print(f"  runs without {name}, which llama.cpp cannot use on this processor: {what}")
    return ""


@dataclass(frozen=True, slots=True)
class _Tried:
    """What a load has shown."""

    chat: ChatFormat
    prompt: int  # tokens of a smallest prompt
    sample: int  # those of `SAMPLE` alone
    left_out: LeftOut


async def _tried(spec: ModelSpec, path: Path, context: int, verdicts: Path) -> _Tried:
    engine = await LlamaEngine.start(spec, path, LlamaOptions(context_length=context, verdicts=verdicts))
    try:
        chat = await asyncio.to_thread(format_of, spec, engine)
        cuts = (render(chat, "S", [], "Q"), (Segment(SAMPLE, parse_special=False),), ())
        tokens, sample, nothing = [await asyncio.to_thread(engine.count_tokens, segments) for segments in cuts]
        return _Tried(chat, tokens, sample - nothing, engine.left_out)
    finally:
        await engine.close()


def _facts(state: ModelState) -> dict[str, object]:
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
