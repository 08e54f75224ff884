"""The events of a turn add up to one result, whatever has come of them so far."""

from typing import Any

from backend.chat.turn_result import TurnResult

CITE = {"n": [1], "start": 0, "end": 3, "status": "ok"}
END = {"reason": "stop", "model": "m", "usage": {"prompt": 3}, "ms": {"queue": 1}, "notice": "n"}


def event(kind: str, **body: Any) -> dict[str, Any]:
    return {"session": "s", "seq": 1, "turn": "t", "type": kind, **body}


def test_the_events_of_a_turn_add_up() -> None:
    result = TurnResult()
    for item in (
        event("accepted", text="?", conversation="c"),
        {"session": "s", "turn": "t", "type": "status", "stage": "prefill"},
        event("sources", items=[{"n": 1, "path": "a.py"}]),
        event("delta", text="One "),
        event("delta", text="two [1]."),
        event("cite", **CITE),
        event("end", **END),
    ):
        result.add(item)
    assert (result.session_id, result.conversation_id, result.turn_id) == ("s", "c", "t")
    assert result.response == "One two [1]."
    assert result.sources == [{"n": 1, "path": "a.py"}]
    assert (result.citations, result.end) == ([CITE], END)


def test_a_turn_that_has_not_begun_is_empty() -> None:
    result = TurnResult()
    assert (result.response, result.sources, result.citations, result.end) == ("", [], [], {})
