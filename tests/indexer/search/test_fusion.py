"""Fusion: signals in units of their own spread, prior factors, ties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.search.fusion import Ranked, SecondStage, Weights, prior_factor, prior_factors, refine, spread
from indexer.search.fusion import fuse as fuse_weighted
from indexer.search.query import parse_query
from indexer.types import ChunkHead, Why

WEIGHTS = Weights()
LEXICAL, DENSE, SYMBOL = WEIGHTS.lexical, WEIGHTS.dense, WEIGHTS.symbol
Scores = dict[int, float]


def fuse(lexical: Scores, dense: Scores, symbol: Scores, factors: Scores, pool: int) -> list[Ranked]:
    return fuse_weighted(lexical, dense, symbol, factors, pool, WEIGHTS)


def test_bm25_counts_from_zero_unless_its_list_is_cut_off() -> None:
    full = fuse({1: 4.0, 2: 3.0}, {}, {}, {}, pool=3)
    assert [(item.id, item.score) for item in full] == approx(
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


def test_a_factor_scales_the_sum_and_a_name_counts_unscaled() -> None:
    ranked = fuse({}, {}, {1: 1.0, 2: 0.9}, {1: 0.5}, pool=9)
    assert [(item.id, item.score) for item in ranked] == approx([(2, 0.9 * SYMBOL), (1, 0.5 * SYMBOL)])
    assert ranked[1].why == Why(symbol=0.5 * SYMBOL)


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
    ids = {item.id for item in ranked}
    assert ids <= lexical.keys() | dense.keys()
    assert len(ids) == len(ranked) == min(pool, len(lexical.keys() | dense.keys()))
    assert [(-item.score, item.id) for item in ranked] == sorted((-item.score, item.id) for item in ranked)
    for item in ranked:
        assert 0 <= item.score <= (LEXICAL + DENSE) * 10**0.5 + 1e-6  # of at most ten scores
        assert item.score == pytest.approx(item.why.lexical + item.why.dense)


def approx(expected: list[tuple[int, float]]) -> list[tuple[int, object]]:
    return [(i, pytest.approx(score)) for i, score in expected]


@pytest.mark.parametrize(
    ("path", "language", "kind", "about_tests", "about_docs", "expected"),
    [
        ("src/a.py", "python", "function", False, False, 1.0),
        ("tests/a.py", "python", "function", False, False, 0.3),
        ("tests/a.py", "python", "function", True, False, 1.0),
        ("README.md", "markdown", "function", False, False, 0.6),
        ("README.md", "markdown", "function", False, True, 1.0),
        ("src/a.d.ts", "typescript", "function", False, False, 0.6),
        ("examples/a.py", "python", "function", False, False, 0.85),
        ("src/a.py", "python", "block", False, False, 0.7),
        ("tests/data.json", "json", "window", False, False, 0.3 * 0.75 * 0.7),
        ("a/draw.xyz", "code", "window", False, False, 1.0),
        ("a/draw.py", "python", "block", False, False, 0.7),
    ],
)
def test_chunks_that_rarely_answer_are_demoted(
    path: str, language: str, kind: str, about_tests: bool, about_docs: bool, expected: float
) -> None:
    assert prior_factor(path, language, kind, about_tests, about_docs) == pytest.approx(expected)


def test_the_second_stage_adds_graph_re_ranking_and_file() -> None:
    first = fuse({}, {}, {1: 1.0, 2: 0.5, 3: 0.5}, {3: 0.5}, pool=9)
    signals = SecondStage(graph={2: 1.0}, cochange={}, cosines={2: 0.9, 1: 0.4})
    refined = refine(first, signals, {3: 0.5}, {1: "a", 2: "b", 3: "b"}, WEIGHTS)
    found = {item.id: item for item in refined}
    assert [item.id for item in refined] == [2, 1, 3]
    rerank = WEIGHTS.rerank * 2**0.5  # 0.5 above the worst of two, whose root mean square is 0.5 / sqrt(2)
    second = 0.5 * SYMBOL + WEIGHTS.graph + rerank
    file = WEIGHTS.file * (second**2 + (0.25 * SYMBOL) ** 2) ** 0.5
    why = Why(symbol=0.5 * SYMBOL, graph=WEIGHTS.graph, rerank=rerank, file=file)
    assert found[2].why == pytest.approx(why)
    assert found[2].score == pytest.approx(second + file)
    assert found[1].why.file == pytest.approx(WEIGHTS.file * SYMBOL)


def test_the_history_of_a_file_counts_for_all_its_chunks() -> None:
    first = fuse({}, {}, {1: 1.0, 2: 0.5, 3: 0.5}, {3: 0.5}, pool=9)
    signals = SecondStage(graph={2: 1.0}, cochange={"b": 0.5}, cosines={})
    refined = refine(first, signals, {3: 0.5}, {1: "a", 2: "b", 3: "b"}, WEIGHTS)
    graph = {item.id: item.why.graph for item in refined}
    assert graph == pytest.approx({1: 0.0, 2: WEIGHTS.graph + WEIGHTS.cochange / 2, 3: WEIGHTS.cochange / 4})


def test_a_file_named_like_the_subject_counts_for_all_its_chunks() -> None:
    first = fuse({}, {}, {1: 1.0, 2: 0.5, 3: 0.5}, {3: 0.5}, pool=9)
    signals = SecondStage(graph={}, cochange={}, cosines={}, subject={"b": 0.5})
    symbol = {item.id: item.why.symbol for item in refine(first, signals, {3: 0.5}, {1: "a", 2: "b", 3: "b"}, WEIGHTS)}
    named = WEIGHTS.subject / 2
    assert symbol == pytest.approx({1: SYMBOL, 2: 0.5 * SYMBOL + named, 3: 0.25 * SYMBOL + 0.5 * named})


def test_a_lifted_chunk_gains_by_the_best_score() -> None:
    first = fuse({}, {}, {1: 1.0, 2: 0.5}, {}, pool=9)
    plain = refine(first, SecondStage({}, {}, {}), {}, {1: "a", 2: "b"}, WEIGHTS)
    lifted = refine(first, SecondStage({}, {}, {}, lifts={2: 3.0}), {}, {1: "a", 2: "b"}, WEIGHTS)
    assert [item.id for item in lifted] == [2, 1]
    assert lifted[0].score == pytest.approx(plain[1].score + 3.0 * plain[0].score)
    assert lifted[0].why.symbol == pytest.approx(plain[1].why.symbol + 3.0 * plain[0].score)


def test_further_places_of_a_file_give_way_down_to_half_of_their_score() -> None:
    ranked = [Ranked(i, 10.0, Why(lexical=10.0)) for i in range(5)]
    paths = dict.fromkeys(range(5), "a") | {4: "b"}
    spread_out = spread(ranked, paths, 9)
    assert spread(ranked, paths, 2) == spread_out[:2]
    assert [(item.id, item.score) for item in spread_out] == approx([(0, 10), (4, 10), (1, 7.5), (2, 5.625), (3, 5)])
    assert spread_out[2].why == Why(lexical=7.5)
    many = spread([Ranked(i, 10.0, Why()) for i in range(9)], dict.fromkeys(range(9), "a"), 9)
    assert many[-1].score == pytest.approx(5.0)


@pytest.mark.parametrize(("question", "factor"), [("errors", 0.7), ("errors of v3", 1.0)])
def test_a_folder_of_an_older_version_gives_way_unless_it_is_named(question: str, factor: float) -> None:
    heads = {1: ChunkHead("v3/a.ts", "typescript", "class", "A"), 2: ChunkHead("v4/a.ts", "typescript", "class", "A")}
    assert prior_factors(heads, parse_query(question)) == pytest.approx({1: factor, 2: 1.0})
