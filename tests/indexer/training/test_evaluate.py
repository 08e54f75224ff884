"""Metrics and scores that can be checked by hand."""

import numpy as np
import pytest

from indexer.training.evaluate import bm25, quality, standard


def test_quality_of_a_ranking() -> None:
    scores = np.array([[3, 2, 1], [3, 2, 1], [1, 1, 1]], np.float32)  # ranks 1, 2 and, all equal, 3
    assert quality(scores).mrr == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert (quality(scores).recall_10, quality(scores).recall_50) == (1, 1)


def test_bm25_value() -> None:
    found = bm25(["parse file"], ["parseFile", "read a socket and wait", "parse"])
    # three terms: parsefile, parse, file; 9 terms in three codes; idf of `file` ln(1 + 2.5 / 1.5), of `parse` ln 1.6
    norm = 1.2 * (0.25 + 0.75 * 3 / 3)
    expected = (np.log(1 + 2.5 / 1.5) + np.log(1.6)) * 2.2 / (1 + norm)
    assert found[0, 0] == pytest.approx(expected, rel=1e-5)
    assert found[0, 1] == 0 < found[0, 2] < found[0, 0]


def test_standard_scores_are_comparable() -> None:
    assert standard(np.array([[1, 2, 3], [5, 5, 5]], np.float32))[:, 2] == pytest.approx([1.2247, 0], abs=1e-4)
