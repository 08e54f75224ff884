"""`make bench-answers`: writes how good and how fast the answers are into a section of docs/benchmarks.md.

Every row of `configurations` gets the same questions: those of the shared benchmark if its folder is available, else
those of this repository's docstrings. `--quick` asks two about a small codebase and only prints: for the suite.
"""

import argparse
import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from backend.openmp import limit_openmp_spin
from benchmarks.answers.configurations import ALL, EXTRACTIVE, EXTRACTIVE_ONLY, Configuration
from benchmarks.answers.figures import OTHERS, SHARES, Row, summary
from benchmarks.answers.plain import plain_server
from benchmarks.answers.questions import BENCH_DATA, BENCH_SCRIPT, Address, Docstrings, Questions, Scripted
from benchmarks.document import ROOT, as_table, cpu, log, system, today, write_section
from benchmarks.engine.peers import Machine, Unavailable, llama_server
from benchmarks.engine.run import LLAMA_SERVER
from benchmarks.retrieval import BENCH
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
    """The figures of its answers. Raises Unavailable if the row cannot be measured here."""
    if row.unknown:
        raise Unavailable(f"there is no {row.unknown}")
    model = installed(row.engine) if row.engine != EXTRACTIVE else None
    if model is None and row.engine != EXTRACTIVE:
        raise Unavailable("not installed")
    if row.by_peer and not binary.is_file():
        raise Unavailable("not built; `make llama-server` does")
    own = {"MODEL_NAME": row.engine, "MODELS_DIR": model[1].parent if model else folder}
    # No row profits from what another one has computed; every row has all cores.
    with serving(folder, N_THREADS=0, WATCH=0, KV_DISK_MB=0, **own, **row.settings) as served:
        lantern = Address(served.url, served.token)
        lantern.post("/chat/query", {"query": "Hello", "retrieval": "off", "max_tokens": 1})  # the model is loaded
        async with answering(row, lantern, binary, model[1] if model else Path()) as address:
            rows = await asyncio.to_thread(questions.ask, address, dict(row.body), out)
    return rows


@asynccontextmanager
async def answering(row: Configuration, lantern: Address, binary: Path, model: Path) -> AsyncIterator[Address]:
    """The server of a row: Lantern, or llama-server with the code that Lantern finds."""
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
    """All measurements, in Markdown."""
    results: list[Measured] = []
    missing: list[str] = []
    for row in rows:
        log(row.name)
        out = keep / f"{re.sub(r'[^a-z0-9.]+', '-', row.name.lower())}.jsonl"
        try:
            results.append((row, await measured(row, questions, binary, folder / "data", out)))
        except Unavailable as why:
            missing.append(f"{row.name}: {why}")
            log(f"  {why}")
            continue
        log("  " + ", ".join(f"{name} {figure:.3f}" for name, figure in summary(results[-1][1]).items()))
    footer = ["", *(f"Not measured: {line}." for line in missing)] if missing else []
    return ["## How good the answers are", "", *about(questions), "", *table(results), *footer]


def about(questions: Questions) -> Iterator[str]:
    """The conditions of the measurements."""
    yield f"Measured {today()} at commit {commit()}, {system()},"
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
    """The measured commit, with a plus if files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def table(results: Sequence[Measured]) -> Iterator[str]:
    heads = ["engine", "", "n", *(_HEADS.get(name, name) for name in _COLUMNS)]
    rows = []
    for row, answers in results:
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
def answers_folder(folder: Path | None) -> Iterator[Path]:
    """The folder for the answers: `folder`, or a temporary one."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="lantern-answers-") as name:
        yield Path(name)


def choose_questions(bench: Path, n: int, quick: bool, folder: Path) -> Questions:
    """The set of questions."""
    if quick:
        return Docstrings.of(shop(folder / "shop"), folder / "copy", 2, log)
    if (bench / BENCH_SCRIPT).is_file() and (bench / BENCH_DATA).is_file():
        return Scripted(bench, n, log)
    return Docstrings.of(ROOT, folder / "copy", n, log)


def main() -> None:
    limit_openmp_spin()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two questions, without a model; printed only")
    parser.add_argument("--n", type=int, default=24, help="questions for each row")
    parser.add_argument("--bench", type=Path, default=BENCH, help="the folder of answers.py and answers-dev.jsonl")
    parser.add_argument("--only", default="", help="rows whose name this regular expression finds; printed only")
    parser.add_argument("--keep", type=Path, help="a folder for the answers")
    parser.add_argument("--llama-server", type=Path, default=LLAMA_SERVER, help="skipped if it does not exist")
    args = parser.parse_args()
    rows = EXTRACTIVE_ONLY if args.quick else [row for row in ALL if re.search(args.only, row.name)]
    with tempfile.TemporaryDirectory(prefix="lantern-bench-") as name, answers_folder(args.keep) as keep:
        questions = choose_questions(args.bench, args.n, args.quick, Path(name))
        text = "\n".join(asyncio.run(section(rows, questions, args.llama_server, Path(name), keep)))
    if args.quick or args.only:
        print(text)
    else:
        write_section(text, BEGIN, END)


if __name__ == "__main__":
    main()
