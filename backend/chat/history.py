"""The finished turns of a conversation in the form that the next prompt needs. Does not read or write the database."""

from collections.abc import Sequence

from backend.db.tables import TurnRow
from prompts.build import Exchange


def exchange(row: TurnRow, history: Sequence[TurnRow]) -> Exchange:
    """A stored turn as part of the next prompt. The first turn that lists a source number shows its text."""
    before = {item["n"] for other in history if other.ordinal < row.ordinal for item in other.sources}
    shown = tuple(
        (item["n"], (item["path"], item["start"], item["end"], item["sha"]))
        for item in row.sources
        if item["n"] not in before
    )
    lead, answer = row.spoken or ("", row.answer)
    if not answer:  # the model wrote nothing after the lead: the prompt must not teach it to stop there
        lead, answer = "", lead.rpartition("\n\n")[0] or lead
    return Exchange(row.user_message, answer, shown, lead)


def window(history: Sequence[TurnRow]) -> int:
    """Index of the oldest turn in the newest prompt: a turn that was dropped stays dropped."""
    start = history[-1].window_start if history else 0
    return sum(row.ordinal < start for row in history)


def window_start(history: Sequence[TurnRow], dropped: int, row: TurnRow) -> int:
    """Ordinal of the oldest turn in the prompt of `row`, which drops `dropped` more turns."""
    first = window(history) + dropped
    return history[first].ordinal if first < len(history) else row.ordinal


def dropped_notice(history: Sequence[TurnRow], dropped: int, model: str) -> str:
    """Says which turns leave the prompt now; "" if none do."""
    if not dropped:
        return ""
    first, last = 1 + window(history), window(history) + dropped
    which, they = (f"Turn {first}", "it") if first == last else (f"Turns {first}-{last}", "them")
    return f"{which} of this conversation had to make room: {model} has not read {they}."


def next_number(history: Sequence[TurnRow]) -> int:
    """The first source number that the conversation has not used."""
    return 1 + max((item["n"] for row in history for item in row.sources), default=0)
