"""Pairs -> groups of pairs with similar codes, so that a batch has hard negatives. Pure."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def groups(
    packages: Sequence[str], vectors: NDArray[np.float32], size: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Indexes of pairs, each in one group of `size`; the last group of a package may be smaller.

    `packages[i]` and `vectors[i]` (unit length) belong to the code of pair i. A group is a code and those nearest to it
    in the same package that are in no group yet.
    """
    of_package: dict[str, list[int]] = defaultdict(list)
    for index in rng.permutation(len(packages)):
        of_package[packages[index]].append(int(index))
    grouped = []
    for indexes in of_package.values():
        rest = np.array(indexes)
        while len(rest):
            near = np.argsort(-(vectors[rest] @ vectors[rest[0]]), kind="stable")[:size]
            grouped.append(rest[near])
            rest = np.delete(rest, near)
    return grouped


def batches(grouped: Sequence[NDArray[np.int64]], size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """The pairs of all groups, in a random order of the groups, `size` to a batch; an incomplete batch is left out."""
    ordered = np.concatenate([grouped[index] for index in rng.permutation(len(grouped))])
    return [ordered[start : start + size] for start in range(0, len(ordered) - size + 1, size)]
