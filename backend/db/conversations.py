"""Sessions, their conversations and turns: functions that run inside a transaction of the caller.

Keeps the invariants of the rows: event numbers without gaps, one end per turn, one answer per turn id. Knows no
engines, no retrieval and no protocols.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, joinedload
from ulid import ULID

from backend.db import events
from backend.db.tables import ConversationRow, EventRow, Meta, SessionRow, TurnRow, now
from backend.errors import ApiError

COMPARED = 20  # conversations with the same last question that `continued` looks at
INTERRUPTED = ApiError("interrupted", "the server stopped while this answer was being made; ask again")
CURRENT = TurnRow.replaced_by == ""  # the turns of the history: those that were not asked again
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def new_id() -> str:
    return str(ULID())


def open_session(db: Session, session: str | None, workspace: str | None, model: str | None) -> SessionRow:
    """The session with that id, or a new one. `workspace` and `model`, unless None, replace its values."""
    row = require_session(db, session) if session else SessionRow(id=new_id(), head=0, floor=0)
    row.workspace = workspace if workspace is not None else row.workspace or ""
    row.model = model if model is not None else row.model or ""
    db.add(row)
    db.flush()
    return row


def accept(
    db: Session, session: str, conversation: str | None, turn: str, question: str, replaces: str | None = None
) -> tuple[TurnRow, bool]:
    """Stores a question. The second value is False if that turn was accepted before: then nothing changes.

    `replaces`: a turn that leaves the history; it stays in the log.
    """
    owner = require_session(db, session)
    existing = db.get(TurnRow, (session, turn))
    if existing is not None:
        return existing, False
    replaced = replaceable(db, session, conversation, replaces) if replaces else None
    if replaced is not None and replaced.status == "open":
        raise ApiError("rate_limited", f"turn {replaces} is still being ended: try again", 1000)
    conversation = replaced.conversation_id if replaced else conversation
    parent = require_conversation(db, conversation) if conversation else _new_conversation(db, owner)
    if parent.session_id != session:
        raise ApiError("not_found", f"conversation {parent.id} belongs to another session")
    last = db.scalar(select(func.max(TurnRow.ordinal)).where(TurnRow.conversation_id == parent.id)) or 0
    row = TurnRow(
        session_id=session, id=turn, conversation_id=parent.id, ordinal=last + 1, question=question, status="open"
    )
    db.add(row)
    instead_of = {"replaces": replaces} if replaced else {}
    events.append(db, owner, turn, "accepted", text=question, conversation=parent.id, **instead_of)
    if replaced is not None:
        replaced.replaced_by = turn
    owner.updated_at = parent.updated_at = now()
    db.flush()
    return row, True


def replaceable(db: Session, session: str, conversation: str | None, turn: str) -> TurnRow:
    """The turn, if it is the last one of its conversation. Raises `ApiError` if it is not."""
    row = db.get(TurnRow, (session, turn))
    if row is None or row.replaced_by or conversation not in (None, row.conversation_id):
        raise ApiError("bad_params", f"replaces: {turn} is no turn of this conversation's history", param="replaces")
    if turns(db, row.conversation_id)[-1].id != turn:
        raise ApiError("bad_params", "replaces: only the last turn of a conversation can be replaced", param="replaces")
    return row


def continued(db: Session, exchanges: Sequence[tuple[str, str]], turn_prefix: str) -> tuple[str, str | None, int]:
    """Session, conversation and head for a client that sends its whole history with each question.

    Continues the conversation whose turns are exactly these exchanges (questions and answers), if their ids have that
    prefix. Otherwise a new session gets turns with these exchanges.
    """
    if exchanges:
        candidates = select(TurnRow.conversation_id).where(
            TurnRow.question == exchanges[-1][0], TurnRow.id.startswith(turn_prefix), TurnRow.status != "open"
        )
        expected = [(question, answer.strip()) for question, answer in exchanges]
        for conversation in dict.fromkeys(db.scalars(candidates.order_by(TurnRow.created_at.desc()).limit(COMPARED))):
            rows = turns(db, conversation)
            if [(row.question, row.answer.strip()) for row in rows if row.status == "open" or row.answer] == expected:
                owner = require_session(db, rows[0].session_id)
                return owner.id, conversation, owner.head
    owner = open_session(db, None, None, None)
    new_conversation = None
    for question, answer in exchanges:
        row, _ = accept(db, owner.id, new_conversation, turn_prefix + new_id(), question)
        row.user_message, new_conversation = question, row.conversation_id
        events.append(db, owner, row.id, "delta", text=answer)
        finish(db, row, "stop")
    return owner.id, new_conversation, owner.head


def finish(db: Session, row: TurnRow, reason: str, **fields: Any) -> None:
    """Writes the one `end` event of a turn and fills its row. The answer is the text of its `delta` events."""
    _keep_answer(db, row)
    row.status, row.finished_at = reason, now()
    row.model = fields.get("model", row.model)
    row.usage, row.timings = fields.get("usage", {}), fields.get("ms", {})
    row.error, row.spoken = fields.get("error") or {}, fields.get("spoken", [])
    row.grounding, row.notice = fields.get("grounding"), fields.get("notice", "")
    owner = require_session(db, row.session_id)
    events.append(db, owner, row.id, "end", **end_body(reason, {"model": row.model} | fields))
    parent = db.get_one(ConversationRow, row.conversation_id)
    owner.updated_at = parent.updated_at = row.finished_at


def end_body(reason: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an `end` event."""
    body = {"reason": reason, "model": fields["model"], "usage": fields.get("usage", {}), "ms": fields.get("ms", {})}
    body |= {name: fields[name] for name in ("error", "notice") if fields.get(name)}
    return body | ({"grounding": fields["grounding"]} if fields.get("grounding") is not None else {})


