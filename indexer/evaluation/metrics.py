"""How well a search answers questions whose answers are known: recall, reciprocal rank, evidence per token, time.

Pure but for the clock. Does not know where the questions come from nor how is searched.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from statistics import mean
from typing import TypeVar

from indexer.evaluation.dataset import Case, Gold
from indexer.types import Hit

DEPTH = 50  # hits to ask for
BUDGETS = (500, 1000, 2000)  # tokens
MEAN = "mean"  # of the kinds, each counting once

_RANKS = 10  # beyond them a reciprocal rank counts as 0
_TOKEN = 4  # bytes
_LONG = 200  # lines from which on a hit points at nothing

Search = Callable[[str], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Ranks:
    """0 to 1 each, higher is better."""

    r5: float  # share of what answers among the first 5 (of 5, where more answers)
    r10: float
    mrr: float  # 1 / rank of the first that answers


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of the functions that lie, at least half, in what a prompt shows in a budget of tokens."""

    t500: float
    t1000: float
    t2000: float


@dataclass(frozen=True, slots=True)
class Score:
    """Of one question. `function` and `evidence` are None where only files are known to answer it."""

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
    """Asks each question once. `search` gives at most `DEPTH` hits, best first."""
    scores = []
    for done, case in enumerate(cases):
        on_progress(done)
        began = time.perf_counter()
        hits = search(case.question)
        scores.append(score(case, hits, (time.perf_counter() - began) * 1000))
    return scores


def score(case: Case, hits: Sequence[Hit], ms: float) -> Score:
    """Files rank by their first hit; of functions every hit is a place, whatever it shows."""
    files = list(dict.fromkeys(hit.path for hit in hits))
    by_file = _ranks([[file == path for file in files] for path in case.files])
    if not case.functions:
        return Score(case.kind, by_file, None, None, ms)
    shows = [[_shows(hit, gold) for hit in hits] for gold in case.functions]
    return Score(case.kind, by_file, _ranks(shows), evidence(case, lambda size: hits[: _fitting(hits, size)]), ms)


def evidence(case: Case, shown: Callable[[int], Sequence[Hit]]) -> Coverage:
    """`shown` gives what a prompt shows in so many bytes of code; the case has functions that answer it."""
    in_budgets = [shown(tokens * _TOKEN) for tokens in BUDGETS]
    return Coverage(*(mean(_covered(hits, gold) for gold in case.functions) for hits in in_budgets))


def size(text: str) -> int:
    """Bytes of a text as evidence counts them."""
    return len(text.encode("utf-8", "replace"))


def summary(scores: Sequence[Score]) -> list[MetricsRow]:
    """A row for each kind, in the order of their first score, and their mean where there are several."""
    kinds = list(dict.fromkeys(score.kind for score in scores))
    rows = [_row(kind, [score for score in scores if score.kind == kind]) for kind in kinds]
    if len(rows) > 1:
        p50, p95 = _times(scores)
        rows.append(
            MetricsRow(
                kind=MEAN,
                n=len(scores),
                file=_mean([row.file for row in rows]),
                function=_mean_of_known([row.function for row in rows]),
                evidence=_mean_of_known([row.evidence for row in rows]),
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
        _mean_of_known([score.function for score in scores]),
        _mean_of_known([score.evidence for score in scores]),
        *_times(scores),
    )


def _ranks(answers: Sequence[Sequence[bool]]) -> Ranks:
    """`answers[i][j]`: whether place j shows the i-th of what answers."""
    first = min((places.index(True) for places in answers if True in places), default=_RANKS)
    found = {k: sum(any(places[:k]) for places in answers) / min(k, len(answers)) for k in (5, 10)}
    return Ranks(found[5], found[10], 1 / (first + 1) if first < _RANKS else 0.0)


def _shows(hit: Hit, gold: Gold) -> bool:
    """As the benchmark of the repositories has it: half of the function, or half of the hit is of the function."""
    lines = hit.end_line - hit.start_line + 1
    shared = _shared(hit, gold)
    return shared > 0 and lines <= _LONG and (2 * shared >= _length(gold) or 2 * shared >= lines)


def _fitting(hits: Sequence[Hit], left: int) -> int:
    """How many hits from the first on fit into so many bytes, each whole."""
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


def _mean_of_known(parts: Sequence[M | None]) -> M | None:
    known = [part for part in parts if part is not None]
    return _mean(known) if known else None


def _times(scores: Sequence[Score]) -> tuple[float, float]:
    """Median and 95th percentile, by the nearest rank."""
    times = sorted(score.ms for score in scores)
    return times[math.ceil(len(times) * 0.5) - 1], times[math.ceil(len(times) * 0.95) - 1]
