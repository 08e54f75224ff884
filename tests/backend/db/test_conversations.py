"""Rows of sessions, conversations and turns. Over a server: tests/backend/api/test_rest.py, chat/test_races.py."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from backend.db import events
from backend.db.conversations import (
    accept,
    clear,
    context,
    continued,
    finish,
    messages,
    newest,
    open_session,
    recover,
    require_session,
    turns,
)
from backend.db.tables import Base, EventRow, TurnRow
from backend.errors import ApiError


@pytest.fixture
def db() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def answered(db: Session, owner: str, conversation: str | None, turn: str, answer: str) -> TurnRow:
    row, _ = accept(db, owner, conversation, turn, f"{turn}?")
    events.append(db, require_session(db, owner), turn, "delta", text=answer)
    finish(db, row, "stop", model="m", usage={"prompt": 3})
    return row


def log_of(db: Session, owner: str) -> list[tuple[int, str]]:
    rows = db.scalars(select(EventRow).where(EventRow.session_id == owner).order_by(EventRow.seq))
    return [(row.seq, row.type) for row in rows]


def test_a_session_keeps_its_values_unless_others_are_given(db: Session) -> None:
    owner = open_session(db, None, "/code", None)
    assert (owner.workspace, owner.model) == ("/code", "")
    again = open_session(db, owner.id, None, "ant")
    assert (again.id, again.workspace, again.model) == (owner.id, "/code", "ant")
    with pytest.raises(ApiError, match="no session nobody"):
        open_session(db, "nobody", None, None)


def test_a_turn_is_accepted_once_and_ends_with_the_text_of_its_events(db: Session) -> None:
    owner = open_session(db, None, None, None).id
    row, is_new = accept(db, owner, None, "t", "What?")
    assert (is_new, row.ordinal, row.status, len(messages(row))) == (True, 1, "open", 1)
    assert accept(db, owner, None, "t", "Other?") == (row, False)
    for text in ("It ", "works."):
        events.append(db, require_session(db, owner), "t", "delta", text=text)
    finish(db, row, "stop", model="m")
    assert [(message["role"], message["content"]) for message in messages(row)] == [
        ("user", "What?"),
        ("assistant", "It works."),
    ]
    assert log_of(db, owner) == [(1, "accepted"), (2, "delta"), (3, "delta"), (4, "end")]


def test_the_history_has_what_the_events_of_an_answer_have(db: Session) -> None:
    owner = open_session(db, None, None, None).id
    row, _ = accept(db, owner, None, "t", "What?")
    cites = [{"n": [1], "start": 3, "end": 6, "status": "ok"}, {"n": [], "start": 8, "end": 9, "status": "invented"}]
    events.append(db, require_session(db, owner), "t", "delta", text="It [1] ")
    events.append(db, require_session(db, owner), "t", "cite", **cites[0])
    other = answered(db, owner, None, "other", "-")
    assert clear(db, [other.conversation_id]) == 2  # the log of the session now begins after the first citation
    events.append(db, require_session(db, owner), "t", "delta", text="x")
    events.append(db, require_session(db, owner), "t", "cite", **cites[1])
    finish(db, row, "stop", model="m", usage={"prompt": 3}, ms={"queue": 1.0}, grounding=0.5, notice="Short.")
    question, answer = messages(row)
    assert (question["codebase"], question["context"]) == ("", [])
    assert (answer["content"], answer["citations"]) == ("It [1] x", cites)
    assert (answer["model_name"], answer["usage"], answer["timings"]) == ("m", {"prompt": 3}, {"queue": 1.0})
    assert (answer["grounding"], answer["notice"], answer["error"]) == (0.5, "Short.", None)


def test_a_conversation_belongs_to_one_session(db: Session) -> None:
    owner, other = (open_session(db, None, None, None).id for _ in range(2))
    first = answered(db, owner, None, "a", "A")
    second = answered(db, owner, first.conversation_id, "b", "B")
    assert [(row.id, row.ordinal) for row in turns(db, first.conversation_id)] == [("a", 1), ("b", 2)]
    assert turns(db, first.conversation_id, before=2) == [first]
    assert newest(db, owner) == second.conversation_id
    assert newest(db, other) is None
    with pytest.raises(ApiError, match="belongs to another session"):
        accept(db, other, first.conversation_id, "c", "?")


def test_what_a_crash_left_open_is_ended_with_its_text(db: Session) -> None:
    owner = open_session(db, None, None, None).id
    answered(db, owner, None, "a", "A")
    row, _ = accept(db, owner, None, "b", "b?")
    events.append(db, require_session(db, owner), "b", "delta", text="half")
    assert (recover(db), recover(db)) == (1, 0)
    assert (row.status, row.answer, row.error["code"]) == ("error", "half", "interrupted")


def test_a_history_continues_the_conversation_that_it_equals(db: Session) -> None:
    owner, conversation, head = continued(db, [], "api-")
    assert (conversation, head) == (None, 0)
    row, _ = accept(db, owner, None, "api-1", "What?")
    events.append(db, require_session(db, owner), "api-1", "delta", text="This. ")
    finish(db, row, "stop")
    assert continued(db, [("What?", "This.")], "api-")[:2] == (owner, row.conversation_id)
    other, copied, _ = continued(db, [("What?", "That.")], "api-")
    assert other != owner
    assert copied is not None
    assert [(turn.question, turn.answer) for turn in turns(db, copied)] == [("What?", "That.")]


def test_clearing_deletes_turns_and_events_but_no_number_is_used_again(db: Session) -> None:
    owner = open_session(db, None, None, None).id
    row = answered(db, owner, None, "a", "A")
    conversation = row.conversation_id
    summary = context(db, conversation)
    assert (summary["message_count"], summary["last_query"], summary["last_response"]) == (2, "a?", "A")
    still_open, _ = accept(db, owner, conversation, "b", "b?")
    assert clear(db, [conversation]) is None
    finish(db, still_open, "cancelled")
    assert clear(db, [conversation]) == 4
    db.expire_all()
    assert (log_of(db, owner), require_session(db, owner).floor) == ([], 5)
    answered(db, owner, conversation, "c", "C")
    assert log_of(db, owner) == [(6, "accepted"), (7, "delta"), (8, "end")]
