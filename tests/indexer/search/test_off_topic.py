"""Evidence compared with that of off-topic questions."""

from pathlib import Path

import pytest

from indexer.search.off_topic import (
    OFF_TOPIC,
    OffTopicBaseline,
    ScoreEvidence,
    bm25_share,
    is_close,
    is_general,
    z_score,
)
from tests.indexer.harness import World

BASELINE = OffTopicBaseline.measure(
    "table", 100, [ScoreEvidence(0.2, 0.1), ScoreEvidence(0.4, 0.3)]
)  # deviations of 0.1


@pytest.mark.parametrize(
    ("static", "words", "reranked", "covered"),
    [
        (0.3, 0.2, False, True),
        (0.4, 0.27, False, True),
        (0.4, 0.28, False, False),  # 1 + 0.8 deviations
        (0.4, 0.28, True, True),
        (0.7, 0.45, True, True),
        (0.7, 0.55, True, False),
    ],
)
def test_evidence_counts_in_deviations_and_needs_more_after_re_ranking(
    static: float, words: float, reranked: bool, covered: bool
) -> None:
    assert BASELINE.covers(ScoreEvidence(static, words), reranked=reranked) is covered


def test_z_score() -> None:
    assert z_score(0.5, [0.2, 0.4]) == pytest.approx(2.0)
    assert z_score(0.5, [0.4, 0.4]) == pytest.approx(5.0)  # in units of the least deviation


def test_close_is_far_above_the_cosines_of_off_topic_questions() -> None:
    assert is_close({1: 0.1, 2: 0.7}, [0.2, 0.4])
    assert not is_close({1: 0.1, 2: 0.65}, [0.2, 0.4])
    assert not is_close({}, [])


def test_a_stored_baseline_is_for_one_model_and_about_as_many_chunks() -> None:
    text = BASELINE.dump()
    assert [OffTopicBaseline.load(text, "table", chunks) for chunks in (80, 120)] == [BASELINE, BASELINE]
    assert [
        OffTopicBaseline.load(*key) for key in ((text, "table", 121), (text, "other", 100), ("", "table", 100))
    ] == [None] * 3
    assert OffTopicBaseline.load('{"recipe": "", "depth": 1}', "table", 100) is None


@pytest.mark.parametrize(
    ("question", "general"),
    [
        ("How do I run the tests?", True),
        ("what does this project do?", True),
        ("Give me an overview of the architecture", True),
        ("How do I run a marathon?", False),
        ("How long does a patent last?", False),
    ],
)
def test_questions_to_any_codebase_are_general(question: str, general: bool) -> None:
    assert is_general(question) is general


def test_no_off_topic_question_is_general() -> None:
    assert [question for question in OFF_TOPIC if is_general(question)] == []


@pytest.mark.process
def test_a_term_that_occurs_nowhere_lowers_the_share(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    with world.store.read() as snapshot:
        assert bm25_share(2.2, ["guide", "lasagna"], snapshot) < bm25_share(2.2, ["guide"], snapshot) < 1.5
        assert bm25_share(0.0, ["guide"], snapshot) == bm25_share(1.0, [], snapshot) == 0.0
