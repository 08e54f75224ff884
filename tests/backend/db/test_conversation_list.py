"""Summaries of conversations, searched and renamed. Over a server: tests/backend/api/rest/test_conversations.py."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from backend.db.conversation_list import remove, rename, search, shortened
from backend.db.conversations import accept, finish, open_session
from backend.db.tables import Base
from backend.errors import ApiError


@pytest.fixture
def db() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def asked(db: Session, question: str) -> str:
    owner = open_session(db, None, "/srv/code", None).id
    row, _ = accept(db, owner, None, "t", question)
    return row.conversation_id


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\n two\t three ", "one two three"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("\x1b[31mred\u202e", "\\x1b[31mred\\u202e"),
        ("", ""),
    ],
)
def test_a_title_is_one_line(text: str, line: str) -> None:
    assert shortened(text) == line


def test_an_open_conversation_cannot_be_removed(db: Session) -> None:
    id_ = asked(db, "What?")
    assert remove(db, id_) is None
    assert [row["message_count"] for row in search(db, "", 10, 0)["conversations"]] == [1]


def test_a_removed_conversation_is_gone(db: Session) -> None:
    owner = open_session(db, None, None, None).id
    row, _ = accept(db, owner, None, "t", "What?")
    finish(db, row, "stop")
    assert remove(db, row.conversation_id) == 2
    assert search(db, "", 10, 0) == {"conversations": [], "total_count": 0}
    with pytest.raises(ApiError, match="no conversation"):
        rename(db, row.conversation_id, "x")


def test_the_title_of_a_turn_that_was_asked_again_is_gone(db: Session) -> None:
    owner = open_session(db, None, None, None).id
    first, _ = accept(db, owner, None, "one", "Mail?")
    finish(db, first, "stop")
    accept(db, owner, None, "two", "Post?", "one")
    (found,) = search(db, "", 10, 0)["conversations"]
    assert (found["title"], found["message_count"]) == ("Post?", 1)
    assert search(db, "mail", 10, 0)["total_count"] == 0


def test_at_most_eight_words_are_looked_for(db: Session) -> None:
    asked(db, "one two three four five six seven eight")
    assert search(db, "one two three four five six seven eight nine", 10, 0)["total_count"] == 1
    assert search(db, "one two three four five six seven nine", 10, 0)["total_count"] == 0
