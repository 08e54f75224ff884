"""Pairs -> groups of pairs whose codes are alike: in a batch of such groups wrong answers are tempting ones. Pure."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def groups(
    packages: Sequence[str], vectors: NDArray[np.float32], size: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Places of pairs, each in one group, `size` to a group but for the last one of a package.

    `packages[i]` and `vectors[i]` (unit length) are of pair i's code. A group is a code and the nearest ones to it, of
    the same package, that no group has yet.
    """
    of_package: dict[str, list[int]] = defaultdict(list)
    for place in rng.permutation(len(packages)):
        of_package[packages[place]].append(int(place))
    found = []
    for places in of_package.values():
        left = np.array(places)
        while len(left):
            near = np.argsort(-(vectors[left] @ vectors[left[0]]), kind="stable")[:size]
            found.append(left[near])
            left = np.delete(left, near)
    return found


def batches(grouped: Sequence[NDArray[np.int64]], size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """The pairs of all groups in a random order of the groups, `size` to a batch; the rest is left out."""
    ordered = np.concatenate([grouped[place] for place in rng.permutation(len(grouped))])
    return [ordered[at : at + size] for at in range(0, len(ordered) - size + 1, size)]
