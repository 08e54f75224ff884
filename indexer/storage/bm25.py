"""The chunks with the best BM25, without scoring every chunk that has one of the terms [MaxScore].

Knows how much a term can add to a score at most; not where the scores come from.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import nlargest

_MAX_IDFS = 2.2  # the most one term adds, in units of its idf: SQLite's k1 is 1.2
_MARGIN = 0.05  # what a term may add beyond that when its count is off by 1 %
PAIRED_TERMS = 6  # with more terms there are too many pairs to query

RunMatch = Callable[
    [str], Sequence[tuple[int, float]]
]  # full-text query -> (chunk id, score for its terms), best first


def max_score(chunks: int, frequency: int) -> float:
    """The most that a term adds to a chunk's score when `frequency` of the `chunks` have it."""
    return _MAX_IDFS * max(0.0, math.log((chunks - frequency + 0.5) / (frequency + 0.5)))


def top_chunks(bounds: Mapping[str, float], standalone: int, limit: int, run: RunMatch) -> list[tuple[int, float]]:
    """The `limit` best of the chunks with any of some terms. `bounds` has the `max_score` of each, the rarest first.

    Only the first `standalone` terms find chunks of their own; the others count beside one of these. Chunks with two
    terms or more are queried first: where these are many and good, no chunk with one term can be among the best, and
    such chunks are not queried [MaxScore; Turtle and Flood 1995].
    """
    scores: dict[int, float] = {}
    least = 0.0  # score of the last of the best
    for match, bound in _matches(bounds, standalone):
        if bound < least:
            continue
        for chunk, score in run(match):
            scores[chunk] = max(score, scores.get(chunk, 0.0))
        if len(scores) >= limit:
            least = nlargest(limit, scores.values())[-1]
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit]


def any_of(terms: Iterable[str]) -> str:
    """The query for the chunks with at least one of `terms`, which are word characters only."""
    return " OR ".join(f'"{term}"' for term in terms)


def pairs_of(terms: Sequence[str]) -> list[str]:
    """Queries for the chunks with at least two of `terms`. The query of a chunk's first term scores it in full."""
    return [f'"{term}" AND ({any_of(terms[at:])})' for at, term in enumerate(terms[:-1], 1)]


def _matches(bounds: Mapping[str, float], standalone: int) -> Iterator[tuple[str, float]]:
    """Queries, each with the highest score of a chunk that no earlier query has scored in full."""
    terms = list(bounds)[: max(standalone, PAIRED_TERMS)]
    if len(terms) > PAIRED_TERMS:
        yield any_of(terms), math.inf
        return
    bounded = [bounds[term] + _MARGIN for term in terms]
    for at, match in enumerate(pairs_of(terms)[:standalone]):
        yield match, sum(bounded[at:])
    for term, bound in zip(terms[:standalone], bounded, strict=False):
        yield any_of([term]), bound
