"""`make bench-engine`: Lantern's engine beside llama.cpp's own faces, into a section of docs/benchmarks.md.

One run, one machine, one model, the same messages to all: a true shape with random weights, or a real model, which has
a section of its own. `--quick` is little of everything, with a tiny shape, and only printed: for the suite.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path

from backend.openmp import limit_openmp_spin
from benchmarks.engine import table
from benchmarks.engine.alone import forecasts, promises, smaller_cache, swaps
from benchmarks.engine.clients import Heard
from benchmarks.engine.load import QUICK, ROOT, Load, Sizes
from benchmarks.engine.peers import Absent, Machine, lantern, llama_server, locked
from benchmarks.engine.raw import Raw, holds, looping
from benchmarks.engine.rows import Figures, Start, measured
from benchmarks.retrieval import DOCS, replaced, say
from models.hardware import physical_cores
from tests.real.models import installed
from tests.shapes import SHAPES, made
from tests.tiny_gguf import PHI3

BEGIN, END = "<!-- bench-engine: written by make bench-engine -->", "<!-- /bench-engine -->"
CONTEXT = 8192
LLAMA_SERVER = ROOT / "build" / "llama-server" / "llama-server"


@dataclass(frozen=True, slots=True)
class Model:
    """What is measured, and where in the document."""

    path: Path
    name: str  # in Lantern's catalogue
    what: str
    title: str = ""
    begin: str = ""  # the marker of its section; "": it is only printed


def of_shape(shape: str) -> Model:
    begin = BEGIN if shape == "phi3-mini" else ""
    return Model(made(SHAPES[shape]), PHI3.model, f"The shape {shape} with random weights", begin=begin)


def real(wanted: str) -> Model:
    """Of the catalogue, or a file. Ends the benchmark where it is not here."""
    found = installed(wanted)
    if found is None:
        raise SystemExit(f"{wanted} is not installed: `make test-models`, `lantern models pull`, or give a path")
    name, path = found
    begin = BEGIN.replace("bench-engine:", f"bench-engine {name}:")
    return Model(path, name, f"The model {name}", f": {name}", begin)


@asynccontextmanager
async def raw(machine: Machine, load: Load, ours: bool) -> AsyncIterator[tuple[Raw, Figures]]:
    """The first turn of the first conversation, read and answered by llama.cpp alone: as it comes, or with what our
    engine chooses of its parameters. It stays, for answers beside those of others.
    """
    sizes = load.sizes
    prompt = f"<|system|>\n{machine.system}<|end|>\n<|user|>\n{load.code(sizes.code)}<|end|>\n<|assistant|>\n"
    choices = 1 if ours else 0 if machine.extra_buffers else 2
    async with looping(machine.model, machine.threads, machine.context, sizes.decode, choices) as loop:
        figures = await loop.ask(json.dumps(prompt))
        rounds = [await loop.ask("") for _ in range(sizes.rounds)]
        yield loop, figures | max(rounds, key=itemgetter("decode"))


async def columns(
    machine: Machine, load: Load, binary: Path, folder: Path, only: str
) -> tuple[table.Columns, list[Heard]]:
    """The figures of every engine that is here, one after the other, and what Lantern's socket was told."""
    told: table.Columns = {}
    heard: list[Heard] = []
    for name, ours in ((table.RAW, False), (table.OURS, True)):
        async with raw(machine, load.again(), ours) as (_, told[name]):
            say(f"{name}: {told[name]}")
    starts: dict[str, Start] = {
        table.LOCKED: partial(locked, machine),
        table.SERVER: partial(llama_server, machine, binary),
        table.SOCKET: partial(lantern, machine, folder / "socket"),
        table.HTTP: partial(lantern, machine, folder / "http", socket=False),
    }
    async with raw(machine, load.again(), told[table.OURS]["decode"] > told[table.RAW]["decode"]) as (faster, _):
        for name, start in starts.items():
            began, told[name] = time.perf_counter(), {}
            if not re.search(only, name):
                continue
            try:
                told[name], answers = await measured(start, load.again(), faster)
            except Absent as why:
                say(f"{name}: {why}")
                continue
            heard += answers if name == table.SOCKET else []
            say(f"{name}: {told[name]} in {time.perf_counter() - began:.0f} s")
    return told, heard


