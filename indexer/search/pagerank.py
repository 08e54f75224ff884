"""Personalised PageRank over the names that the candidates' texts mention. Pure.

A definition that many good hits call is likely part of the answer, even if it has few of the question's words.
"""

from collections import defaultdict
from collections.abc import Mapping

_LEAST = 3  # bytes of a name
_DAMPING = 0.5  # share of a chunk's rank that flows to the chunks that it refers to
_ROUNDS = 3
_SHARED = 5  # a name that more candidates define is ignored
# Splitting bytes at all that no name contains takes a third of the time of a regular expression.
_WORDS = bytes(byte if byte > 127 or byte == ord("_") or chr(byte).isalnum() else ord(" ") for byte in range(256))


def pagerank_scores(
    seeds: Mapping[int, float], symbols: Mapping[int, str], texts: Mapping[int, str]
) -> dict[int, float]:
    """What each candidate gains from the others that refer to it, in units of the best candidate's own rank; 0 to 1.

    `seeds`: the scores of the candidates, by chunk id; so are their qualified names and their texts.
    """
    edges = _edges({i: symbols[i] for i in seeds}, texts)
    total = sum(seeds.values()) or 1.0
    start = {i: score / total for i, score in seeds.items()}
    rank = dict(start)
    for _ in range(_ROUNDS):
        flow: dict[int, float] = defaultdict(float)
        for i, to in edges.items():
            for j, share in to.items():
                flow[j] += rank[i] * share
        rank = {i: (1 - _DAMPING) * start[i] + _DAMPING * flow[i] for i in seeds}
    best = max(start.values(), default=0.0) or 1.0
    return {i: min(1.0, (rank[i] - (1 - _DAMPING) * start[i]) / best) for i in seeds}


def _edges(symbols: Mapping[int, str], texts: Mapping[int, str]) -> dict[int, dict[int, float]]:
    """To which chunks a chunk refers, with the share of its rank that flows there; only chunks that refer to any."""
    names = {i: symbol.rpartition(".")[2].encode("utf-8", "replace") for i, symbol in symbols.items()}
    defined: dict[bytes, list[int]] = defaultdict(list)
    for i, name in names.items():
        if len(name) >= _LEAST:
            defined[name].append(i)
    edges = {}
    for i, symbol in symbols.items():
        to: dict[int, float] = defaultdict(float)
        words = texts[i].encode("utf-8", "replace").translate(_WORDS).split()
        for name in sorted(defined.keys() & words):  # sums depend on the order
            others = defined[name]
            if name == names[i]:  # not to itself and to the other parts of a long definition
                others = [j for j in others if symbols[j] != symbol]
            if len(others) <= _SHARED:
                for j in others:
                    to[j] += 1 / len(others)
        if to:
            out = sum(to.values())
            edges[i] = {j: weight / out for j, weight in to.items()}
    return edges
