"""Scores of files from the commit history: changed lately, and together with the best candidates. Pure.

Used for reports only: whoever reports a fault mostly means code that is being worked on; a plain question does not.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

_HALF_LIFE = 200  # commits after which one counts half


def cochange_scores(scores: Mapping[str, float], commits: Mapping[int, Sequence[str]]) -> dict[str, float]:
    """The gain of each file, 0 to 1: half for changing together with good files, half for how lately it changed.

    `scores`: of the candidates, by path. `commits`: for each commit, by how many commits ago it was (0: the last), the
    candidates that it changed. Changing together is a random walk: from a file, with its score, to one of its commits
    and on to another file of that commit; in units of the best file's own score.
    """
    weight = {age: 0.5 ** (age / _HALF_LIFE) for age in commits}
    total_weight: dict[str, float] = defaultdict(float)
    for age, paths in commits.items():
        for path in paths:
            total_weight[path] += weight[age]
    flow: dict[str, float] = defaultdict(float)
    for age, paths in commits.items():
        outgoing = {path: scores[path] * weight[age] / total_weight[path] for path in paths}
        for path in paths:
            if len(paths) > 1:
                flow[path] += (sum(outgoing.values()) - outgoing[path]) / (len(paths) - 1)
    best = max(scores.values(), default=0.0) or 1.0
    latest = {path: weight[age] for age, paths in sorted(commits.items(), reverse=True) for path in paths}
    return {path: (min(1.0, flow[path] / best) + latest[path]) / 2 for path in total_weight}
