"""Searches without one signal each, in this process: over the benchmark's trees, or a codebase's own questions."""

import json
import lzma
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from backend.chat.prompting import CANDIDATES
from backend.cli.evaluation import SIGNALS
from backend.config import Settings
from indexer.embedding.base import Embedder
from indexer.embedding.rerank import Reranker, VectorCache
from indexer.evaluation.dataset import Case, Gold, build
from indexer.evaluation.metrics import DEPTH, Score, evidence, measure, score, size
from indexer.search.fusion import DEFAULT, Weights
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.types import Hit
from indexer.update.refresh import refresh
from prompts.pack import pack

CHOICE = CANDIDATES * Settings.model_fields["snippets"].default  # hits that a prompt is packed from
Codebase = tuple[Path, list[Case]]  # its files on disk and the questions to it


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to search. `constants`: values of module constants that are not weights."""

    name: str
    weights: Weights = DEFAULT
    constants: dict[str, float] = field(default_factory=dict)
    is_packed: bool = False  # evidence is what the packer shows, not the first whole hits


ALL = Variant("everything")
PACKED = Variant("packed", is_packed=True)
VARIANTS = (
    ALL,
    *(Variant(f"without {signal}", replace(DEFAULT, **{signal: 0.0})) for signal in SIGNALS),
    Variant("without demotion of tests", constants={"indexer.search.fusion._TESTS_FACTOR": 1.0}),
    Variant(
        "without merging",
        constants={"indexer.search.grouping._LINES": 0, "indexer.search.grouping._DEFINITION_LINES": 0},
    ),
    Variant("without giving way to other files", constants={"indexer.search.fusion._LEAST_DECAY": 1.0}),
)


def ablation(
    searched: Iterator[Codebase],
    folder: Path,
    static: Embedder,
    model: Embedder,
    variants: Sequence[Variant] = VARIANTS,
) -> dict[str, list[Score]]:
    """The scores of every variant, by name. Their times mean nothing: all variants share one cache of vectors."""
    codebases, cache = Codebases(folder / "indexes"), VectorCache(folder / "vectors.cache")
    scores: defaultdict[str, list[Score]] = defaultdict(list)
    for root, cases in searched:
        store = codebases.open(root)
        refresh(store, static)
        for variant in variants:
            reranker = Reranker(lambda: model, cache) if variant.weights.rerank else None
            searcher = Searcher(store, static, reranker, variant.weights)
            with ExitStack() as patches:
                for name, value in variant.constants.items():
                    patches.enter_context(patch(name, value))
                scores[variant.name] += (
                    score_packed(cases, searcher) if variant.is_packed else score_hits(cases, searcher)
                )
    return dict(scores)


def score_hits(cases: Sequence[Case], searcher: Searcher) -> list[Score]:
    return measure(cases, lambda question: searcher.search(question, k=DEPTH))


def score_packed(cases: Sequence[Case], searcher: Searcher) -> list[Score]:
    return [_packed(case, searcher.find(case.question, k=CHOICE, joined=False).hits) for case in cases]


def _packed(case: Case, hits: Sequence[Hit]) -> Score:
    """With the evidence that the packer shows of these hits. A piece costs its code only, as a whole hit does."""

    def shown(budget: int) -> list[Hit]:
        return [piece.hit for piece in pack(hits, case.question, budget, lambda piece: size(piece.hit.text))]

    scored = score(case, hits, 0.0)
    return replace(scored, evidence=evidence(case, shown)) if case.functions else scored


def own_questions(root: Path, folder: Path, each: int) -> Iterator[Codebase]:
    """A codebase and the questions made from it."""
    cases = build(root, folder / "copy", each)
    yield folder / "copy", cases


def benchmark_trees(
    bench: Path, folder: Path, repo: str = "", on_repository: Callable[[str], object] = str
) -> Iterator[Codebase]:
    """Each tree of `bench`/dev.jsonl, checked out in the folder of its repository, one after another."""
    trees: defaultdict[str, defaultdict[str, list[Case]]] = defaultdict(lambda: defaultdict(list))
    for line in (bench / "dev.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if repo in ("", row["repo"]):
            functions = (Gold(g["file"], g["qualname"], g["start"], g["end"]) for g in row["gold_symbols"])
            case = Case(row["kind"], row["query"], tuple(row["gold_files"]), tuple(functions))
            trees[row["repo"]][row["tree"]].append(case)
    for name, of_repo in trees.items():
        on_repository(name)
        contents, blobs = _pack(bench / "packs" / f"{name.replace('/', '+')}.tar.xz")
        root = folder / name.replace("/", "+")
        checked_out: dict[str, str] = {}
        for tree, cases in sorted(of_repo.items()):
            for path in checked_out.keys() - contents[tree].keys():
                (root / path).unlink()
            for path in (path for path, blob in contents[tree].items() if checked_out.get(path) != blob):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(blobs[contents[tree][path]])
            checked_out = contents[tree]
            yield root, cases


def _pack(file: Path) -> tuple[dict[str, dict[str, str]], dict[str, bytes]]:
    """The paths of each tree with their blobs, and the blobs."""
    contents: dict[str, dict[str, str]] = {}
    blobs = {}
    with lzma.open(file) as raw, tarfile.open(fileobj=raw) as archive:
        for member in archive:
            data = archive.extractfile(member)
            if data is not None and member.name == "trees.json":
                contents = json.load(data)
            elif data is not None:
                blobs[member.name.removeprefix("blobs/")] = data.read()
    return contents, blobs
