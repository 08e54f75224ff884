"""`lantern eval`: measures the search of a codebase with questions made from the codebase itself. Needs no server.

It works on a copy in a temporary folder: the user's files and their index stay untouched.
"""

import importlib.util
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from backend.cli import output, plot
from backend.cli.errors import USAGE, CommandFailed
from backend.cli.paths import resolved
from backend.cli.settings import command_settings
from backend.indexing.workers import start_workers
from backend.wording import plural
from indexer.embedding.base import Embedder
from indexer.embedding.loading import NONE, load_embedder
from indexer.embedding.rerank import Reranker, VectorCache
from indexer.embedding.static import StaticEmbedder
from indexer.evaluation import metrics
from indexer.evaluation.dataset import Case, build
from indexer.evaluation.metrics import DEPTH, MetricsRow, summary
from indexer.search.fusion import DEFAULT, Weights
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.types import Hit
from indexer.update.refresh import refresh
from indexer.workers.pool import Runner

_BUILD_CPU_S = 600.0
EMBEDDING = "EMBEDDING_MODEL"
# `cochange` is left out: the copy has no commits, because the commits that fixed a report would give away its answer.
SIGNALS = tuple(field.name for field in fields(Weights) if field.name != "cochange")


@dataclass(frozen=True, slots=True)
class Setup:
    """One configuration to measure: the model that re-ranks (or `none`), and the weights of the signals."""

    name: str
    embedding_model: str
    weights: Weights

    @property
    def reranks(self) -> bool:
        return self.embedding_model != NONE and self.weights.rerank > 0


def run_eval(path: Path, compare: Sequence[str], per_kind: int, as_json: bool, picture: Path | None) -> None:
    """Measures the current settings, and with `compare` (NAME=VALUE, each) the same with these changed."""
    current = Setup("current", command_settings().embedding_model, DEFAULT)
    setups = [current, _changed(current, compare)] if compare else [current]
    if picture and importlib.util.find_spec("PIL") is None:
        raise CommandFailed("--plot needs Pillow: pip install pillow")
    output.progress("loading ...")
    embedders = [load_embedder(setup.embedding_model) if setup.reranks else None for setup in setups]
    static = StaticEmbedder()
    with tempfile.TemporaryDirectory(prefix="lantern-eval-") as name, ExitStack() as at_end:
        workers = start_workers()
        at_end.callback(workers.close)
        folder = Path(name)
        (folder / ".git").write_text("gitdir: none")  # stops git from finding a repository that contains the folder
        output.progress("reading ...")
        cases = workers.jobs(build, resolved(path), folder / "copy", per_kind, seconds=_BUILD_CPU_S)
        if not cases:
            raise CommandFailed(
                f"nothing to ask about in {path}: no function with a docstring that is a sentence, no commit"
                " that changed few files of code, no test whose name says what it tests"
            )
        output.progress("indexing ...")
        store = Codebases(folder / "indexes").open(folder / "copy")
        refresh(store, static, runner=Runner(workers.jobs))
        runs: dict[str, list[MetricsRow]] = {}
        for setup, embedder in zip(setups, embedders, strict=True):
            cache = VectorCache(folder / f"vectors-{len(runs)}.cache")  # one for each run: no run profits from another
            searcher = Searcher(store, static, _reranker(embedder, cache), setup.weights)
            runs[setup.name] = _measure(setup, cases, searcher)
    output.progress("")
    _print(path, runs, as_json)
    if picture:
        plot.draw(picture, f"{resolved(path).name}: {plural(len(cases), 'question')}", plot.bars(runs))


def _reranker(embedder: Embedder | None, cache: VectorCache) -> Reranker | None:
    return Reranker(lambda: embedder, cache) if embedder is not None else None


def _measure(setup: Setup, cases: Sequence[Case], searcher: Searcher) -> list[MetricsRow]:
    """One row for each kind of question."""

    def search(question: str) -> list[Hit]:
        return searcher.search(question, k=DEPTH)

    search("warm up")  # loads what is loaded once, so that the first question is not slower
    scores = metrics.measure(
        cases, search, lambda done: output.progress(f"{setup.name}: question {done}/{len(cases)} ...")
    )
    return summary(scores)


def _changed(current: Setup, compare: Sequence[str]) -> Setup:
    """The setup with these changes. Raises `CommandFailed` (2) for a change that is not a setting of the search."""
    setup = replace(current, name=" ".join(compare))
    for change in compare:
        name, _, value = change.partition("=")
        if name.upper() == EMBEDDING and value:
            setup = replace(setup, embedding_model=value)
        elif name.lower() in SIGNALS and (weight := _weight(name.lower(), value)) is not None:
            setup = replace(setup, weights=replace(setup.weights, **{name.lower(): weight}))
        else:
            raise CommandFailed(
                f"--compare {change}: give {EMBEDDING}=NAME (or {NONE}), or the weight of a signal, as rerank=off or"
                f" graph=0.5; the signals are {', '.join(SIGNALS)}",
                USAGE,
            )
    return setup


def _weight(signal: str, value: str) -> float | None:
    """The weight that `value` means: `on`, `off`, or a number in [0, 1000). None for anything else."""
    words = {"off": 0.0, "on": float(getattr(DEFAULT, signal))}
    try:
        weight = words[value.lower()] if value.lower() in words else float(value)
    except ValueError:
        return None
    return weight if 0 <= weight < 1000 else None


def _print(path: Path, runs: dict[str, list[MetricsRow]], as_json: bool) -> None:
    if as_json:
        results = [{"settings": name, "rows": [asdict(row) for row in rows]} for name, rows in runs.items()]
        output.as_json({"path": str(resolved(path)), "runs": results})
        return
    for name, rows in runs.items():
        output.line(name)
        output.text(f"{table(rows)}\n")
    for bar in plot.lines(plot.bars(runs)):
        output.line(bar)


def table(rows: Sequence[MetricsRow]) -> str:
    """Shares in percent, times in milliseconds; a dash if there is no value."""
    heads = (f"{head:>8}" for head in ("file R@5", "R@10", "MRR", "func R@5", "R@10", "MRR", "p50 ms", "p95 ms"))
    lines = [f"{'':10}{'n':>5} " + " ".join(heads)]
    for row in rows:
        shares = [
            getattr(part, name) if part else None for part in (row.file, row.function) for name in ("r5", "r10", "mrr")
        ]
        cells = ["-" if share is None else f"{100 * share:.1f}" for share in shares]
        cells += [f"{row.p50_ms:.0f}", f"{row.p95_ms:.0f}"]
        lines.append(f"{row.kind:10}{row.n:5} " + " ".join(f"{cell:>8}" for cell in cells))
    return "\n".join(lines)
