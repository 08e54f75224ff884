"""Training moves queries to their codes, the same each time."""

import numpy as np
import pytest

from indexer.training.train import Bags, Pairs, TrainSettings, train


def bags(*texts: list[int]) -> Bags:
    return Bags(np.concatenate([np.array(text, np.int32) for text in texts]), np.cumsum([0, *map(len, texts)]))


def trained() -> np.ndarray:
    initial = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    queries, codes = bags([0, 0, 0], [1, 1, 1]), bags([4, 4, 4], [5, 5, 5])
    pairs = Pairs(np.array([0, 1]), np.array([0, 1]), np.ones(2, np.float32))
    return train(initial, queries, codes, pairs, TrainSettings(epochs=200, batch=2, rate=0.05, seed=1))


def test_a_query_moves_to_its_code_and_away_from_the_other() -> None:
    unit = trained()
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    assert unit[0] @ unit[4] > 0.6 > 0.2 > unit[0] @ unit[5]
    assert unit[1] @ unit[5] > 0.6 > 0.2 > unit[1] @ unit[4]


def test_the_same_seed_gives_the_same_table() -> None:
    assert np.array_equal(trained(), trained())


def test_picked_texts_stay_apart_under_dropout() -> None:
    ids, starts = bags([1, 2], [3], [4, 5, 6]).pick(np.array([2, 0]), 0.0, np.random.default_rng(0))
    assert (ids.tolist(), starts.tolist()) == ([4, 5, 6, 1, 2], [0, 3])
    half, starts = bags(list(range(1000)), [7]).pick(np.array([0, 1]), 0.5, np.random.default_rng(0))
    assert len(half) == pytest.approx(500, abs=60)
    assert set(half.tolist()) <= set(range(1000))
    assert starts[1] in (len(half), len(half) - 1)
