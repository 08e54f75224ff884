"""Several rankings fused into one: pure functions of scores and chunks. Does not know how the scores come about."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from indexer.files.roles import is_test, superseded
from indexer.search.query import SearchQuery
from indexer.types import ChunkHead, Why

_EXAMPLE = re.compile(
    r"(?:^|/)(?:examples?|samples?|demos?|benchmarks?|vendor(?:ed)?|_vendor|third[_-]party|externals?)/", re.IGNORECASE
)
_TYPES_ONLY = re.compile(r"\.d\.[cm]?ts$|\.pyi$")
_PROSE = frozenset({"markdown", "rst", "text", "html"})
_DATA = frozenset({"json", "yaml", "toml", "xml", "csv", "css", "scss", "sass", "ini"})

# Factors on a score. Measured on the development repositories, each with all the others in place; where neighbouring
# values did equally well, the middle one.
_TESTS_FACTOR = 0.3
_EXAMPLES_FACTOR = 0.85
_PROSE_FACTOR = 0.6
_DATA_FACTOR = 0.75
_TYPES_FACTOR = 0.6
_NO_DEFINITION_FACTOR = 0.7
_SUPERSEDED_FACTOR = 0.7
_DECAY, _LEAST_DECAY = 0.75, 0.5  # of a file's further place, on the one before it; at least, on its own score


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal counts at the strength given beside it; 0 leaves the signal out."""

    lexical: float = 1.0  # at the root mean square of its list
    dense: float = 0.7  # the same
    symbol: float = 1.6  # for a sure name
    graph: float = 1.0  # for as much rank as the best hit has of its own
    cochange: float = 0.2  # for changing with the best files, and in the last commit
    rerank: float = 3.0  # at the root mean square above the worst candidate scored
    file: float = 0.2  # on the Euclidean norm of a file's scores
    subject: float = 1.5  # for a file whose whole name is in the question


DEFAULT = Weights()


class Ranked(NamedTuple):
    """A chunk in a ranking."""

    id: int
    score: float
    why: Why


@dataclass(frozen=True, slots=True)
class SecondStage:
    """Signals of the best candidates only; one that is missing counts as 0."""

    graph: Mapping[int, float]  # 0 to 1, by chunk id
    cochange: Mapping[str, float]  # 0 to 1, by path
    cosines: Mapping[int, float]  # of the re-ranking model, by chunk id
    subject: Mapping[str, float] = field(default_factory=dict)  # 0 to 1, by path
    lifts: Mapping[int, float] = field(default_factory=dict)  # in units of the best score, by chunk id


def fuse(
    lexical: Mapping[int, float],
    dense: Mapping[int, float],
    symbol: Mapping[int, float],
    factors: Mapping[int, float],
    pool: int,
    weights: Weights,
) -> list[Ranked]:
    """The best `pool` of the first stage, best first, ties by id. The mappings are by chunk id.

    `lexical`: BM25. `dense`: cosines. `symbol`: 0 to 1 for a name. `factors`: on the sum. `pool`: the length at which
    the lists are cut off, too.

    BM25 and cosine are measured from the most that a chunk outside their list can have, in units of the list's root
    mean square. So a chunk that a signal did not find gets 0 from it, and no signal drowns another by its scale.
    """
    # A lexical list that is not cut off holds every chunk with any of the words: the others have 0.
    lexical_excess = _excess(lexical, min(lexical.values(), default=0.0) if len(lexical) >= pool else 0.0)
    dense_excess = _excess(dense, min(dense.values(), default=0.0))
    scored = []
    for chunk in lexical.keys() | dense.keys() | symbol.keys():
        factor = factors.get(chunk, 1.0)
        parts = (
            factor * weights.lexical * lexical_excess.get(chunk, 0.0),
            factor * weights.dense * dense_excess.get(chunk, 0.0),
            factor * weights.symbol * symbol.get(chunk, 0.0),
        )
        scored.append((-sum(parts), chunk, parts))
    return [Ranked(chunk, -score, Why(*parts)) for score, chunk, parts in sorted(scored)[:pool]]


