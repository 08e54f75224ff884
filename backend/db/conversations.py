"""Sessions, their conversations and turns, as functions inside a transaction of the caller.

Knows the rows and their laws: numbers without gaps, one end per turn, one generation per turn id.
Knows nothing of engines, retrieval or wires.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session
from ulid import ULID

from backend.db import events
from backend.db.tables import ConversationRow, EventRow, Meta, SessionRow, TurnRow, now
from backend.errors import ApiError

TRIED = 20  # conversations with the same last question that are looked at
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def new_id() -> str:
    return str(ULID())


def open_session(db: Session, session: str | None, workspace: str | None, model: str | None) -> SessionRow:
    """The session of that id, or a new one; `workspace` and `model` replace what it had."""
    row = require_session(db, session) if session else SessionRow(id=new_id(), head=0, floor=0)
    row.workspace = workspace if workspace is not None else row.workspace or ""
    row.model = model if model is not None else row.model or ""
    db.add(row)
    db.flush()
    return row


def accept(db: Session, session: str, conversation: str | None, turn: str, question: str) -> tuple[TurnRow, bool]:
    """Records a question. The second value is False if that turn was accepted before: then nothing changes."""
    owner = require_session(db, session)
    known = db.get(TurnRow, (session, turn))
    if known is not None:
        return known, False
    place = require_conversation(db, conversation) if conversation else _new_conversation(db, owner)
    if place.session_id != session:
        raise ApiError("not_found", f"conversation {place.id} belongs to another session")
    last = db.scalar(select(func.max(TurnRow.ordinal)).where(TurnRow.conversation_id == place.id)) or 0
    row = TurnRow(
        session_id=session, id=turn, conversation_id=place.id, ordinal=last + 1, question=question, status="open"
    )
    db.add(row)
    events.append(db, owner, turn, "accepted", text=question, conversation=place.id)
    owner.updated_at = place.updated_at = now()
    db.flush()
    return row, True


def continued(db: Session, exchanges: Sequence[tuple[str, str]], turn_prefix: str) -> tuple[str, str | None, int]:
    """Session, conversation and head for a client that sends its whole history with each question.

    Where turns with ids of that prefix told exactly these exchanges, and nothing since, they go on; else a new
    session tells them.
    """
    if exchanges:
        asked = select(TurnRow.conversation_id).where(
            TurnRow.question == exchanges[-1][0], TurnRow.id.startswith(turn_prefix), TurnRow.status != "open"
        )
        wanted = [(question, answer.strip()) for question, answer in exchanges]
        for conversation in dict.fromkeys(db.scalars(asked.order_by(TurnRow.created_at.desc()).limit(TRIED))):
            rows = turns(db, conversation)
            if [(row.question, row.answer.strip()) for row in rows if row.status == "open" or row.answer] == wanted:
                owner = require_session(db, rows[0].session_id)
                return owner.id, conversation, owner.head
    owner = open_session(db, None, None, None)
    place = None
    for question, answer in exchanges:
        row, _ = accept(db, owner.id, place, turn_prefix + new_id(), question)
        row.user_message, place = question, row.conversation_id
        events.append(db, owner, row.id, "delta", text=answer)
        finish(db, row, "stop")
    return owner.id, place, owner.head


def finish(db: Session, row: TurnRow, reason: str, **facts: Any) -> None:
    """Writes the one `end` event of a turn and what it leaves in the row; the answer is what the log says it is."""
    row.answer += _said(db, row)
    row.status, row.finished_at = reason, now()
    row.model = facts.get("model", row.model)
    row.usage, row.timings = facts.get("usage", {}), facts.get("ms", {})
    row.error, row.spoken = facts.get("error") or {}, facts.get("spoken", [])
    body = {"model": row.model, "usage": row.usage, "ms": row.timings} | ({"error": row.error} if row.error else {})
    body |= {"notice": facts["notice"]} if "notice" in facts else {}
    body |= {"grounding": facts["grounding"]} if facts.get("grounding") is not None else {}
    owner = require_session(db, row.session_id)
    events.append(db, owner, row.id, "end", reason=reason, **body)
    place = db.get_one(ConversationRow, row.conversation_id)
    owner.updated_at = place.updated_at = row.finished_at


def recover(db: Session) -> int:
    """Ends the turns that a crash left open, keeping what had been said; answers how many there were."""
    left = db.scalars(select(TurnRow).where(TurnRow.status == "open").order_by(TurnRow.id)).all()
    for row in left:
        error = {"code": "interrupted", "message": "the server stopped while this answer was being made; ask again"}
        finish(db, row, "error", error=error, model=row.model)
    return len(left)


def epoch(db: Session) -> str:
    """Names a stretch of time in which no committed event can have been lost.

    Commits survive the death of this process but not always that of the machine: a new boot, a new epoch.
    """
    boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else new_id()
    known, current = db.get(Meta, "boot_id"), db.get(Meta, "epoch")
    if known is None or current is None or known.value != boot:
        db.merge(Meta(key="boot_id", value=boot))
        current = db.merge(Meta(key="epoch", value=new_id()))
    return current.value


def require_session(db: Session, session: str) -> SessionRow:
    row = db.get(SessionRow, session)
    if row is None:
        raise ApiError("not_found", f"no session {session}")
    return row


def newest(db: Session, session: str) -> str | None:
    """The conversation of a session that was used last."""
    own = select(ConversationRow.id).where(ConversationRow.session_id == session)
    return db.scalar(own.order_by(ConversationRow.updated_at.desc()).limit(1))


def require_conversation(db: Session, conversation: str) -> ConversationRow:
    row = db.get(ConversationRow, conversation)
    if row is None:
        raise ApiError("not_found", f"no conversation {conversation}")
    return row


def turns(db: Session, conversation: str, before: int | None = None) -> Sequence[TurnRow]:
    """The turns of a conversation in order, those before ordinal `before` only."""
    query = select(TurnRow).where(TurnRow.conversation_id == conversation).order_by(TurnRow.ordinal)
    return db.scalars(query.where(TurnRow.ordinal < before) if before is not None else query).all()


def messages(row: TurnRow) -> list[dict[str, Any]]:
    """A turn as the two messages of a chat history; the second only once there is an answer or an end."""
    asked: dict[str, Any] = {
        "role": "user",
        "content": row.question,
        "timestamp": iso(row.created_at),
        "status": "ok",
        "sources": [],
    }
    if row.status == "open":
        return [asked]
    answered = {
        "role": "assistant",
        "content": row.answer,
        "timestamp": iso(row.finished_at),
        "status": row.status,
        "sources": row.sources,
    }
    return [asked, answered]


def context(db: Session, conversation: str) -> dict[str, Any]:
    """The summary of `GET /chat/context`."""
    place = require_conversation(db, conversation)
    rows = turns(db, conversation)
    answered = [row for row in rows if row.status != "open"]
    return {
        "conversation_id": conversation,
        "session_id": place.session_id,
        "message_count": len(rows) + len(answered),
        "user_message_count": len(rows),
        "assistant_message_count": len(answered),
        "last_query": rows[-1].question if rows else None,
        "last_response": answered[-1].answer if answered else None,
        "created_at": iso(place.created_at),
        "last_updated": iso(place.updated_at),
    }


def clear(db: Session, conversations: Sequence[str]) -> int | None:
    """Deletes the turns of these conversations and the events that tell them; answers the number of messages gone.

    None, and nothing is deleted, while one of their turns is open.
    The log of a session forgets everything up to the newest deleted event: its numbers must not have holes.
    """
    is_open = (TurnRow.conversation_id.in_(conversations), TurnRow.status == "open")
    if db.scalar(select(func.count()).select_from(TurnRow).where(*is_open)):
        return None
    gone = 0
    for conversation in conversations:
        place = require_conversation(db, conversation)
        rows = turns(db, conversation)
        if not rows:
            continue
        gone += sum(len(messages(row)) for row in rows)
        told = select(func.max(EventRow.seq)).where(
            EventRow.session_id == place.session_id, EventRow.turn_id.in_([row.id for row in rows])
        )
        last = db.scalar(told) or 0
        db.execute(delete(TurnRow).where(TurnRow.conversation_id == conversation))
        for row in db.scalars(select(TurnRow).where(TurnRow.session_id == place.session_id, TurnRow.status == "open")):
            row.answer += _said(db, row, last)  # a turn of another conversation, still running
        db.execute(delete(EventRow).where(EventRow.session_id == place.session_id, EventRow.seq <= last))
        db.execute(
            update(SessionRow)
            .where(SessionRow.id == place.session_id, SessionRow.floor < last)
            .values(floor=last, updated_at=now())
        )
        place.updated_at = now()
    return gone


def _said(db: Session, row: TurnRow, until: int | None = None) -> str:
    """What the log has of a turn's answer, up to event number `until`."""
    return "".join(event.body["text"] for event in _told(db, row, "delta") if until is None or event.seq <= until)


def _told(db: Session, row: TurnRow, kind: str) -> Sequence[EventRow]:
    """The events of that type that the log has of a turn."""
    of_turn = (EventRow.session_id == row.session_id, EventRow.turn_id == row.id, EventRow.type == kind)
    return db.scalars(select(EventRow).where(*of_turn).order_by(EventRow.seq)).all()


def _new_conversation(db: Session, owner: SessionRow) -> ConversationRow:
    row = ConversationRow(id=new_id(), session_id=owner.id)
    db.add(row)
    db.flush()
    return row


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
