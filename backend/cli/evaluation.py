"""`lantern eval`: how well this codebase is searched, by questions that it answers itself. Works on files; no server.

Everything happens on a copy in a temporary folder: neither the user's files nor their index are touched.
"""

import importlib.util
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from backend.cli import output, plot
from backend.cli.errors import USAGE, CommandFailed
from backend.cli.settings import settings
from indexer.embedding.onnx import load_embedder
from indexer.embedding.rerank import Reranker, VectorCache
from indexer.embedding.static import StaticEmbedder
from indexer.evaluation import metrics
from indexer.evaluation.dataset import build
from indexer.evaluation.metrics import DEPTH, MetricsRow, Search, summary
from indexer.search.fusion import DEFAULT, Weights
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.types import Hit
from indexer.update.refresh import refresh

EMBEDDING, NONE = "EMBEDDING_MODEL", "none"
# The copy has no commits: what they say of reports would tell the answers.
SIGNALS = tuple(field.name for field in fields(Weights) if field.name != "history")


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured: an embedder that re-ranks, unless it is `none`, and weights."""

    name: str
    embedding_model: str
    weights: Weights

    @property
    def reranks(self) -> bool:
        return self.embedding_model != NONE and self.weights.rerank > 0


def run_eval(path: Path, compare: Sequence[str], each: int, as_json: bool, picture: Path | None) -> None:
    """Measures the current settings, and with `compare` (NAME=VALUE, each) the same with these changed."""
    current = Setup("current", settings().embedding_model, DEFAULT)
    setups = [current, _changed(current, compare)] if compare else [current]
    if picture and importlib.util.find_spec("PIL") is None:
        raise CommandFailed("--plot needs Pillow: pip install pillow")
    output.progress("loading ...")
    heavy = [load_embedder(setup.embedding_model) if setup.reranks else None for setup in setups]
    with tempfile.TemporaryDirectory(prefix="lantern-eval-") as name:
        folder = Path(name)
        (folder / ".git").write_text("gitdir: none")  # git looks no further up: a repository around has no say here
        output.progress("reading ...")
        cases = build(path.expanduser(), folder / "copy", each)
        if not cases:
            raise CommandFailed(
                f"nothing to ask about in {path}: no function with a docstring that is a sentence, no commit"
                " that changed few files of code, no test whose name says what it tests"
            )
        output.progress("indexing ...")
        store, static = Codebases(folder / "indexes").open(folder / "copy"), StaticEmbedder()
        refresh(store, static)
        runs: dict[str, list[MetricsRow]] = {}
        for setup, embedder in zip(setups, heavy, strict=True):
            cache = VectorCache(
                folder / f"vectors-{len(runs)}.cache"
            )  # its own: what one run embeds is no gift to another
            dense = Reranker(lambda e=embedder: e, cache) if embedder else None  # type: ignore[misc]
            search = _ready(Searcher(store, static, dense, setup.weights))
            scores = metrics.measure(
                cases,
                search,
                lambda done, s=setup: output.progress(f"{s.name}: question {done}/{len(cases)} ..."),  # type: ignore[misc]
            )
            runs[setup.name] = summary(scores)
    output.progress("")
    _tell(path, runs, as_json)
    if picture:
        plot.draw(picture, f"{path.resolve().name}: {len(cases)} questions", plot.bars(runs))


def _changed(current: Setup, compare: Sequence[str]) -> Setup:
    """Raises `CommandFailed` (2) for what is no setting of a search."""
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
    """None for what is no weight."""
    words = {"off": 0.0, "on": float(getattr(DEFAULT, signal))}
    try:
        weight = words[value.lower()] if value.lower() in words else float(value)
    except ValueError:
        return None
    return weight if 0 <= weight < 1000 else None


def _ready(searcher: Searcher) -> Search:
    """A search to be timed: what is read once is read."""

    def search(question: str) -> list[Hit]:
        return searcher.search(question, k=DEPTH)

    search("warm up")
    return search


def _tell(path: Path, runs: dict[str, list[MetricsRow]], as_json: bool) -> None:
    if as_json:
        told = [{"settings": name, "rows": [asdict(row) for row in rows]} for name, rows in runs.items()]
        print(json.dumps({"path": str(path.expanduser().resolve()), "runs": told}))
        return
    for name, rows in runs.items():
        print(f"{name}\n{table(rows)}\n")
    print("\n".join(plot.lines(plot.bars(runs))))


def table(rows: Sequence[MetricsRow]) -> str:
    """In percent and milliseconds; a dash where nothing is known."""
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
