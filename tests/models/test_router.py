"""The score of a question and the tiers it leads to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.router import FEATURES, TIERS, RoutingFeatures, fallback_order, model_tier, request_count, score, tier_for

LOOKUPS = (
    ("Where is the port configured?", 1),
    ("Which file defines Settings?", 1),
    ("What does parse_header return?", 1),
    ("Welche Datei liest die Einstellungen?", 1),
    ("What does optimize_plan return?", 1),  # a name orders nothing
    ("How does the retry logic work?", 2),
    ("Give me an overview of the codebase.", 2),
    ("Find out why the cache misses.", 1),
)
TASKS = (
    ("Why is there a deadlock in the job queue?", 4),
    ("Refactor the session store to be async and add tests.", 4),
    ("Compare the two indexers and recommend which of them we should keep.", 4),
    ("Rename Session to Workspace everywhere.", 4),
    ("How do I add a language to the parser? Walk me through each file I have to change.", 5),
    ("How would you fix the race condition in `Jobs.close`?", 6),
)
PROJECTS = (
    (
        "Design a migration of the storage layer from SQLite to PostgreSQL: which modules change, how do we keep "
        "the old data readable, and what are the trade-offs against staying where we are?",
        10,
    ),
    ("Propose an architecture that scales to ten machines, compare it with today's and implement the first step.", 8),
)


@pytest.mark.parametrize(("text", "points"), LOOKUPS + TASKS + PROJECTS)
def test_the_score_of_a_question(text: str, points: int) -> None:
    assert score(RoutingFeatures(text)) == points


@pytest.mark.parametrize(("questions", "wanted"), [(LOOKUPS, "small"), (TASKS, "medium"), (PROJECTS, "remote")])
def test_lookups_are_small_tasks_medium_projects_remote(questions: tuple[tuple[str, int], ...], wanted: str) -> None:
    assert {tier_for(score(RoutingFeatures(text))) for text, _ in questions} == {wanted}


def test_each_feature_is_met_by_a_question_of_its_own() -> None:
    met = {
        "more than 25 words": RoutingFeatures("word " * 26),
        "more than 80 words": RoutingFeatures("word " * 81),
        "asks two things": RoutingFeatures("What is it and what is that"),
        "asks four things": RoutingFeatures("- list it\n- show it\n- test it\n- document it"),
        "wants a reason or a way": RoutingFeatures("the reason"),
        "weighs one thing against another": RoutingFeatures("A versus B"),
        "changes code": RoutingFeatures("port the parser to Rust"),
        "ranges over the codebase": RoutingFeatures("used across packages"),
        "designs": RoutingFeatures("an architecture"),
        "hunts a hard fault": RoutingFeatures("a memory leak"),
        "brings code or a trace": RoutingFeatures("```\nx = 1\n```"),
        "brings more than 100 lines": RoutingFeatures("this", lines=101),
        "evidence from six files": RoutingFeatures("this", files=6),
        "looks something up": RoutingFeatures("where is it"),
    }
    assert list(met) == [feature.name for feature in FEATURES]
    for feature in FEATURES:
        assert feature.holds(met[feature.name]), feature.name
        assert not feature.holds(RoutingFeatures("this", files=5)), feature.name


def test_pasted_code_is_counted_and_not_read() -> None:
    pasted = RoutingFeatures("What is this?\n```\n# why: refactor the design, compare, debug the deadlock\n```")
    trace = RoutingFeatures(
        "What is this?\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\nKeyError: 'x'"
    )
    assert (score(pasted), score(trace)) == (2, 2)


def test_requests_are_clauses_that_ask_or_order() -> None:
    question = "Explain the cache, then list who calls it and please show where it is cleared."
    assert request_count(RoutingFeatures(question)) == 3
    assert request_count(RoutingFeatures("The parser, the lexer and the printer are slow")) == 0


@given(st.text(), st.integers(0, 100), st.integers(0, 10**6))
def test_every_question_has_a_score_and_more_evidence_never_lowers_it(text: str, files: int, lines: int) -> None:
    points = score(RoutingFeatures(text))
    assert 1 <= points <= 10
    assert score(RoutingFeatures(text, files, lines)) >= points


def test_a_model_says_its_tier_or_its_size_does() -> None:
    assert model_tier("medium", 10) == "medium"
    assert (model_tier("", 3_499_999_999), model_tier("", 3_500_000_000)) == ("small", "medium")


@pytest.mark.parametrize(
    ("wanted", "have", "tried"),
    [
        ("remote", TIERS, ["remote", "medium", "small"]),
        ("medium", TIERS, ["medium", "small", "remote"]),
        ("small", TIERS, ["small", "medium", "remote"]),
        ("remote", ("small",), ["small"]),
        ("small", ("remote",), ["remote"]),
        ("medium", (), []),
    ],
)
def test_tiers_are_tried_downwards_before_upwards(wanted: str, have: tuple[str, ...], tried: list[str]) -> None:
    assert fallback_order(wanted, have) == tried
