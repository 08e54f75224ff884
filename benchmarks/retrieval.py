"""`make bench-retrieval`: how good and how fast the search is, into a section of docs/benchmarks.md.

The benchmark of repositories is measured through a real server where its folder is at hand; this repository always.
`--quick` is the same over one small generated repository, and only printed: for the suite.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from backend.openmp import limit_openmp_spin
from benchmarks.ablation import ALL, PACKED, VARIANTS, World, ablation, benchmark, own
from indexer.embedding.onnx import load_embedder
from indexer.embedding.static import StaticEmbedder
from indexer.evaluation.metrics import Coverage, Score, summary
from tests.e2e.harness import LANTERN, environment, serving
from tests.indexer.repository import shop

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- bench-retrieval: written by `make bench-retrieval` -->", "<!-- /bench-retrieval -->"
BENCH = ROOT.parent / "shared" / "bench"

_COLUMNS = ("file_r1", "file_r5", "file_r10", "file_mrr", "func_r1", "func_r5", "func_r10", "func_mrr")
_HEADS = ("kind", "n", "file R@1", "R@5", "R@10", "MRR", "function R@1", "R@5", "R@10", "MRR")


def over_http(bench: Path, repo: str, folder: Path) -> Iterator[str]:
    """What the benchmark's own script says of a server of ours."""
    script = bench / "retrieval.py"
    if not script.exists():
        yield "The benchmark of repositories is not at hand: left out."
        return
    with serving(folder, WATCH=0) as served:
        while not httpx.get(f"{served.url}/health", trust_env=False).json()["embedder_loaded"]:
            time.sleep(0.1)
        given = [
            "--data",
            bench / "dev.jsonl",
            "--packs",
            bench / "packs",
            "--url",
            served.url,
            "--token",
            served.token,
        ]
        words = [sys.executable, "-u", str(script), *map(str, given), *(["--repo", repo] if repo else [])]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [say(line.rstrip()) for line in process.stdout]
    assert process.returncode == 0, "the benchmark's script failed"
    yield from (f"`retrieval.py`, every kind of question over HTTP{f', {repo} only' if repo else ''}; percent:", "")
    yield from as_table(_HEADS, scripted(lines))
    yield ""
    yield from (f"- {line}" for line in lines if line.startswith(("indexing:", "search over HTTP:")))


def scripted(lines: Sequence[str]) -> list[list[str]]:
    """The rows of the script's table, in percent, with the columns that are shown."""
    at = next(place for place, line in enumerate(lines) if line.startswith("kind "))
    names = lines[at].split()[2:]
    rows = []
    for line in lines[at + 1 :]:
        if not line:
            break
        kind, n, *figures = line.partition("(")[0].split()
        known = dict(zip(names, figures, strict=True))
        rows.append([kind, n, *("-" if known[c] == "-" else f"{100 * float(known[c]):.1f}" for c in _COLUMNS)])
    return rows


def evaluated(root: Path, folder: Path) -> Iterator[str]:
    """What `lantern eval` says of a codebase, with re-ranking and without."""
    words = [*LANTERN, "eval", str(root), "--compare", "rerank=off", "--json"]
    done = subprocess.run(words, env=environment(folder), capture_output=True, text=True, check=True)
    heads = ("", "kind", "n", "file R@5", "R@10", "MRR", "function R@5", "R@10", "MRR", "p50 ms", "p95 ms")
    rows = []
    for run in json.loads(done.stdout)["runs"]:
        for row in run["rows"]:
            shares = [*_shares(row["file"]), *_shares(row["function"])]
            times = (f"{row['p50_ms']:.0f}", f"{row['p95_ms']:.0f}")
            rows.append([run["settings"], row["kind"], str(row["n"]), *shares, *times])
    yield from ("`lantern eval`, this repository's own questions, every candidate embedded at its question:", "")
    yield from as_table(heads, rows)


def _shares(ranks: dict[str, Any] | None) -> list[str]:
    return [f"{100 * ranks[name]:.1f}" if ranks else "-" for name in ("r5", "r10", "mrr")]


def signals(scores: dict[str, list[Score]]) -> Iterator[str]:
    """What is lost without each signal: the mean of the kinds."""
    yield from ("What each signal gives: the mean of the kinds, and what changes without it (percent):", "")
    rows = []
    for name in (variant.name for variant in VARIANTS):
        of_variant = scores[name]
        figures, whole = _figures(of_variant), _figures(scores[ALL.name])
        plain = name == ALL.name
        rows.append([name, *(f"{a:.1f}" if plain else f"{a - b:+.1f}" for a, b in zip(figures, whole, strict=True))])
    yield from as_table(("", "file R@5", "file MRR", "function R@10", "function MRR", "in 1,000 tokens"), rows)


