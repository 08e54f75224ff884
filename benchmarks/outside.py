"""Two outside measures on a Lantern server: semble's public benchmark, and questions as people type them.

Runs their own script on snapshots of public repositories. Both are given as folders, and may be absent.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, Popen

from benchmarks.document import as_table, log
from tests.e2e.harness import serving, wait_for_embedder

_EXTRACTIVE = "extractive"  # the engine that is no model
_REPOSITORY = re.compile(r"(\S+) +(\S+) +(\d+) ours (\S+) semble (\S+) coderankembed\+bm25 (\S+) ")
_MEAN = re.compile(r"(\d+) repositories, mean NDCG@10: ours (\S+) semble (\S+) coderankembed\+bm25 (\S+)")
_KINDS = re.compile(r"\{(.+)\} search p50 (\d+) ms p95 (\d+) ms")
_PLAIN = re.compile(r"(\d+) questions: found@5 (\S+) answered (\S+) seconds an answer, median (\S+)")


def outside(bench: Path, mirror: Path, models: Sequence[str], folder: Path) -> Iterator[str]:
    """The report in Markdown. `mirror` has OWNER+NAME/repo of each repository; `models` answer plain questions too."""
    script = bench / "external.py"
    if not script.exists() or not mirror.is_dir():
        yield "Not measured: semble's benchmark and the plain questions. Script or snapshots are not available."
        return
    options = ["--mirror", str(mirror), "--work", str(folder / "trees")]
    with serving(folder / "server", WATCH=0) as served:
        wait_for_embedder(served)
        options += ["--url", served.url, "--token", served.token]
        yield from semble_table(_run(script, "semble", *options))
        yield ""
        plain = {model: _run(script, "plain", *options, "--model", model) for model in (_EXTRACTIVE, *models)}
    yield from plain_table(plain)


def semble_table(lines: Sequence[str]) -> Iterator[str]:
    """NDCG@10 of each repository beside the figures that semble's authors publish."""
    rows = [list(found.groups()) for found in map(_REPOSITORY.match, lines) if found]
    [mean] = [found.groups() for found in map(_MEAN.match, lines) if found]
    [kinds] = [found.groups() for found in map(_KINDS.match, lines) if found]
    yield "semble's public benchmark over HTTP: NDCG@10 as its authors score it, and their published figures:"
    yield ""
    total = str(sum(int(row[2]) for row in rows))
    heads = ("repository", "language", "questions", "Lantern", "semble", "CodeRankEmbed + BM25")
    yield from as_table(heads, [*rows, [f"mean of {mean[0]}", "", total, *mean[1:]]])
    yield ""
    by_kind = kinds[0].replace("'", "").replace("symbol", "bare names")
    yield f"- By kind of question: {by_kind}. A search takes p50 {kinds[1]} ms, p95 {kinds[2]} ms."


def plain_table(lines: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """How many plain questions are answered, by each model; what is found is the same for all."""
    figures = {model: next(f.groups() for f in map(_PLAIN.match, of) if f) for model, of in lines.items()}
    asked, found, *_ = next(iter(figures.values()))
    yield f'{asked} plain questions ("What is the default timeout?"): a file that answers is among the first five'
    yield f"in {float(found):.2f} of them. The share of answers that hold the fact:"
    yield ""
    rows = [[model, f"{float(answered):.2f}", seconds] for model, (_, _, answered, seconds) in figures.items()]
    yield from as_table(("model", "answered", "seconds, median"), rows)


def _run(script: Path, *arguments: str) -> list[str]:
    with Popen([sys.executable, "-u", str(script), *arguments], stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [log(line.rstrip()) for line in process.stdout]
    assert process.returncode == 0, "the script of the outside measures failed"
    return lines
