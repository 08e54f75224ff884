"""REST: questions and the history of sessions."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.api import schemas
from backend.api.deps import ServicesDep
from backend.api.turn_result import TurnResult
from backend.chat.question import Question
from backend.db import conversations
from backend.db.conversations import iso, new_id
from backend.db.events import Event, first_event
from backend.db.tables import ConversationRow, SessionRow, now
from backend.errors import ApiError
from backend.services import Services

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0)]
CLEAR_TRIES, CLEAR_PAUSE_S = 20, 0.05
router = APIRouter(prefix="/chat", tags=["chat"])


@router.post("/query", response_model=None)
async def query(body: schemas.Query, services: ServicesDep) -> StreamingResponse | dict[str, Any]:
    """Answers a question; with `stream`, as server-sent events."""
    question, after = await _in_session(services, body)
    events = events_of(services, question, after)
    if body.stream:
        first = await anext(events)  # a refusal still has its own status
        return StreamingResponse(_as_sse(first, events), media_type="text/event-stream")
    result = TurnResult()
    async with aclosing(events):
        async for event in events:
            result.add(event.wire)
    if error := result.end.get("error"):
        raise ApiError.from_body(error)
    return _answer(result)


@router.post("/preview")
async def preview(body: schemas.Query, services: ServicesDep) -> dict[str, Any]:
    """The prompt that a query would have the model read. Nothing is stored or generated."""
    model, built = await services.rag.preview(await _as_question(services, body))
    return {
        "model_name": model,
        "prompt": built.prompt.text,
        "tokens": built.tokens,
        "snippets": [
            {
                "n": snippet.n,
                "path": snippet.hit.path,
                "start": snippet.hit.start_line,
                "end": snippet.hit.end_line,
                "text": snippet.hit.text,
            }
            for snippet in built.snippets
        ],
    }


@router.post("/cancel")
async def cancel(body: schemas.CancelBody, services: ServicesDep) -> dict[str, Any]:
    """Stops the session's running turns, or one of them; idempotent."""
    await services.database.read(lambda db: conversations.require_session(db, body.session_id))
    await services.turns.cancel(body.session_id, body.turn_id)
    return {}


@router.get("/history")
async def history(
    services: ServicesDep, conversation_id: schemas.Id, limit: Limit = 50, offset: Offset = 0
) -> dict[str, Any]:
    """The newest messages, in the order in which they were said; `offset` counts back from the newest."""

    def work(db: Session) -> dict[str, Any]:
        conversations.require_conversation(db, conversation_id)
        said = [message for row in conversations.turns(db, conversation_id) for message in conversations.messages(row)]
        newest = said[max(0, len(said) - offset - limit) : max(0, len(said) - offset)]
        return {"conversation_id": conversation_id, "messages": newest, "total_count": len(said)}

    return await services.database.read(work)


@router.delete("/history")
async def delete_history(services: ServicesDep, conversation_id: schemas.Id | None = None) -> dict[str, Any]:
    """Deletes what was said in one conversation, or everywhere."""

    def chosen(db: Session) -> list[tuple[str, str]]:
        if conversation_id is not None:
            row = conversations.require_conversation(db, conversation_id)
            return [(row.session_id, row.id)]
        rows = db.execute(select(ConversationRow.session_id, ConversationRow.id)).all()
        return [(session, conversation) for session, conversation in rows]

    return await _clear(services, await services.database.read(chosen))


@router.post("/session/clear")
async def clear_session(body: schemas.ClearBody, services: ServicesDep) -> dict[str, Any]:
    """Deletes what was said in all conversations of a session."""

    def chosen(db: Session) -> list[tuple[str, str]]:
        conversations.require_session(db, body.session_id)
        rows = db.scalars(select(ConversationRow.id).where(ConversationRow.session_id == body.session_id))
        return [(body.session_id, conversation) for conversation in rows]

    return await _clear(services, await services.database.read(chosen))


@router.get("/context")
async def context(services: ServicesDep, conversation_id: schemas.Id) -> dict[str, Any]:
    """A conversation in numbers, with its last question and answer."""
    return await services.database.read(lambda db: conversations.context(db, conversation_id))


@router.get("/conversation/{conversation_id}")
async def conversation(services: ServicesDep, conversation_id: schemas.Id) -> dict[str, Any]:
    """A conversation's summary and all its messages."""

    def work(db: Session) -> dict[str, Any]:
        said = [message for row in conversations.turns(db, conversation_id) for message in conversations.messages(row)]
        return conversations.context(db, conversation_id) | {"messages": said}

    return await services.database.read(work)


@router.get("/session/{session_id}")
async def session(services: ServicesDep, session_id: schemas.Id) -> dict[str, Any]:
    """One session."""
    return await services.database.read(lambda db: _session(db, conversations.require_session(db, session_id)))


