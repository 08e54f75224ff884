"""The list of all conversations: searched, renamed, removed. Functions that run inside a transaction of the caller.

An empty conversation is not listed. Knows no protocols.
"""

from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from backend.db.conversations import CURRENT, clear, iso, require_conversation
from backend.db.tables import ConversationRow, SessionRow, TurnRow
from prompts.visible import one_line

TITLE_CHARS = 80
_WORDS = 8  # of a query that are looked for
_FIRST_CHARS = 400  # of a question that its title is made from

_OF_CONVERSATION = (TurnRow.conversation_id == ConversationRow.id, CURRENT)


def search(db: Session, query: str, limit: int, offset: int) -> dict[str, Any]:
    """The answer of `GET /chat/conversations`: last used first.

    Each word of the query is in the title, in a question or in an answer; cases are equal.
    """
    chosen = (exists().where(*_OF_CONVERSATION), *(_mentions(word) for word in query.split()[:_WORDS]))
    newest = (ConversationRow.updated_at.desc(), ConversationRow.id.desc())
    rows = db.execute(_SUMMARIES.where(*chosen).order_by(*newest).limit(limit).offset(offset))
    count = db.scalar(select(func.count()).select_from(ConversationRow).where(*chosen))
    return {"conversations": [_summary(*row) for row in rows], "total_count": count}


def rename(db: Session, conversation: str, title: str) -> dict[str, Any]:
    """The summary of the conversation under its new title; "" gives it that of its first question."""
    row = require_conversation(db, conversation)
    row.title = shortened(title)
    db.flush()
    return _summary(*db.execute(_SUMMARIES.where(ConversationRow.id == conversation)).one())


def remove(db: Session, conversation: str) -> int | None:
    """Deletes a conversation with its turns; as `clear`."""
    deleted = clear(db, [conversation])
    if deleted is not None:
        db.execute(delete(ConversationRow).where(ConversationRow.id == conversation))
    return deleted


def shortened(text: str) -> str:
    """One line of at most `TITLE_CHARS` characters."""
    line = one_line(" ".join(text.split()))
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1].rstrip()}…"


def _mentions(word: str) -> ColumnElement[bool]:
    in_turn = or_(TurnRow.question.icontains(word, autoescape=True), TurnRow.answer.icontains(word, autoescape=True))
    in_title = ConversationRow.title.icontains(word, autoescape=True)
    return or_(in_title, exists().where(*_OF_CONVERSATION, in_turn).correlate(ConversationRow))


def _counted(*conditions: ColumnElement[bool]) -> Any:
    counted = select(func.count()).select_from(TurnRow).where(*_OF_CONVERSATION, *conditions)
    return counted.correlate(ConversationRow).scalar_subquery()


_first_question = (
    select(func.substr(TurnRow.question, 1, _FIRST_CHARS))
    .where(*_OF_CONVERSATION)
    .order_by(TurnRow.ordinal)
    .limit(1)
    .correlate(ConversationRow)
    .scalar_subquery()
)
_SUMMARIES = select(
    ConversationRow, SessionRow.workspace, _first_question, _counted(), _counted(TurnRow.status != "open")
).join(SessionRow, SessionRow.id == ConversationRow.session_id)


def _summary(row: ConversationRow, workspace: str, question: str | None, asked: int, answered: int) -> dict[str, Any]:
    return {
        "conversation_id": row.id,
        "session_id": row.session_id,
        "title": row.title or shortened(question or ""),
        "workspace": workspace,
        "message_count": asked + answered,
        "created_at": iso(row.created_at),
        "last_updated": iso(row.updated_at),
    }
