"""Guesses from the text so far, and when they are worth their rows."""

from models.llama.worker.speculation import DRAFT, AcceptanceTracker, PromptLookup


def test_what_followed_the_same_tokens_before_is_guessed() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3])
    assert lookup.draft(10) == [4, 5, 6, 7][:DRAFT]
    assert lookup.draft(2) == [4, 5]
    lookup.extend([9])
    assert lookup.draft(10) == []
    lookup.extend([1, 2, 3, 5, 1, 2, 3])
    assert lookup.draft(1) == [5]  # where they occurred last


def test_less_than_a_gram_guesses_nothing() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 1])
    assert lookup.draft(4) == []


def test_guessing_stops_where_it_does_not_pay_and_is_tried_again() -> None:
    worth = AcceptanceTracker()
    assert worth.pays(0.4)
    for _ in range(20):
        worth.observe(4, 0)
    tries = [worth.pays(0.4) for _ in range(200)]
    assert 0 < sum(tries) <= 4
    for _ in range(20):
        worth.observe(4, 4)
    assert all(worth.pays(0.4) for _ in range(10))
    assert not all(worth.pays(1.0) for _ in range(10))
