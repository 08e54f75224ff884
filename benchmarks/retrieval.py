"""`make bench-retrieval`: writes how good and how fast the search is into a section of docs/benchmarks.md.

Measures the benchmark of repositories through a real server, if its folder is available, and always this repository.
`--quick` measures one small generated repository and only prints: for the suite.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.openmp import limit_openmp_spin
from benchmarks.ablation import ALL, PACKED, VARIANTS, Codebase, ablation, benchmark_trees, own_questions
from benchmarks.document import ROOT, as_table, log, system, today, write_section
from benchmarks.outside import outside
from indexer.embedding.loading import load_embedder
from indexer.embedding.static import StaticEmbedder
from indexer.evaluation.metrics import Coverage, Score, summary
from tests.e2e.harness import LANTERN, environment, serving, wait_for_embedder
from tests.indexer.repository import shop

BEGIN, END = "<!-- bench-retrieval: written by `make bench-retrieval` -->", "<!-- /bench-retrieval -->"
BENCH, MIRROR = ROOT.parent / "shared" / "bench", ROOT.parent / ".mirror"

_EACH = 60  # questions of each kind about this repository
_COLUMNS = ("file_r1", "file_r5", "file_r10", "file_mrr", "func_r1", "func_r5", "func_r10", "func_mrr")
_HEADS = ("kind", "n", "file R@1", "R@5", "R@10", "MRR", "function R@1", "R@5", "R@10", "MRR")


@dataclass(frozen=True, slots=True)
class Sources:
    """What is measured if it is there, and who answers."""

    bench: Path  # the folder of the scripts and their questions
    mirror: Path  # the folder of the snapshots of repositories
    models: tuple[str, ...] = ()  # that answer the plain questions


def over_http(bench: Path, repo: str, folder: Path) -> Iterator[str]:
    """The report of the benchmark's own script on a Lantern server."""
    script = bench / "retrieval.py"
    if not script.exists():
        yield "Not measured: the benchmark of repositories. Its folder is not available."
        return
    with serving(folder, WATCH=0) as served:
        wait_for_embedder(served)
        data = ["--data", bench / "dev.jsonl", "--packs", bench / "packs"]
        options = [*data, "--url", served.url, "--token", served.token, *(["--repo", repo] if repo else [])]
        command = [sys.executable, "-u", str(script), *map(str, options)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [log(line.rstrip()) for line in process.stdout]
    assert process.returncode == 0, "the benchmark's script failed"
    yield from (f"`retrieval.py`, every kind of question, over HTTP{f', {repo} only' if repo else ''}; percent:", "")
    yield from as_table(_HEADS, scripted(lines))
    yield ""
    yield from (f"- {line}" for line in lines if line.startswith(("indexing:", "search over HTTP:")))


def scripted(lines: Sequence[str]) -> list[list[str]]:
    """The rows of the script's table, in percent, with the columns that are shown."""
    head = next(number for number, line in enumerate(lines) if line.startswith("kind "))
    names = lines[head].split()[2:]
    rows = []
    for line in lines[head + 1 :]:
        if not line:
            break
        kind, n, *figures = line.partition("(")[0].split()
        by_name = dict(zip(names, figures, strict=True))
        rows.append([kind, n, *("-" if by_name[c] == "-" else f"{100 * float(by_name[c]):.1f}" for c in _COLUMNS)])
    return rows


def evaluated(root: Path, folder: Path) -> Iterator[str]:
    """The report of `lantern eval` on a codebase, with re-ranking and without."""
    command = [*LANTERN, "eval", str(root), "--compare", "rerank=off", "--json"]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=True)
    heads = ("", "kind", "n", "file R@5", "R@10", "MRR", "function R@5", "R@10", "MRR", "p50 ms", "p95 ms")
    rows = []
    for run in json.loads(done.stdout)["runs"]:
        for row in run["rows"]:
            shares = [*_shares(row["file"]), *_shares(row["function"])]
            times = (f"{row['p50_ms']:.0f}", f"{row['p95_ms']:.0f}")
            rows.append([run["settings"], row["kind"], str(row["n"]), *shares, *times])
    yield from ("`lantern eval`, questions made from this repository, with no cached vectors of candidates:", "")
    yield from as_table(heads, rows)


def _shares(ranks: dict[str, Any] | None) -> list[str]:
    return [f"{100 * ranks[name]:.1f}" if ranks else "-" for name in ("r5", "r10", "mrr")]


