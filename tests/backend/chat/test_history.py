"""The turns that a prompt no longer contains are named."""

from backend.chat.history import dropped_notice
from backend.db.tables import TurnRow


def test_turns_that_left_the_prompt_are_named_from_the_first_that_is_missing() -> None:
    turns = [TurnRow(ordinal=n, window_start=2) for n in (1, 2, 3, 4)]
    assert dropped_notice(turns, 0, "ant") == ""
    assert dropped_notice(turns, 2, "ant") == "Turns 2-3 of this conversation had to make room: ant has not read them."
