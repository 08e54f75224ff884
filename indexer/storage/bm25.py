"""The chunks with the best BM25, without scoring all that have one of the words.

Knows what a word can bring at most; not where the scores come from.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import nlargest

_MOST = 2.2  # of one term, in units of its idf: SQLite's k1 is 1.2
_MARGIN = 0.05  # what a term may bring beyond that when its count is off by a hundredth
FEW = 6  # terms; with more of them there are too many pairs to ask for

Ask = Callable[[str], Sequence[tuple[int, float]]]  # a full-text query -> (chunk, its score for the terms in it), best


def most(chunks: int, having: int) -> float:
    """What a term that `having` of the chunks have brings one of them at most."""
    return _MOST * max(0.0, math.log((chunks - having + 0.5) / (having + 0.5)))


def best(bounds: Mapping[str, float], alone: int, limit: int, ask: Ask) -> list[tuple[int, float]]:
    """The `limit` best of the chunks with any of some terms: `bounds` has the `most` of each, the rarest one first.

    Only the first `alone` terms bring chunks of their own; the others count beside one of these. Chunks with two terms
    or more come first: where they are many and good, none with one alone can be among the best, and nobody needs to
    look at those [MaxScore; Turtle and Flood 1995].
    """
    scores: dict[int, float] = {}
    least = 0.0  # of the best
    for match, bound in _matches(bounds, alone):
        if bound < least:
            continue
        for chunk, score in ask(match):
            scores[chunk] = max(score, scores.get(chunk, 0.0))
        if len(scores) >= limit:
            least = nlargest(limit, scores.values())[-1]
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit]


def any_of(terms: Iterable[str]) -> str:
    """The query for the chunks with one of `terms` or more, which are word characters only."""
    return " OR ".join(f'"{term}"' for term in terms)


def two_of(terms: Sequence[str]) -> list[str]:
    """Queries for the chunks with two of `terms` or more, each in full by the one that begins with its first term."""
    return [f'"{term}" AND ({any_of(terms[at:])})' for at, term in enumerate(terms[:-1], 1)]


def _matches(bounds: Mapping[str, float], alone: int) -> Iterator[tuple[str, float]]:
    """Queries, and what a chunk that no earlier one has scored in full can get in each at most."""
    terms = list(bounds)[: max(alone, FEW)]
    if len(terms) > FEW:
        yield any_of(terms), math.inf
        return
    brought = [bounds[term] + _MARGIN for term in terms]
    for at, match in enumerate(two_of(terms)[:alone]):
        yield match, sum(brought[at:])
    for term, bound in zip(terms[:alone], brought, strict=False):
        yield any_of([term]), bound