def _figures(scores: Sequence[Score]) -> list[float]:
    row = summary(scores)[-1]
    function = (row.function.r10, row.function.mrr) if row.function else (0.0, 0.0)
    inside = row.evidence.t1000 if row.evidence else 0.0
    return [100 * share for share in (row.file.r5, row.file.mrr, *function, inside)]


def evidence(scores: dict[str, list[Score]]) -> Iterator[str]:
    """How much of what answers is in a prompt."""
    yield "Evidence per token: share of the functions, at least half of each, in the first whole hits that fit, and in"
    yield from ("what a prompt shows in the same room (`prompts/pack.py`):", "")
    whole, packed = (
        [(row.kind, row.evidence) for row in summary(scores[variant.name]) if row.evidence] for variant in (ALL, PACKED)
    )
    yield from as_table(
        ("kind", "500 tokens", "1,000", "2,000", "packed: 500", "1,000", "2,000"),
        [[kind, *_shares_of(a), *_shares_of(b)] for (kind, a), (_, b) in zip(whole, packed, strict=True)],
    )


def _shares_of(evidence: Coverage) -> list[str]:
    return [f"{100 * share:.1f}" for share in (evidence.t500, evidence.t1000, evidence.t2000)]


def as_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cells)} |"


def packing(root: Path, bench: Path, repo: str, folder: Path, each: int) -> Iterator[str]:
    """The table of the evidence alone."""
    yield from evidence(
        ablation(worlds(root, bench, repo, folder, each), folder, StaticEmbedder(), load_embedder(), (ALL, PACKED))
    )


def worlds(root: Path, bench: Path, repo: str, folder: Path, each: int) -> Iterator[World]:
    """The benchmark of repositories where it is at hand, else this repository."""
    has_dev = (bench / "dev.jsonl").exists()
    yield from benchmark(bench, folder / "trees", repo, say) if has_dev else own(root, folder, each)


def section(root: Path, bench: Path, repo: str, folder: Path, each: int) -> Iterator[str]:
    """Everything that is measured, in Markdown."""
    yield from ("## Finding the right code", "")
    system, python = f"{platform.system()} {platform.release().partition('-')[0]}", platform.python_version()
    yield f"Measured {datetime.now(UTC):%Y-%m-%d}, {system}, CPython {python}, {os.cpu_count()} cores."
    yield ""
    yield from over_http(bench, repo, folder / "server")
    yield ""
    yield from evaluated(root, folder / "data")
    yield ""
    has_dev = (bench / "dev.jsonl").exists()
    asked = worlds(root, bench, repo, folder, each)
    scores = ablation(asked, folder, StaticEmbedder(), load_embedder(), (*VARIANTS, PACKED))
    of_what = "the benchmark of repositories" if has_dev else "this repository's own questions"
    yield f"The rest is of {of_what}, searched in one process."
    yield ""
    yield from signals(scores)
    yield ""
    yield from evidence(scores)


def replaced(text: str, told: str, begin: str = BEGIN, end: str = END) -> str:
    """The document with its marked section told anew; at its end where it has none."""
    marked = f"{begin}\n{told}\n{end}"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return found.sub(lambda _: marked, text) if found.search(text) else f"{text.rstrip()}\n\n{marked}\n"


def say(line: str) -> str:
    print(line, file=sys.stderr, flush=True)
    return line


def main() -> None:
    limit_openmp_spin()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small generated repository, printed only")
    parser.add_argument("--bench", type=Path, default=BENCH, help="the folder of retrieval.py, dev.jsonl and packs/")
    parser.add_argument("--repo", default="", help="one repository of the benchmark; printed only")
    parser.add_argument("--evidence", action="store_true", help="the table of evidence per token alone; printed only")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lantern-bench-") as name:
        folder = Path(name)
        root = shop(folder / "shop") if given.quick else ROOT
        bench = folder / "none" if given.quick else given.bench
        told = "\n".join((packing if given.evidence else section)(root, bench, given.repo, folder, 60))
    if given.quick or given.repo or given.evidence:
        print(told)
    else:
        DOCS.write_text(replaced(DOCS.read_text("utf-8"), told), "utf-8")


if __name__ == "__main__":
    main()
