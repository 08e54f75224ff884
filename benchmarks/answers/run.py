"""`make bench-answers`: how good and how fast answers are, into a section of docs/benchmarks.md.

Every row of `answers_bench.configurations` is asked the same questions: those of the shared benchmark where its folder
is at hand, else those of this repository's docstrings. `--quick` asks two, about a small codebase, and prints: for the
suite.
"""

import argparse
import asyncio
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from backend.openmp import limit_openmp_spin
from benchmarks.answers.configurations import ALL, EXTRACTIVE, EXTRACTIVE_ONLY, Configuration
from benchmarks.answers.figures import OTHERS, SHARES, Row, summary
from benchmarks.answers.plain import plain_server
from benchmarks.answers.questions import BENCH_DATA, BENCH_SCRIPT, Address, Docstrings, Questions, Scripted
from benchmarks.engine.peers import Absent, Machine, llama_server
from benchmarks.engine.run import LLAMA_SERVER, cpu
from benchmarks.retrieval import BENCH, DOCS, ROOT, as_table, replaced, say
from models.hardware import physical_cores
from tests.e2e.harness import serving
from tests.indexer.repository import shop
from tests.real.models import installed

BEGIN, END = "<!-- bench-answers: written by `make bench-answers` -->", "<!-- /bench-answers -->"
CONTEXT = 8192
_HEADS = {"first_s": "first text, s", "first_p95": "p95", "total_s": "whole, s", "prompt": "tokens read"}
_COLUMNS = (*SHARES, "first_s", "first_p95", *OTHERS[1:])
Measured = tuple[Configuration, list[Row]]


async def measured(row: Configuration, questions: Questions, binary: Path, folder: Path, out: Path) -> list[Row]:
    """The figures of its answers. Raises Absent where the row cannot be measured here."""
    if row.unknown:
        raise Absent(f"there is no {row.unknown}")
    model = installed(row.engine) if row.engine != EXTRACTIVE else None
    if model is None and row.engine != EXTRACTIVE:
        raise Absent("not installed")
    if row.by_peer and not binary.is_file():
        raise Absent("not built; `make llama-server` does")
    own = {"MODEL_NAME": row.engine, "MODELS_DIR": model[1].parent if model else folder}
    # Nothing that another row has read may help this one; every row has both cores.
    with serving(folder, N_THREADS=0, WATCH=0, KV_DISK_MB=0, **own, **row.settings) as served:
        lantern = Address(served.url, served.token)
        lantern.post("/chat/query", {"query": "Hello", "retrieval": "off", "max_tokens": 1})  # the model is loaded
        async with asked(row, lantern, binary, model[1] if model else Path()) as address:
            rows = await asyncio.to_thread(questions.ask, address, dict(row.body), out)
    return rows


@asynccontextmanager
async def asked(row: Configuration, lantern: Address, binary: Path, model: Path) -> AsyncIterator[Address]:
    """Who is asked: Lantern, or llama-server with what Lantern finds."""
    if not row.by_peer:
        yield lantern
        return
    machine = Machine(model, row.engine, row.engine, physical_cores(), CONTEXT, "")
    async with llama_server(machine, binary) as peer:
        with plain_server(lantern, peer.url) as address:
            yield address


async def section(
    rows: Sequence[Configuration], questions: Questions, binary: Path, folder: Path, keep: Path
) -> list[str]:
    """Everything that is measured, in Markdown."""
    told: list[Measured] = []
    absent: list[str] = []
    for row in rows:
        say(row.name)
        out = keep / f"{re.sub(r'[^a-z0-9.]+', '-', row.name.lower())}.jsonl"
        try:
            told.append((row, await measured(row, questions, binary, folder / "data", out)))
        except Absent as why:
            absent.append(f"{row.name}: {why}")
            say(f"  {why}")
            continue
        say("  " + ", ".join(f"{name} {figure:.3f}" for name, figure in summary(told[-1][1]).items()))
    missing = ["", *(f"Not measured: {line}." for line in absent)] if absent else []
    return ["## How good the answers are", "", *about(questions), "", *table(told), *missing]


def about(questions: Questions) -> Iterator[str]:
    """What the figures are of."""
    system, python = f"{platform.system()} {platform.release().partition('-')[0]}", platform.python_version()
    yield f"Measured {datetime.now(UTC):%Y-%m-%d} at commit {commit()}, {system}, CPython {python},"
    yield f"{os.cpu_count()} cores of an {cpu()}, load {os.getloadavg()[0]:.1f} at the end."
    yield f"Asked: {questions.what}, each in a conversation of its own, one after the other, over REST."
    yield ""
    yield "Shares in percent, without a judge: the reference's identifiers that the answer names; the answer's"
    yield "identifiers that the repository does not have; ROUGE-L; a file of the reference is among the sources;"
    yield "sentences with a citation or a path; sentences that rest on what was shown (`end.grounding`). Times from the"
    yield "question on, in the mean; the model"
    yield "is loaded. llama-server gets the code that Lantern finds, whole, in a plain prompt; its first text includes"
    yield "the search."


def commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def table(told: Sequence[Measured]) -> Iterator[str]:
    heads = ["engine", "", "n", *(_HEADS.get(name, name) for name in _COLUMNS)]
    rows = []
    for row, answers in told:
        figures, failed = summary(answers), answers.count({})
        n = f"{len(answers) - failed}{f', {failed} failed' if failed else ''}"
        rows.append([row.engine, row.what, n, *(_cell(name, figures) for name in _COLUMNS)])
    yield from as_table(heads, rows)


def _cell(name: str, figures: dict[str, float]) -> str:
    if name not in figures:
        return "-"
    if name in SHARES:
        return f"{100 * figures[name]:.1f}"
    return f"{figures[name]:.2f}" if name.endswith(("_s", "_p95")) else f"{figures[name]:.0f}"


@contextmanager
def kept(folder: Path | None) -> Iterator[Path]:
    """Where answers lie: in `folder`, or nowhere for long."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="lantern-answers-") as name:
        yield Path(name)


def chosen(bench: Path, n: int, quick: bool, folder: Path) -> Questions:
    """Who asks."""
    if quick:
        return Docstrings.of(shop(folder / "shop"), folder / "copy", 2, say)
    if (bench / BENCH_SCRIPT).is_file() and (bench / BENCH_DATA).is_file():
        return Scripted(bench, n, say)
    return Docstrings.of(ROOT, folder / "copy", n, say)


def main() -> None:
    limit_openmp_spin()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two questions, without a model; printed only")
    parser.add_argument("--n", type=int, default=24, help="questions for each row")
    parser.add_argument("--bench", type=Path, default=BENCH, help="the folder of answers.py and answers-dev.jsonl")
    parser.add_argument("--only", default="", help="rows whose name this regular expression finds; printed only")
    parser.add_argument("--keep", type=Path, help="a folder for the answers")
    parser.add_argument("--llama-server", type=Path, default=LLAMA_SERVER, help="left out where it is not there")
    given = parser.parse_args()
    rows = EXTRACTIVE_ONLY if given.quick else [row for row in ALL if re.search(given.only, row.name)]
    with tempfile.TemporaryDirectory(prefix="lantern-bench-") as name, kept(given.keep) as keep:
        questions = chosen(given.bench, given.n, given.quick, Path(name))
        told = "\n".join(asyncio.run(section(rows, questions, given.llama_server, Path(name), keep)))
    if given.quick or given.only:
        print(told)
    else:
        DOCS.write_text(replaced(DOCS.read_text("utf-8"), told, BEGIN, END), "utf-8")


if __name__ == "__main__":
    main()
