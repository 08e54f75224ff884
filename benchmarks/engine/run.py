"""`make bench-engine`: compares Lantern's engine with llama.cpp's own servers, in a section of docs/benchmarks.md.

One run, one machine, one model, the same messages to all. The model has a real shape with random weights, or is a real
one, which has a section of its own. `--quick` measures little, with a tiny shape, and only prints: for the suite.
"""

import argparse
import asyncio
import json
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path

from backend.openmp import limit_openmp_spin
from benchmarks.document import cpu, log, system, today, write_section
from benchmarks.engine import table
from benchmarks.engine.clients import TimedAnswer
from benchmarks.engine.lantern_only import forecasts, promises, smaller_cache, swaps
from benchmarks.engine.peers import Machine, Unavailable, lantern, llama_server, locked
from benchmarks.engine.raw import Raw, raw_loop, runs_with_defaults
from benchmarks.engine.rows import Figures, Start, measured
from benchmarks.engine.workload import QUICK, ROOT, Sizes, Workload
from models.hardware import physical_cores
from tests.real.models import installed
from tests.shapes import SHAPES, made
from tests.tiny_gguf import PHI3

BEGIN, END = "<!-- bench-engine: written by make bench-engine -->", "<!-- /bench-engine -->"
CONTEXT = 8192
LLAMA_SERVER = ROOT / "build" / "llama-server" / "llama-server"


@dataclass(frozen=True, slots=True)
class Model:
    """The measured model, and its section in the document."""

    path: Path
    name: str  # in Lantern's catalogue
    what: str
    title: str = ""
    begin: str = ""  # the marker of its section; "" to print only


def of_shape(shape: str) -> Model:
    begin = BEGIN if shape == "phi3-mini" else ""
    return Model(made(SHAPES[shape]), PHI3.model, f"The shape {shape} with random weights", begin=begin)


def real(wanted: str) -> Model:
    """A model of the catalogue, or a file. Ends the benchmark if it is not installed."""
    found = installed(wanted)
    if found is None:
        raise SystemExit(f"{wanted} is not installed: `make test-models`, `lantern models pull`, or give a path")
    name, path = found
    begin = BEGIN.replace("bench-engine:", f"bench-engine {name}:")
    return Model(path, name, f"The model {name}", f": {name}", begin)


@asynccontextmanager
async def raw(machine: Machine, load: Workload, ours: bool) -> AsyncIterator[tuple[Raw, Figures]]:
    """The first turn of the first conversation in a bare llama.cpp loop, with its defaults or our engine's parameters.

    The loop stays open, to be measured beside other engines.
    """
    sizes = load.sizes
    prompt = f"<|system|>\n{machine.system}<|end|>\n<|user|>\n{load.code(sizes.code)}<|end|>\n<|assistant|>\n"
    choices = 1 if ours else 0 if machine.extra_buffers else 2
    async with raw_loop(machine.model, machine.threads, machine.context, sizes.decode, choices) as loop:
        figures = await loop.ask(json.dumps(prompt))
        rounds = [await loop.ask("") for _ in range(sizes.rounds)]
        yield loop, figures | max(rounds, key=itemgetter("decode"))


async def columns(
    machine: Machine, load: Workload, binary: Path, folder: Path, only: str
) -> tuple[table.Columns, list[TimedAnswer]]:
    """The figures of every available engine, one after the other, and the answers over Lantern's WebSocket."""
    figures: table.Columns = {}
    answers: list[TimedAnswer] = []
    for name, ours in ((table.RAW, False), (table.OURS, True)):
        async with raw(machine, load.again(), ours) as (_, figures[name]):
            log(f"{name}: {figures[name]}")
    starts: dict[str, Start] = {
        table.LOCKED: partial(locked, machine),
        table.SERVER: partial(llama_server, machine, binary),
        table.SOCKET: partial(lantern, machine, folder / "socket"),
        table.HTTP: partial(lantern, machine, folder / "http", socket=False),
    }
    async with raw(machine, load.again(), figures[table.OURS]["decode"] > figures[table.RAW]["decode"]) as (faster, _):
        for name, start in starts.items():
            start_s, figures[name] = time.perf_counter(), {}
            if not re.search(only, name):
                continue
            try:
                figures[name], of_engine = await measured(start, load.again(), faster)
            except Unavailable as why:
                log(f"{name}: {why}")
                continue
            answers += of_engine if name == table.SOCKET else []
            log(f"{name}: {figures[name]} in {time.perf_counter() - start_s:.0f} s")
    return figures, answers


async def section(model: Model, sizes: Sizes, binary: Path, folder: Path, only: str) -> list[str]:
    """All measurements, in Markdown."""
    load = Workload.of(model.path, sizes)
    extra_buffers = await asyncio.to_thread(runs_with_defaults, model.path)
    machine = Machine(model.path, model.name, model.what, physical_cores(), CONTEXT, load.system(), extra_buffers)
    figures, answers = await columns(machine, load, binary, folder, only)
    token_s = table.cold_read_s(figures) / (sizes.system + sizes.code)
    alone = {
        "forecasts": forecasts(answers),
        "promises": await promises(machine, folder / "promises", load.again(), token_s),
        "smaller cache": await smaller_cache(machine, folder / "cache", load.again()),
        "swaps": await swaps(machine, folder / "swaps", sizes.swaps),
    }
    log(f"Lantern alone: {alone}")
    text = [
        f"## The engine beside llama.cpp's own{model.title}",
        "",
        *conditions(machine, sizes),
        "",
        *table.side_by_side(figures),
        "",
    ]
    missing = [f"Not measured: {name}." for name, measured_figures in figures.items() if not measured_figures]
    return [*text, *missing, "", "Lantern alone:", "", *table.alone(alone, figures[table.SOCKET])]


def conditions(machine: Machine, sizes: Sizes) -> Iterator[str]:
    """The conditions of the measurements."""
    gigabytes, load = machine.model.stat().st_size / 1e9, os.getloadavg()[0]
    yield f"Measured {today()}, {system()}, {os.cpu_count()} cores of an {cpu()},"
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


def main() -> None:
    limit_openmp_spin()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny shape and less of everything; printed only")
    parser.add_argument("--shape", choices=SHAPES, default="phi3-mini", help="printed only, if it is not phi3-mini")
    parser.add_argument("--model", default="", help="a real one: its name in the catalogue, or the path of a GGUF")
    parser.add_argument("--llama-server", type=Path, default=LLAMA_SERVER, help="skipped if it does not exist")
    parser.add_argument("--only", default="", help="regular expression for the engines to measure")
    args = parser.parse_args()
    sizes = QUICK if args.quick else Sizes()
    model = real(args.model) if args.model else of_shape("tiny" if args.quick else args.shape)
    with tempfile.TemporaryDirectory(prefix="lantern-bench-") as name:
        text = "\n".join(asyncio.run(section(model, sizes, args.llama_server, Path(name), args.only)))
    if model.begin and not args.quick:
        write_section(text, model.begin, END)
    else:
        print(text)


if __name__ == "__main__":
    main()
