"""Groups of similar codes, each pair in one of them."""

import numpy as np

from indexer.training.groups import batches, groups


def unit(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_a_group_is_of_neighbours_in_one_package() -> None:
    vectors = unit(0, 90, 2, 92, 1, 45)
    found = groups(["a", "a", "a", "a", "b", "b"], vectors, 2, np.random.default_rng(0))
    assert sorted(sorted(group.tolist()) for group in found) == [[0, 2], [1, 3], [4, 5]]


def test_every_pair_is_in_one_group_and_only_the_last_group_of_a_package_is_smaller() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(*rng.uniform(0, 360, 70))
    found = groups(["a"] * 37 + ["b"] * 33, vectors, 8, rng)
    assert sorted(np.concatenate(found).tolist()) == list(range(70))
    assert sorted(map(len, found)) == [1, 5, 8, 8, 8, 8, 8, 8, 8, 8]


def test_batches_keep_groups_together_and_drop_an_incomplete_batch() -> None:
    grouped = [np.arange(start, start + 4) for start in range(0, 40, 4)]
    of_eight = batches(grouped, 8, np.random.default_rng(0))
    assert [len(batch) for batch in of_eight] == [8] * 5
    assert all({index // 4 for index in batch[:4].tolist()} == {int(batch[0]) // 4} for batch in of_eight)
    assert [len(batch) for batch in batches(grouped, 12, np.random.default_rng(0))] == [12] * 3
