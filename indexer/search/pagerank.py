"""Personalised PageRank over the names that the candidates' texts mention. Pure.

A definition that many good hits call is likely part of the answer, even if it has few of the question's words.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

from indexer.storage.snapshot import ChunkRow

_NAME = re.compile(r"(?!\d)\w{3,}")
_DAMPING = 0.5  # share of a chunk's rank that flows to the chunks that it refers to
_ROUNDS = 3
_SHARED = 5  # a name that more candidates define is ignored


def pagerank_scores(seeds: Mapping[int, float], rows: Mapping[int, ChunkRow]) -> dict[int, float]:
    """What each candidate gains from the others that refer to it, in units of the best candidate's own rank; 0 to 1.

    `seeds`: the scores of the candidates, by chunk id.
    """
    defined: dict[str, set[int]] = defaultdict(set)
    for i in seeds:
        if name := rows[i].chunk.symbol.rpartition(".")[2]:
            defined[name].add(i)
    edges: dict[int, dict[int, float]] = {}
    for i in seeds:
        own = rows[i].chunk.symbol
        to: dict[int, float] = defaultdict(float)
        for name in sorted(set(_NAME.findall(rows[i].chunk.text)) & defined.keys()):  # sums depend on the order
            others = {j for j in defined[name] if rows[j].chunk.symbol != own}
            if 0 < len(others) <= _SHARED:
                for j in others:
                    to[j] += 1 / len(others)
        edges[i] = to
    total = sum(seeds.values()) or 1.0
    start = {i: score / total for i, score in seeds.items()}
    rank = dict(start)
    for _ in range(_ROUNDS):
        flow: dict[int, float] = defaultdict(float)
        for i, to in edges.items():
            out = sum(to.values())
            for j, weight in to.items():
                flow[j] += rank[i] * weight / out
        rank = {i: (1 - _DAMPING) * start[i] + _DAMPING * flow[i] for i in seeds}
    best = max(start.values(), default=0.0) or 1.0
    return {i: min(1.0, (rank[i] - (1 - _DAMPING) * start[i]) / best) for i in seeds}
