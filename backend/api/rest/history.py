"""REST: the history of conversations and sessions."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.api import schemas
from backend.api.clearing import clear
from backend.api.deps import PageDep, ServicesDep
from backend.db import conversations
from backend.db.conversations import iso
from backend.db.tables import ConversationRow, SessionRow, TurnRow
from backend.grounding.recheck import current_citations

router = APIRouter(prefix="/chat", tags=["chat"])


@router.get("/history")
async def history(services: ServicesDep, conversation_id: schemas.Id, page: PageDep) -> dict[str, Any]:
    """The newest messages, oldest first; `offset` counts back from the newest."""

    def work(db: Session) -> dict[str, Any]:
        conversations.require_conversation(db, conversation_id)
        rows = conversations.turns(db, conversation_id)
        places = [(row, at) for row in rows for at in range(1 if row.status == "open" else 2)]
        end = max(0, len(places) - page.offset)
        shown = [conversations.messages(row)[at] for row, at in places[max(0, end - page.limit) : end]]
        return {"conversation_id": conversation_id, "messages": shown, "total_count": len(places)}

    return await services.database.read(work)


@router.delete("/history")
async def delete_history(services: ServicesDep, conversation_id: schemas.Id | None = None) -> dict[str, Any]:
    """Deletes the messages of one conversation, or of all."""

    def chosen(db: Session) -> list[tuple[str, str]]:
        if conversation_id is not None:
            row = conversations.require_conversation(db, conversation_id)
            return [(row.session_id, row.id)]
        rows = db.execute(select(ConversationRow.session_id, ConversationRow.id)).all()
        return [(session, conversation) for session, conversation in rows]

    found = await services.database.read(chosen)
    return await clear(services, found, lambda db: conversations.clear(db, [id_ for _, id_ in found]))


@router.post("/session/clear")
async def clear_session(body: schemas.ClearBody, services: ServicesDep) -> dict[str, Any]:
    """Deletes the messages of all conversations of a session."""

    def chosen(db: Session) -> list[tuple[str, str]]:
        conversations.require_session(db, body.session_id)
        rows = db.scalars(select(ConversationRow.id).where(ConversationRow.session_id == body.session_id))
        return [(body.session_id, conversation) for conversation in rows]

    found = await services.database.read(chosen)
    return await clear(services, found, lambda db: conversations.clear(db, [id_ for _, id_ in found]))


@router.get("/context")
async def context(services: ServicesDep, conversation_id: schemas.Id) -> dict[str, Any]:
    """A conversation in numbers, with its last question and answer."""
    return await services.database.read(lambda db: conversations.context(db, conversation_id))


@router.get("/conversation/{conversation_id}")
async def conversation(services: ServicesDep, conversation_id: schemas.Id) -> dict[str, Any]:
    """A conversation's summary and all its messages."""

    def work(db: Session) -> dict[str, Any]:
        return conversations.context(db, conversation_id) | {"messages": _messages(db, conversation_id)}

    return await services.database.read(work)


@router.get("/conversation/{conversation_id}/citations")
async def citations(services: ServicesDep, conversation_id: schemas.Id) -> dict[str, Any]:
    """The citations of a conversation's answers, compared with the files as they are now."""

    def read(db: Session) -> Sequence[TurnRow]:
        conversations.require_conversation(db, conversation_id)
        return conversations.turns(db, conversation_id)

    def work() -> list[dict[str, Any]]:
        roots = {info.id: info.root for info in services.indexes.codebases.all()}
        return current_citations(turns, roots, services.retrieval.find_lines)

    turns = await services.database.read(read)
    return {"conversation_id": conversation_id, "turns": await asyncio.to_thread(work)}


@router.get("/session/{session_id}")
async def session(services: ServicesDep, session_id: schemas.Id) -> dict[str, Any]:
    """One session."""
    return await services.database.read(lambda db: _session(db, conversations.require_session(db, session_id)))


@router.get("/session/{session_id}/conversations")
async def session_conversations(services: ServicesDep, session_id: schemas.Id, page: PageDep) -> dict[str, Any]:
    """The conversations of a session, the last used first."""

    def work(db: Session) -> dict[str, Any]:
        conversations.require_session(db, session_id)
        own = ConversationRow.session_id == session_id
        newest = select(ConversationRow.id).where(own).order_by(ConversationRow.updated_at.desc(), ConversationRow.id)
        return {
            "session_id": session_id,
            "conversations": [
                conversations.context(db, id_) for id_ in db.scalars(newest.limit(page.limit).offset(page.offset))
            ],
            "total_count": db.scalar(select(func.count()).select_from(ConversationRow).where(own)),
        }

    return await services.database.read(work)


@router.get("/sessions")
async def sessions(services: ServicesDep, page: PageDep) -> dict[str, Any]:
    """All sessions, the last used first."""

    def work(db: Session) -> dict[str, Any]:
        newest = select(SessionRow).order_by(SessionRow.updated_at.desc(), SessionRow.id.desc())
        return {
            "sessions": [_session(db, row) for row in db.scalars(newest.limit(page.limit).offset(page.offset))],
            "total_count": db.scalar(select(func.count()).select_from(SessionRow)),
        }

    return await services.database.read(work)


def _messages(db: Session, conversation_id: str) -> list[dict[str, Any]]:
    rows = conversations.turns(db, conversation_id, with_context=True)
    return [message for row in rows for message in conversations.messages(row)]


def _session(db: Session, row: SessionRow) -> dict[str, Any]:
    count = db.scalar(select(func.count()).select_from(ConversationRow).where(ConversationRow.session_id == row.id))
    return {
        "session_id": row.id,
        "created_at": iso(row.created_at),
        "last_updated": iso(row.updated_at),
        "workspace": row.workspace,
        "model": row.model,
        "conversation_count": count,
        "head": row.head,
    }
