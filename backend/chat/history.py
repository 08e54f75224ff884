"""The finished turns of a conversation, as the next prompt needs them. Knows rows, reads and writes none."""

from collections.abc import Sequence

from backend.db.tables import TurnRow
from prompts.build import Exchange


def exchange(row: TurnRow, past: Sequence[TurnRow]) -> Exchange:
    """A stored turn as a piece of the next prompt. The first turn that lists a number is the one that shows it."""
    before = {item["n"] for other in past if other.ordinal < row.ordinal for item in other.sources}
    shown = tuple(
        (item["n"], (item["path"], item["start"], item["end"], item["sha"]))
        for item in row.sources
        if item["n"] not in before
    )
    lead, answer = row.spoken or ("", row.answer)
    if not answer:  # nothing came behind the words that hand over to the model: it must not learn to stop there
        lead, answer = "", lead.rpartition("\n\n")[0] or lead
    return Exchange(row.user_message, answer, shown, lead)


def window(past: Sequence[TurnRow]) -> int:
    """Index of the oldest turn that the newest prompt still held: what was dropped stays dropped."""
    start = past[-1].window_start if past else 0
    return sum(row.ordinal < start for row in past)


def window_start(past: Sequence[TurnRow], dropped: int, row: TurnRow) -> int:
    """Ordinal of the oldest turn in the prompt of `row`, for which `dropped` more had to go."""
    first = window(past) + dropped
    return past[first].ordinal if first < len(past) else row.ordinal


def left_behind(past: Sequence[TurnRow], dropped: int, model: str) -> str:
    """Tells which turns the prompt holds no longer, in the turn in which they go; "" where none go."""
    if not dropped:
        return ""
    first, last = 1 + window(past), window(past) + dropped
    which, they = (f"Turn {first}", "it") if first == last else (f"Turns {first}-{last}", "them")
    return f"{which} of this conversation had to make room: {model} has not read {they}."


def next_number(past: Sequence[TurnRow]) -> int:
    """The first number that no source of the conversation has."""
    return 1 + max((item["n"] for row in past for item in row.sources), default=0)
