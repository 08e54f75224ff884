"""Fusion: signals in their own spread, demotions, ties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.fuse import DENSE, LEXICAL, SYMBOL, factor, fuse, is_test
from indexer.types import Why


def test_bm25_counts_from_zero_unless_its_list_is_cut_off() -> None:
    whole = fuse({1: 4.0, 2: 3.0}, {}, {}, {}, pool=3)
    assert [(item.id, item.score) for item in whole] == approx(
        [(1, 4 / 12.5**0.5 * LEXICAL), (2, 3 / 12.5**0.5 * LEXICAL)]
    )
    cut_off = fuse({1: 4.0, 2: 3.0}, {}, {}, {}, pool=2)
    assert [(item.id, item.score) for item in cut_off] == approx([(1, 2**0.5 * LEXICAL), (2, 0.0)])


def test_a_cosine_counts_from_the_worst_of_its_list() -> None:
    ranked = fuse({}, {1: 0.5, 2: 0.4, 3: 0.1}, {}, {}, pool=9)
    typical = ((0.16 + 0.09) / 3) ** 0.5
    assert [(item.id, item.score) for item in ranked] == approx(
        [(1, 0.4 / typical * DENSE), (2, 0.3 / typical * DENSE), (3, 0.0)]
    )


def test_two_signals_together_beat_one_alone() -> None:
    ranked = fuse({1: 3.0, 2: 2.0, 3: 1.0}, {2: 0.9, 4: 0.8, 5: 0.1}, {}, {}, pool=9)
    by_id = {item.id: item for item in ranked}
    assert ranked[0].id == 2
    assert (by_id[4].why.lexical, by_id[3].why.dense, by_id[2].why.symbol) == (0.0, 0.0, 0.0)
    assert min(by_id[2].why.lexical, by_id[2].why.dense) > 0


def test_a_factor_scales_the_sum_and_a_name_counts_as_it_is() -> None:
    ranked = fuse({}, {}, {1: 1.0, 2: 0.9}, {1: 0.5}, pool=9)
    assert [(item.id, item.score) for item in ranked] == approx([(2, 0.9 * SYMBOL), (1, 0.5 * SYMBOL)])
    assert ranked[1].why == Why(symbol=SYMBOL)


def test_ties_go_by_id_and_nothing_gives_nothing() -> None:
    assert [item.id for item in fuse({7: 5.0, 3: 5.0, 5: 5.0}, {}, {}, {}, pool=9)] == [3, 5, 7]
    assert [item.id for item in fuse({}, {7: 0.5, 3: 0.5}, {}, {}, pool=2)] == [3, 7]
    assert fuse({}, {}, {}, {}, pool=9) == []


SCORES = st.dictionaries(st.integers(0, 9), st.floats(0, 50))


@given(SCORES, st.dictionaries(st.integers(0, 9), st.floats(-1, 1)), st.integers(1, 12))
def test_scores_are_bounded_not_negative_and_in_order(
    lexical: dict[int, float], dense: dict[int, float], pool: int
) -> None:
    ranked = fuse(lexical, dense, {}, {}, pool)
    assert {item.id for item in ranked} == lexical.keys() | dense.keys()
    assert [(-item.score, item.id) for item in ranked] == sorted((-item.score, item.id) for item in ranked)
    for item in ranked:
        assert 0 <= item.score <= (LEXICAL + DENSE) * 10**0.5 + 1e-6  # of at most ten scores
        assert item.score == pytest.approx(item.why.lexical + item.why.dense)


def approx(expected: list[tuple[int, float]]) -> list[tuple[int, object]]:
    return [(i, pytest.approx(score)) for i, score in expected]


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("tests/test_app.py", True),
        ("src/app_test.go", True),
        ("src/app.spec.ts", True),
        ("lib/AppTest.java", True),
        ("pkg/conftest.py", True),
        ("pkg/__tests__/a.js", True),
        ("src/testing_tools.py", False),
        ("src/latest/app.py", False),
        ("contest.py", False),
        ("src/Testable.java", False),
    ],
)
def test_is_test(path: str, verdict: bool) -> None:
    assert is_test(path) is verdict


def test_tests_and_prose_are_demoted_unless_they_are_asked_for() -> None:
    assert factor("src/a.py", "python", about_tests=False, about_docs=False) == 1.0
    assert factor("tests/a.py", "python", about_tests=False, about_docs=False) < 1.0
    assert factor("tests/a.py", "python", about_tests=True, about_docs=False) == 1.0
    assert factor("README.md", "markdown", about_tests=False, about_docs=False) < 1.0
    assert factor("README.md", "markdown", about_tests=False, about_docs=True) == 1.0
