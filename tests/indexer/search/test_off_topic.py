"""Evidence against chance: when off-topic questions find as good."""

from pathlib import Path

import pytest

from indexer.search.off_topic import OFF_TOPIC, OffTopicBaseline, ScoreEvidence, is_close, is_general, share, z_score
from tests.indexer.harness import World

CHANCE = OffTopicBaseline.measure("table", 100, [ScoreEvidence(0.2, 0.1), ScoreEvidence(0.4, 0.3)])  # deviations of 0.1


@pytest.mark.parametrize(
    ("static", "words", "read", "explained"),
    [
        (0.3, 0.2, False, True),
        (0.4, 0.27, False, True),
        (0.4, 0.28, False, False),  # 1 + 0.8 deviations
        (0.4, 0.28, True, True),
        (0.7, 0.45, True, True),
        (0.7, 0.55, True, False),
    ],
)
def test_evidence_counts_in_deviations_and_less_once_the_heavy_embedder_doubts(
    static: float, words: float, read: bool, explained: bool
) -> None:
    assert CHANCE.covers(ScoreEvidence(static, words), read) is explained


def test_deviations() -> None:
    assert z_score(0.5, [0.2, 0.4]) == pytest.approx(2.0)
    assert z_score(0.5, [0.4, 0.4]) == pytest.approx(5.0)  # of the least deviation


def test_close_is_beyond_what_the_same_candidates_are_to_anything() -> None:
    assert is_close({1: 0.1, 2: 0.7}, [0.2, 0.4])
    assert not is_close({1: 0.1, 2: 0.65}, [0.2, 0.4])
    assert not is_close({}, [])


def test_it_is_kept_for_one_table_and_about_as_many_chunks() -> None:
    text = CHANCE.text()
    assert [OffTopicBaseline.kept(text, "table", chunks) for chunks in (80, 120)] == [CHANCE, CHANCE]
    assert [
        OffTopicBaseline.kept(*key) for key in ((text, "table", 121), (text, "other", 100), ("", "table", 100))
    ] == [None] * 3
    assert OffTopicBaseline.kept('{"recipe": "", "depth": 1}', "table", 100) is None


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
def test_what_can_be_asked_of_any_codebase(question: str, general: bool) -> None:
    assert is_general(question) is general


def test_no_off_topic_question_is_general() -> None:
    assert [question for question in OFF_TOPIC if is_general(question)] == []


def test_a_word_that_is_nowhere_lowers_the_share(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    with world.store.read() as snapshot:
        assert share(2.2, ["guide", "lasagna"], snapshot) < share(2.2, ["guide"], snapshot) < 1.5
        assert share(0.0, ["guide"], snapshot) == share(1.0, [], snapshot) == 0.0