def recover(db: Session) -> int:
    """Ends the turns that a crash left open; their text so far is kept. Returns their number."""
    open_turns = db.scalars(select(TurnRow).where(TurnRow.status == "open").order_by(TurnRow.id)).all()
    for row in open_turns:
        finish(db, row, "error", error=INTERRUPTED.body, model=row.model)
    return len(open_turns)


def epoch(db: Session) -> str:
    """The id of a period in which no committed event can have been lost.

    Commits survive a crash of this process, but not always a crash of the machine: every boot starts a new epoch.
    """
    boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else new_id()
    stored, current = db.get(Meta, "boot_id"), db.get(Meta, "epoch")
    if stored is None or current is None or stored.value != boot:
        db.merge(Meta(key="boot_id", value=boot))
        current = db.merge(Meta(key="epoch", value=new_id()))
    return current.value


def require_session(db: Session, session: str) -> SessionRow:
    row = db.get(SessionRow, session)
    if row is None:
        raise ApiError("not_found", f"no session {session}")
    return row


def newest(db: Session, session: str) -> str | None:
    """The id of the conversation that the session used last."""
    own = select(ConversationRow.id).where(ConversationRow.session_id == session)
    return db.scalar(own.order_by(ConversationRow.updated_at.desc()).limit(1))


def require_conversation(db: Session, conversation: str) -> ConversationRow:
    row = db.get(ConversationRow, conversation)
    if row is None:
        raise ApiError("not_found", f"no conversation {conversation}")
    return row


def turns(
    db: Session, conversation: str, before: int | None = None, *, with_context: bool = False
) -> Sequence[TurnRow]:
    """The turns of a conversation in order, without those that were asked again.

    `before`: only those with a lower ordinal. `with_context`: what was attached is read with them, not one by one.
    """
    query = select(TurnRow).where(TurnRow.conversation_id == conversation, CURRENT).order_by(TurnRow.ordinal)
    query = query.options(joinedload(TurnRow.attached)) if with_context else query
    return db.scalars(query.where(TurnRow.ordinal < before) if before is not None else query).all()


