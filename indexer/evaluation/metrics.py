"""How well a search answers questions with gold answers: recall, reciprocal rank, evidence per token, time.

Pure except for the clock. Does not know where the questions come from, nor how the search works.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from statistics import mean
from typing import TypeVar

from indexer.evaluation.dataset import Case, Gold
from indexer.types import Hit

DEPTH = 50  # hits to search for
BUDGETS = (500, 1000, 2000)  # tokens
MEAN = "mean"  # of the kinds, with equal weights

_RANKS = 10  # beyond this rank, the reciprocal rank is 0
_TOKEN = 4  # bytes
_LONGEST_HIT = 200  # lines: a longer hit points at nothing

Search = Callable[[str], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Ranks:
    """0 to 1 each, higher is better."""

    r5: float  # recall: share of the answers that are among the first 5; of 5, if there are more answers
    r10: float
    mrr: float  # reciprocal rank of the first answer


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of the functions of which a prompt shows at least half, by its budget in tokens."""

    t500: float
    t1000: float
    t2000: float


@dataclass(frozen=True, slots=True)
class Score:
    """Of one question. `function` and `evidence` are None if only its files are known."""

    kind: str
    file: Ranks
    function: Ranks | None
    evidence: Coverage | None
    ms: float


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """Of all questions of a kind."""

    kind: str
    n: int
    file: Ranks
    function: Ranks | None
    evidence: Coverage | None
    p50_ms: float
    p95_ms: float


def measure(
    cases: Sequence[Case], search: Search, on_progress: Callable[[int], None] = lambda done: None
) -> list[Score]:
    """Searches once for each question. `search` gives at most `DEPTH` hits, best first."""
    scores = []
    for done, case in enumerate(cases):
        on_progress(done)
        start = time.perf_counter()
        hits = search(case.question)
        scores.append(score(case, hits, (time.perf_counter() - start) * 1000))
    return scores


def score(case: Case, hits: Sequence[Hit], ms: float) -> Score:
    """Files rank by their first hit; functions by every hit, whatever it shows."""
    files = list(dict.fromkeys(hit.path for hit in hits))
    by_file = _ranks([[file == path for file in files] for path in case.files])
    if not case.functions:
        return Score(case.kind, by_file, None, None, ms)
    shows = [[_shows(hit, gold) for hit in hits] for gold in case.functions]
    return Score(case.kind, by_file, _ranks(shows), evidence(case, lambda size: hits[: _fitting(hits, size)]), ms)


def evidence(case: Case, shown: Callable[[int], Sequence[Hit]]) -> Coverage:
    """`shown`: bytes of code -> the hits that a prompt of this size shows. The case has functions."""
    in_budgets = [shown(tokens * _TOKEN) for tokens in BUDGETS]
    return Coverage(*(mean(_covered(hits, gold) for gold in case.functions) for hits in in_budgets))


def size(text: str) -> int:
    """Bytes of a text as evidence counts them."""
    return len(text.encode("utf-8", "replace"))


def summary(scores: Sequence[Score]) -> list[MetricsRow]:
    """A row for each kind, in the order of their first score, and their mean if there are several."""
    kinds = list(dict.fromkeys(score.kind for score in scores))
    rows = [_row(kind, [score for score in scores if score.kind == kind]) for kind in kinds]
    if len(rows) > 1:
        p50, p95 = _times(scores)
        rows.append(
            MetricsRow(
                kind=MEAN,
                n=len(scores),
                file=_mean([row.file for row in rows]),
                function=_mean_or_none([row.function for row in rows]),
                evidence=_mean_or_none([row.evidence for row in rows]),
                p50_ms=p50,
                p95_ms=p95,
            )
        )
    return rows


def _row(kind: str, scores: Sequence[Score]) -> MetricsRow:
    return MetricsRow(
        kind,
        len(scores),
        _mean([score.file for score in scores]),
        _mean_or_none([score.function for score in scores]),
        _mean_or_none([score.evidence for score in scores]),
        *_times(scores),
    )


def _ranks(relevant: Sequence[Sequence[bool]]) -> Ranks:
    """`relevant[i][j]`: whether the result at rank j shows answer i."""
    first = min((ranking.index(True) for ranking in relevant if True in ranking), default=_RANKS)
    recall = {k: sum(any(ranking[:k]) for ranking in relevant) / min(k, len(relevant)) for k in (5, 10)}
    return Ranks(recall[5], recall[10], 1 / (first + 1) if first < _RANKS else 0.0)


def _shows(hit: Hit, gold: Gold) -> bool:
    """As in the benchmark of repositories: it shows half of the function, or half of it is of the function."""
    lines = hit.end_line - hit.start_line + 1
    shared = _shared(hit, gold)
    return shared > 0 and lines <= _LONGEST_HIT and (2 * shared >= _length(gold) or 2 * shared >= lines)


def _fitting(hits: Sequence[Hit], left: int) -> int:
    """How many of the first hits fit whole into `left` bytes."""
    for n, hit in enumerate(hits):
        left -= size(hit.text)
        if left < 0:
            return n
    return len(hits)


def _covered(hits: Sequence[Hit], gold: Gold) -> bool:
    lines: set[int] = set()
    for hit in hits:
        if hit.path == gold.path:
            lines.update(range(hit.start_line, hit.end_line + 1))
    return 2 * len(lines.intersection(range(gold.start_line, gold.end_line + 1))) >= _length(gold)


def _shared(hit: Hit, gold: Gold) -> int:
    same = hit.path == gold.path
    return max(0, min(hit.end_line, gold.end_line) - max(hit.start_line, gold.start_line) + 1) if same else 0


def _length(gold: Gold) -> int:
    return gold.end_line - gold.start_line + 1


M = TypeVar("M", Ranks, Coverage)


def _mean(parts: Sequence[M]) -> M:
    names = [field.name for field in fields(parts[0])]
    return type(parts[0])(*(mean(getattr(part, name) for part in parts) for name in names))


def _mean_or_none(parts: Sequence[M | None]) -> M | None:
    """Of those that are not None."""
    present = [part for part in parts if part is not None]
    return _mean(present) if present else None


def _times(scores: Sequence[Score]) -> tuple[float, float]:
    """Median and 95th percentile, by the nearest rank."""
    times = sorted(score.ms for score in scores)
    return times[math.ceil(len(times) * 0.5) - 1], times[math.ceil(len(times) * 0.95) - 1]