@router.get("/session/{session_id}/conversations")
async def session_conversations(
    services: ServicesDep, session_id: schemas.Id, limit: Limit = 50, offset: Offset = 0
) -> dict[str, Any]:
    """The conversations of a session, the last used first."""

    def work(db: Session) -> dict[str, Any]:
        conversations.require_session(db, session_id)
        own = ConversationRow.session_id == session_id
        newest = select(ConversationRow.id).where(own).order_by(ConversationRow.updated_at.desc(), ConversationRow.id)
        return {
            "session_id": session_id,
            "conversations": [conversations.context(db, id_) for id_ in db.scalars(newest.limit(limit).offset(offset))],
            "total_count": db.scalar(select(func.count()).select_from(ConversationRow).where(own)),
        }

    return await services.database.read(work)


@router.get("/sessions")
async def sessions(services: ServicesDep, limit: Limit = 50, offset: Offset = 0) -> dict[str, Any]:
    """All sessions, the last used first."""

    def work(db: Session) -> dict[str, Any]:
        newest = select(SessionRow).order_by(SessionRow.updated_at.desc(), SessionRow.id.desc())
        return {
            "sessions": [_session(db, row) for row in db.scalars(newest.limit(limit).offset(offset))],
            "total_count": db.scalar(select(func.count()).select_from(SessionRow)),
        }

    return await services.database.read(work)


def _answer(result: TurnResult) -> dict[str, Any]:
    """A finished turn as `POST /chat/query` answers it."""
    end = result.end
    return {
        "response": result.response,
        "sources": result.sources,
        "citations": result.citations,
        "turn_id": result.turn_id,
        "session_id": result.session_id,
        "conversation_id": result.conversation_id,
        "model_name": end["model"],
        "usage": end["usage"],
        "timings": end["ms"],
        "reason": end["reason"],
        **{name: end[name] for name in ("grounding", "notice") if name in end},
        "timestamp": iso(now()),
    }


async def _as_question(services: Services, body: schemas.Query) -> Question:
    """The question of a body; its session is empty if the body names neither a session nor a conversation."""
    session, conversation = body.session_id, body.conversation_id
    if conversation is not None and session is None:
        owner = await services.database.read(lambda db: conversations.require_conversation(db, conversation))
        session = owner.session_id
    question = body.as_question(session or "", body.turn_id or new_id(), body.query, conversation)
    return replace(question, codebase=body.codebase)


async def _in_session(services: Services, body: schemas.Query) -> tuple[Question, int]:
    """The question of a body in its session, a new one if it names none, and the session's head before it."""
    if not body.query.strip():
        raise ApiError("bad_params", "query: the question is empty")
    services.engines.resolve(body.model)  # no session is made for a model that does not exist
    question = await _as_question(services, body)
    chosen = await asyncio.to_thread(services.retrieval.choose, body.codebase) if body.codebase else None
    # A new session remembers its codebase, so that a follow-up need not name it again.
    workspace = str(chosen.root) if chosen and not question.session else None
    row = await services.database.write(
        lambda db: conversations.open_session(db, question.session or None, workspace, None)
    )
    return replace(question, session=row.id), row.head


async def events_of(services: Services, question: Question, after: int) -> AsyncGenerator[Event]:
    """Accepts the question and yields the events of its turn, to the end."""
    told = await services.database.read(lambda db: first_event(db, question.session, question.turn))
    async with aclosing(services.turns.watch(question.session, after if told is None else told - 1)) as events:
        await services.turns.accept(question)
        async for event in events:
            if event.turn == question.turn:
                yield event
                if event.type == "end":
                    return


async def _as_sse(first: Event, rest: AsyncGenerator[Event]) -> AsyncIterator[str]:
    async with aclosing(rest):
        yield _sse(first)
        async for event in rest:
            yield _sse(event)


def _sse(event: Event) -> str:
    number = f"id: {event.seq}\n" if event.seq else ""
    return f"{number}event: {event.type}\ndata: {json.dumps(event.wire, ensure_ascii=False)}\n\n"


async def _clear(services: Services, chosen: list[tuple[str, str]]) -> dict[str, Any]:
    for _ in range(CLEAR_TRIES):
        for session_id, conversation_id in chosen:
            services.prefetcher.drop(session_id)
            await services.turns.cancel(session_id, conversation=conversation_id)
        gone = await services.database.write(lambda db: conversations.clear(db, [id_ for _, id_ in chosen]))
        if gone is not None:
            await services.engines.forget()
            return {"deleted": gone}
        await asyncio.sleep(CLEAR_PAUSE_S)  # a question came in between
    raise ApiError("rate_limited", "questions keep coming in there: try again", 1000)


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
