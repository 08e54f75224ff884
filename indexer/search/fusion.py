"""One ranking out of several: pure functions of scores and of what is known about each chunk."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.files.roles import is_test
from indexer.types import Chunk, Why

_EXAMPLE = re.compile(
    r"(?:^|/)(?:examples?|samples?|demos?|benchmarks?|vendor(?:ed)?|_vendor|third[_-]party|externals?)/", re.IGNORECASE
)
_TYPES_ONLY = re.compile(r"\.d\.[cm]?ts$|\.pyi$")
_PROSE = frozenset({"markdown", "rst", "text", "html"})
_DATA = frozenset({"json", "yaml", "toml", "xml", "csv", "css", "ini"})
_OUTSIDE = frozenset({"block", "window"})

# Measured on the development repositories, each beside all the others; where neighbours were alike, the middle.
_TESTS_TIMES = 0.3
_EXAMPLES_TIMES = 0.85
_PROSE_TIMES = 0.6
_DATA_TIMES = 0.75
_TYPES_TIMES = 0.6
_OUTSIDE_TIMES = 0.7


@dataclass(frozen=True, slots=True)
class Weights:
    """What a signal at its typical strength counts; 0 leaves it out."""

    lexical: float = 1.0  # of a list's root mean square
    dense: float = 0.7
    symbol: float = 1.6  # of a sure name
    graph: float = 1.0  # of as much rank as the best hit has of its own
    history: float = 0.2  # of changing with the best, and in the last commit
    rerank: float = 3.0  # of the root mean square above the worst candidate read
    file: float = 0.2  # of the Euclidean sum of a file's scores


DEFAULT = Weights()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk's place among the answers to one question."""

    id: int
    score: float
    why: Why


def fuse(
    lexical: Mapping[int, float],
    dense: Mapping[int, float],
    symbol: Mapping[int, float],
    factors: Mapping[int, float],
    pool: int,
    weights: Weights,
) -> list[Ranked]:
    """Best first, ties by id. Each argument maps chunk ids: BM25; cosine; 0 to 1 for a name; a factor on the sum.

    BM25 and cosine count by how far they lie above what the chunks beyond their list have at most, in units of what
    the list has on average (root mean square). So a chunk that a signal did not find gets 0 from it, and no signal
    drowns another by its scale. `pool`: the length from which on a list is cut off.
    """
    # A lexical list that is not cut off holds every chunk with any of the words: the others have 0.
    above_lexical = _above(lexical, min(lexical.values(), default=0.0) if len(lexical) >= pool else 0.0)
    above_dense = _above(dense, min(dense.values(), default=0.0))
    ranked = []
    for chunk in lexical.keys() | dense.keys() | symbol.keys():
        times = factors.get(chunk, 1.0)
        why = Why(
            lexical=times * weights.lexical * above_lexical.get(chunk, 0.0),
            dense=times * weights.dense * above_dense.get(chunk, 0.0),
            symbol=times * weights.symbol * symbol.get(chunk, 0.0),
        )
        ranked.append(_scored(chunk, why))
    return _ordered(ranked)


def refine(
    ranked: Sequence[Ranked],
    graph: Mapping[int, float],
    history: Mapping[str, float],
    cosines: Mapping[int, float],
    factors: Mapping[int, float],
    paths: Mapping[int, str],
    weights: Weights,
) -> list[Ranked]:
    """`ranked` again with what is known of its first ones only, and then with what speaks for each one's file.

    `graph`: 0 to 1; `history`: the same, by path; `cosines`: of the heavy embedder, counted from the worst one as in
    `fuse`.
    """
    above_cosines = _above(cosines, min(cosines.values(), default=0.0))
    gained: dict[int, tuple[float, float]] = {}  # by graph and history, and by the heavy embedder
    squares: dict[str, float] = defaultdict(float)
    for item in ranked:
        times = factors.get(item.id, 1.0)
        joined = weights.graph * graph.get(item.id, 0.0) + weights.history * history.get(paths[item.id], 0.0)
        read = times * weights.rerank * above_cosines.get(item.id, 0.0)
        gained[item.id] = times * joined, read
        squares[paths[item.id]] += (item.score + times * joined + read) ** 2
    refined = []
    for item in ranked:
        joined, read = gained[item.id]
        file = weights.file * math.sqrt(squares[paths[item.id]])
        refined.append(_scored(item.id, replace(item.why, graph=joined, rerank=read, file=file)))
    return _ordered(refined)


def factor(chunk: Chunk, about_tests: bool, about_docs: bool) -> float:
    """Below 1 for what is rarely the answer to a question that does not ask for it: tests, examples, prose, data."""
    rules = (
        (not about_tests and is_test(chunk.path), _TESTS_TIMES),
        (_EXAMPLE.search(chunk.path), _EXAMPLES_TIMES),
        (_TYPES_ONLY.search(chunk.path), _TYPES_TIMES),
        (not about_docs and chunk.language in _PROSE, _PROSE_TIMES),
        (chunk.language in _DATA, _DATA_TIMES),
        (chunk.kind in _OUTSIDE, _OUTSIDE_TIMES),
    )
    return math.prod(times for holds, times in rules if holds)


def total(why: Why) -> float:
    return why.lexical + why.dense + why.symbol + why.graph + why.rerank + why.file


def _scored(chunk: int, why: Why) -> Ranked:
    return Ranked(chunk, total(why), why)


def _ordered(ranked: list[Ranked]) -> list[Ranked]:
    return sorted(ranked, key=lambda item: (-item.score, item.id))


def _above(scores: Mapping[int, float], floor: float) -> dict[int, float]:
    if not scores:
        return {}
    typical = math.sqrt(sum((score - floor) ** 2 for score in scores.values()) / len(scores))
    if typical <= 1e-9:
        return dict.fromkeys(scores, 0.0)
    return {chunk: max(0.0, score - floor) / typical for chunk, score in scores.items()}