def refine(
    ranked: Sequence[Ranked],
    signals: SecondStage,
    factors: Mapping[int, float],
    paths: Mapping[int, str],
    weights: Weights,
) -> list[Ranked]:
    """The second stage: `ranked` with the signals of its best chunks added, and then what belongs to each file.

    Cosines are measured from the worst one, as in `fuse`. `factors`, `paths`: by chunk id.
    """
    cosine_excess = _excess(signals.cosines, min(signals.cosines.values(), default=0.0))
    gains: list[tuple[Ranked, float, float, float]] = []  # with the factor, graph and cochange, rerank
    squares: dict[str, float] = defaultdict(float)
    for item in ranked:
        path, factor = paths[item.id], factors.get(item.id, 1.0)
        graph = weights.graph * signals.graph.get(item.id, 0.0)
        cochange = weights.cochange * signals.cochange.get(path, 0.0)
        related = factor * (graph + cochange)
        rerank = factor * weights.rerank * cosine_excess.get(item.id, 0.0)
        gains.append((item, factor, related, rerank))
        squares[path] += (item.score + related + rerank) ** 2
    files = {path: weights.file * math.sqrt(square) for path, square in squares.items()}
    refined = []
    for item, factor, related, rerank in gains:
        path = paths[item.id]
        named = factor * weights.subject * signals.subject.get(path, 0.0)
        why = Why(item.why.lexical, item.why.dense, item.why.symbol + named, related, rerank, files[path])
        refined.append(Ranked(item.id, sum(why), why))
    return _ordered(_lifted(refined, signals.lifts, factors))


def spread(ranked: Sequence[Ranked], paths: Mapping[int, str], limit: int) -> list[Ranked]:
    """The best `limit`, where a file's second and later places give way to other files, unless they are far better.

    `paths`: by chunk id.
    """
    before: dict[str, int] = defaultdict(int)
    given_way = []
    for item in ranked:
        path = paths[item.id]
        factor = max(_LEAST_DECAY, _DECAY ** before[path])
        given_way.append((-factor * item.score, item.id, factor, item))
        before[path] += 1
    best = sorted(given_way)[:limit]  # no two have the same id
    return [Ranked(i, -score, item.why.scaled(factor)) if factor < 1 else item for score, i, factor, item in best]


def _lifted(ranked: list[Ranked], lifts: Mapping[int, float], factors: Mapping[int, float]) -> list[Ranked]:
    if not lifts:
        return ranked
    best = max((item.score for item in ranked), default=0.0)
    gains = [best * factors.get(item.id, 1.0) * lifts.get(item.id, 0.0) for item in ranked]
    return [
        Ranked(item.id, item.score + gain, item.why._replace(symbol=item.why.symbol + gain)) if gain else item
        for item, gain in zip(ranked, gains, strict=True)
    ]


def prior_factors(heads: Mapping[int, ChunkHead], query: SearchQuery) -> dict[int, float]:
    """The `prior_factor` of each candidate, and less for a folder `v3` beside a `v4` unless the question names it."""
    older = superseded({head.path for head in heads.values()})
    words = query.text.lower().split()
    about = query.about_tests, query.about_docs
    return {
        i: prior_factor(path, language, kind, *about)
        * (_SUPERSEDED_FACTOR if path in older and older[path] not in words else 1.0)
        for i, (path, language, kind, _) in heads.items()
    }


@lru_cache(maxsize=50_000)  # many candidates are of few files, and one search follows another
def prior_factor(path: str, language: str, kind: str, about_tests: bool, about_docs: bool) -> float:
    """Below 1 for chunks that rarely answer a question unless it asks for them: tests, examples, prose, data."""
    rules = (
        (is_test(path) and not about_tests, _TESTS_FACTOR),
        (_EXAMPLE.search(path), _EXAMPLES_FACTOR),
        (_TYPES_ONLY.search(path), _TYPES_FACTOR),
        (not about_docs and language in _PROSE, _PROSE_FACTOR),
        (language in _DATA, _DATA_FACTOR),
        (_is_outside_definitions(language, kind), _NO_DEFINITION_FACTOR),
    )
    return math.prod([factor for applies, factor in rules if applies])


def _is_outside_definitions(language: str, kind: str) -> bool:
    """Of code in a language whose definitions are not known, any chunk may be one."""
    return kind == "block" or (kind == "window" and language in _PROSE | _DATA)


def _ordered(ranked: list[Ranked]) -> list[Ranked]:
    return sorted(ranked, key=lambda item: (-item.score, item.id))


def _excess(scores: Mapping[int, float], floor: float) -> dict[int, float]:
    """How far each score lies above `floor`, in units of the root mean square of that."""
    if not scores:
        return {}
    rms = math.sqrt(sum((score - floor) ** 2 for score in scores.values()) / len(scores))
    if rms <= 1e-9:
        return dict.fromkeys(scores, 0.0)
    return {chunk: max(0.0, score - floor) / rms for chunk, score in scores.items()}
