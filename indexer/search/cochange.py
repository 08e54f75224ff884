"""What the commits say of a report: which candidates' files changed lately, and together with those of the best. Pure.

Who reports a fault mostly means code that somebody works on; who asks a plain question does not, and is not served so.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

_HALF_LIFE = 200  # commits after which one counts half


def cochange_scores(scores: Mapping[str, float], commits: Mapping[int, Sequence[str]]) -> dict[str, float]:
    """What each file gains, 0 to 1: half of it by changing together with good ones, half by how lately it changed.

    `scores`: of the candidates, by path. `commits`: how many commits ago (0: the last) to the candidates it changed.
    Together: a walk from a file, by its score, to one of its commits and on to another file of that; in units of the
    best file's own score.
    """
    weight = {age: 0.5 ** (age / _HALF_LIFE) for age in commits}
    all_of: dict[str, float] = defaultdict(float)
    for age, paths in commits.items():
        for path in paths:
            all_of[path] += weight[age]
    flow: dict[str, float] = defaultdict(float)
    for age, paths in commits.items():
        leaving = {path: scores[path] * weight[age] / all_of[path] for path in paths}
        for path in paths:
            if len(paths) > 1:
                flow[path] += (sum(leaving.values()) - leaving[path]) / (len(paths) - 1)
    best = max(scores.values(), default=0.0) or 1.0
    latest = {path: weight[age] for age, paths in sorted(commits.items(), reverse=True) for path in paths}
    return {path: (min(1.0, flow[path] / best) + latest[path]) / 2 for path in all_of}