def signals(scores: dict[str, list[Score]]) -> Iterator[str]:
    """The loss without each signal, in the mean of the kinds."""
    yield from ("What each signal adds: the mean of the kinds, and the change without it (percent):", "")
    rows = []
    for name in (variant.name for variant in VARIANTS):
        of_variant = scores[name]
        figures, baseline = _figures(of_variant), _figures(scores[ALL.name])
        is_baseline = name == ALL.name
        rows.append(
            [name, *(f"{a:.1f}" if is_baseline else f"{a - b:+.1f}" for a, b in zip(figures, baseline, strict=True))]
        )
    yield from as_table(("", "file R@5", "file MRR", "function R@10", "function MRR", "in 1,000 tokens"), rows)


def _figures(scores: Sequence[Score]) -> list[float]:
    row = summary(scores)[-1]
    function = (row.function.r10, row.function.mrr) if row.function else (0.0, 0.0)
    inside = row.evidence.t1000 if row.evidence else 0.0
    return [100 * share for share in (row.file.r5, row.file.mrr, *function, inside)]


def evidence(scores: dict[str, list[Score]]) -> Iterator[str]:
    """How much of the answers a prompt contains."""
    yield "Evidence per token: the share of functions of which at least half is shown, by the first whole hits that fit"
    yield from ("and by a prompt with the same budget (packed, `prompts/pack.py`):", "")
    whole_hits, packed = (
        [(row.kind, row.evidence) for row in summary(scores[variant.name]) if row.evidence] for variant in (ALL, PACKED)
    )
    yield from as_table(
        ("kind", "500 tokens", "1,000", "2,000", "packed: 500", "1,000", "2,000"),
        [[kind, *_shares_of(a), *_shares_of(b)] for (kind, a), (_, b) in zip(whole_hits, packed, strict=True)],
    )


def _shares_of(evidence: Coverage) -> list[str]:
    return [f"{100 * share:.1f}" for share in (evidence.t500, evidence.t1000, evidence.t2000)]


def packing(root: Path, sources: Sources, repo: str, folder: Path) -> Iterator[str]:
    """Only the table of evidence."""
    yield from evidence(
        ablation(codebases(root, sources.bench, repo, folder), folder, StaticEmbedder(), load_embedder(), (ALL, PACKED))
    )


def codebases(root: Path, bench: Path, repo: str, folder: Path) -> Iterator[Codebase]:
    """The benchmark of repositories if available, else this repository."""
    has_dev = (bench / "dev.jsonl").exists()
    yield from benchmark_trees(bench, folder / "trees", repo, log) if has_dev else own_questions(root, folder, _EACH)


def section(root: Path, sources: Sources, repo: str, folder: Path) -> Iterator[str]:
    """All measurements, in Markdown."""
    bench, mirror, models = sources.bench, sources.mirror, sources.models
    yield from ("### Finding the right code", "")
    yield f"Measured {today()}, {system()}, {os.cpu_count()} cores."
    yield ""
    yield from over_http(bench, repo, folder / "server")
    yield ""
    yield from outside(bench, mirror, models, folder / "outside")
    yield ""
    yield from evaluated(root, folder / "data")
    yield ""
    has_dev = (bench / "dev.jsonl").exists()
    searched = codebases(root, sources.bench, repo, folder)
    scores = ablation(searched, folder, StaticEmbedder(), load_embedder(), (*VARIANTS, PACKED))
    of_what = "the benchmark of repositories" if has_dev else "this repository's own questions"
    yield f"The tables below are of {of_what}, searched in one process."
    yield ""
    yield from signals(scores)
    yield ""
    yield from evidence(scores)


def main() -> None:
    limit_openmp_spin()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small generated repository, printed only")
    parser.add_argument("--bench", type=Path, default=BENCH, help="the folder of retrieval.py, dev.jsonl and packs/")
    parser.add_argument("--mirror", type=Path, default=MIRROR, help="the snapshots for the outside measures")
    parser.add_argument("--model", action="append", default=[], help="a model that answers the plain questions too")
    parser.add_argument("--repo", default="", help="one repository of the benchmark; printed only")
    parser.add_argument("--evidence", action="store_true", help="only the table of evidence per token; printed only")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lantern-bench-") as name:
        folder = Path(name)
        root = shop(folder / "shop") if args.quick else ROOT
        bench = folder / "none" if args.quick else args.bench
        sources = Sources(bench, args.mirror, tuple(args.model))
        report = packing if args.evidence else section
        text = "\n".join(report(root, sources, args.repo, folder))
    if args.quick or args.repo or args.evidence:
        print(text)
    else:
        write_section(text, BEGIN, END)


if __name__ == "__main__":
    main()