def messages(row: TurnRow) -> list[dict[str, Any]]:
    """A turn as messages of a chat history: the question and, once the turn has ended, the answer.

    Citations have the status of the answer's moment.
    """
    question: dict[str, Any] = {
        "turn_id": row.id,
        "role": "user",
        "content": row.question,
        "timestamp": iso(row.created_at),
        "status": "ok",
        "sources": [],
        "codebase": row.codebase,
        "context": row.context,
    }
    if row.status == "open":
        return [question]
    answer = {
        "turn_id": row.id,
        "role": "assistant",
        "content": row.answer,
        "timestamp": iso(row.finished_at),
        "status": row.status,
        "sources": row.sources,
        "citations": row.citations,
        "model_name": row.model,
        "usage": row.usage,
        "timings": row.timings,
        "grounding": row.grounding,
        "notice": row.notice,
        "error": row.error or None,
    }
    return [question, answer]


def context(db: Session, conversation: str) -> dict[str, Any]:
    """The summary of `GET /chat/context`."""
    parent = require_conversation(db, conversation)
    rows = turns(db, conversation)
    answered = [row for row in rows if row.status != "open"]
    return {
        "conversation_id": conversation,
        "session_id": parent.session_id,
        "message_count": len(rows) + len(answered),
        "user_message_count": len(rows),
        "assistant_message_count": len(answered),
        "last_query": rows[-1].question if rows else None,
        "last_response": answered[-1].answer if answered else None,
        "created_at": iso(parent.created_at),
        "last_updated": iso(parent.updated_at),
    }


def clear(db: Session, conversations: Sequence[str]) -> int | None:
    """Deletes the turns of these conversations with their events. Returns the number of messages deleted.

    While one of their turns is open it deletes nothing and returns None. A session's log loses everything up to the
    newest deleted event, because its numbers must not have gaps.
    """
    is_open = (TurnRow.conversation_id.in_(conversations), TurnRow.status == "open")
    if db.scalar(select(func.count()).select_from(TurnRow).where(*is_open)):
        return None
    deleted = 0
    for conversation in conversations:
        parent = require_conversation(db, conversation)
        ids = db.scalars(select(TurnRow.id).where(TurnRow.conversation_id == conversation)).all()
        if not ids:
            continue
        deleted += 2 * len(turns(db, conversation))
        newest_event = select(func.max(EventRow.seq)).where(
            EventRow.session_id == parent.session_id, EventRow.turn_id.in_(ids)
        )
        last = db.scalar(newest_event) or 0
        db.execute(delete(TurnRow).where(TurnRow.conversation_id == conversation))
        for row in db.scalars(select(TurnRow).where(TurnRow.session_id == parent.session_id, TurnRow.status == "open")):
            _keep_answer(db, row, last)  # of another conversation, and still running
        db.execute(delete(EventRow).where(EventRow.session_id == parent.session_id, EventRow.seq <= last))
        db.execute(
            update(SessionRow)
            .where(SessionRow.id == parent.session_id, SessionRow.floor < last)
            .values(floor=last, updated_at=now())
        )
        parent.updated_at = now()
    return deleted


def _keep_answer(db: Session, row: TurnRow, until: int | None = None) -> None:
    """Adds to the row what the turn's events, up to number `until`, have of its answer: text and citations."""
    of_turn = (EventRow.session_id == row.session_id, EventRow.turn_id == row.id)
    of_answer = select(EventRow).where(*of_turn, EventRow.type.in_(("delta", "cite"))).order_by(EventRow.seq)
    logged = [event for event in db.scalars(of_answer) if until is None or event.seq <= until]
    row.answer += "".join(event.body["text"] for event in logged if event.type == "delta")
    row.citations = [*row.citations, *(event.body for event in logged if event.type == "cite")]


def _new_conversation(db: Session, owner: SessionRow) -> ConversationRow:
    row = ConversationRow(id=new_id(), session_id=owner.id)
    db.add(row)
    db.flush()
    return row


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
