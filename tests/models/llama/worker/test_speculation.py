"""Drafts from the text so far, and when they pay."""

from models.llama.worker.speculation import DRAFT, AcceptanceTracker, PromptLookup


def test_the_tokens_after_the_same_n_gram_are_drafted() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3])
    assert lookup.draft(10) == [4, 5, 6, 7][:DRAFT]
    assert lookup.draft(2) == [4, 5]
    lookup.extend([9])
    assert lookup.draft(10) == []
    lookup.extend([1, 2, 3, 5, 1, 2, 3])
    assert lookup.draft(1) == [5]  # where they occurred last


def test_fewer_tokens_than_an_n_gram_draft_nothing() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 1])
    assert lookup.draft(4) == []


def test_drafting_stops_where_it_does_not_pay_and_is_tried_again() -> None:
    acceptance = AcceptanceTracker()
    assert acceptance.pays(0.4)
    for _ in range(20):
        acceptance.observe(4, 0)
    tries = [acceptance.pays(0.4) for _ in range(200)]
    assert 0 < sum(tries) <= 4
    for _ in range(20):
        acceptance.observe(4, 4)
    assert all(acceptance.pays(0.4) for _ in range(10))
    assert not all(acceptance.pays(1.0) for _ in range(10))