async def section(model: Model, sizes: Sizes, binary: Path, folder: Path, only: str) -> list[str]:
    """Everything that is measured, in Markdown."""
    load = Load.of(model.path, sizes)
    extra_buffers = await asyncio.to_thread(holds, model.path)
    machine = Machine(model.path, model.name, model.what, physical_cores(), CONTEXT, load.system(), extra_buffers)
    told, heard = await columns(machine, load, binary, folder, only)
    token_s = table.cold_read_s(told) / (sizes.system + sizes.code)
    alone = {
        "forecasts": forecasts(heard),
        "promises": await promises(machine, folder / "promises", load.again(), token_s),
        "smaller cache": await smaller_cache(machine, folder / "cache", load.again()),
        "swaps": await swaps(machine, folder / "swaps", sizes.swaps),
    }
    say(f"Lantern alone: {alone}")
    text = [
        f"## The engine beside llama.cpp's own{model.title}",
        "",
        *asked(machine, sizes),
        "",
        *table.side_by_side(told),
        "",
    ]
    missing = [f"Not measured: {name}." for name, figures in told.items() if not figures]
    return [*text, *missing, "", "Lantern alone:", "", *table.alone(alone, told[table.SOCKET])]


def asked(machine: Machine, sizes: Sizes) -> Iterator[str]:
    """What the figures are of."""
    system, python = f"{platform.system()} {platform.release().partition('-')[0]}", platform.python_version()
    gigabytes, load = machine.model.stat().st_size / 1e9, os.getloadavg()[0]
    yield f"Measured {datetime.now(UTC):%Y-%m-%d}, {system}, CPython {python}, {os.cpu_count()} cores of an {cpu()},"
    yield f"load {load:.1f} at the end. {machine.what} ({gigabytes:.2f} GB),"
    yield f"{machine.threads} threads, a context of {machine.context} tokens, cache in f16. Our parameters: no flash"
    yield "attention, weights used as they are in the file; all others run with llama.cpp's."
    if flags := os.environ.get("LLAMA_SERVER_FLAGS"):
        yield f"llama-server has `{flags}`."
    if not machine.extra_buffers:
        yield "Its extra buffer types fault on this processor: nobody uses them."
    yield ""
    yield f"Every conversation has the same system prompt ({sizes.system} tokens) and begins with code of this"
    yield f"repository ({sizes.code} tokens, each its own) and a question about it; follow-ups are one sentence,"
    yield f"temperature 0 (1 for the rate), nothing is retrieved, {sizes.rest_s:g} s between two rows. Over"
    yield "/v1/chat/completions (llama-server -np 4 with one cache for all; `Llama` behind a lock, in a small server of"
    yield "the benchmark; Lantern) the client sends all messages each time, over the WebSocket only the new one"
    yield "(`retrieval: off`): what the models read is the same. Answers have"
    yield f"{sizes.answer} tokens, {sizes.decode} for the rate. Several at once: the median of {sizes.rounds} rounds."
    yield "A first token is the first text at the client. Before the first turn and after a restart every server"
    yield "answers one other question, so the model is loaded and has read the system prompt; the cold read has neither"
    yield "in its cache."
    yield f"The {sizes.others} other conversations begin with {sizes.other} tokens each; the long prompt has"
    yield f"{sizes.long}, the one that is cancelled after {sizes.cancel_after_s:g} s {sizes.cancelled}. Memory is the"
    yield "RSS of a server and its children, with the pages of the model file."


def cpu() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    limit_openmp_spin()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the tiny shape and little of everything, printed only")
    parser.add_argument("--shape", choices=SHAPES, default="phi3-mini", help="printed only, if it is not phi3-mini")
    parser.add_argument("--model", default="", help="a real one: its name in the catalogue, or the path of a GGUF")
    parser.add_argument("--llama-server", type=Path, default=LLAMA_SERVER, help="left out where it is not there")
    parser.add_argument("--only", default="", help="regular expression of the engines that are measured; Lantern is")
    given = parser.parse_args()
    sizes = QUICK if given.quick else Sizes()
    model = real(given.model) if given.model else of_shape("tiny" if given.quick else given.shape)
    with tempfile.TemporaryDirectory(prefix="lantern-bench-") as name:
        told = "\n".join(asyncio.run(section(model, sizes, given.llama_server, Path(name), given.only)))
    if model.begin and not given.quick:
        DOCS.write_text(replaced(DOCS.read_text("utf-8"), told, model.begin, END), "utf-8")
    else:
        print(told)


if __name__ == "__main__":
    main()
