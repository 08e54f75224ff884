"""REST: questions and their answers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from backend.api import schemas
from backend.api.connected import event_stream
from backend.api.deps import ServicesDep
from backend.api.encoding import json_text
from backend.chat.question import Question
from backend.chat.turn_result import TurnResult
from backend.db import conversations
from backend.db.conversations import iso, new_id
from backend.db.events import Event, first_event
from backend.db.tables import now
from backend.errors import ApiError
from backend.services import Services

router = APIRouter(prefix="/chat", tags=["chat"])


@router.post("/query", response_model=None)
async def query(body: schemas.Query, services: ServicesDep) -> StreamingResponse | dict[str, Any]:
    """Answers a question; with `stream`, as server-sent events."""
    question, after = await in_session(services, body)
    events = events_of(services, question, after)
    if body.stream:
        first = await anext(events)  # an error before the first event still gets its HTTP status
        return event_stream(_as_sse(first, events), lambda error: _end(question, error))
    result = TurnResult(session_id=question.session, turn_id=question.turn)  # also if `accepted` is cleared by now
    async with aclosing(events):
        async for event in events:
            result.add(event.wire)
    if error := result.end.get("error"):
        raise ApiError.from_body(error)
    return _answer(result)


@router.post("/preview")
async def preview(body: schemas.Query, services: ServicesDep) -> dict[str, Any]:
    """The prompt that a query would send to the model. Nothing is stored or generated."""
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
    """The question in a body. Its session is empty if the body names neither a session nor a conversation."""
    session, conversation = body.session_id, body.conversation_id
    if conversation is not None and session is None:
        owner = await services.database.read(lambda db: conversations.require_conversation(db, conversation))
        session = owner.session_id
    question = body.as_question(session or "", body.turn_id or new_id(), body.query, conversation)
    return replace(question, codebase=body.codebase)


async def in_session(services: Services, body: schemas.Query) -> tuple[Question, int]:
    """The question in a body, with its session (a new one if it names none), and the head of the session before it."""
    if not body.query.strip():
        raise ApiError("bad_params", "query: the question is empty")
    services.engines.resolve(body.model)  # before a session is stored for a model that does not exist
    question = await _as_question(services, body)
    if question.replaces and not question.session:
        raise ApiError("bad_params", "replaces: name the turn's session_id or conversation_id", param="replaces")
    chosen = await asyncio.to_thread(services.retrieval.choose, body.codebase) if body.codebase else None
    # A new session stores its codebase, so that a follow-up need not name it again.
    workspace = str(chosen.root) if chosen and not question.session else None
    row = await services.database.write(
        lambda db: conversations.open_session(db, question.session or None, workspace, None)
    )
    return replace(question, session=row.id), row.head


async def events_of(services: Services, question: Question, after: int) -> AsyncGenerator[Event]:
    """Accepts the question and yields the events of its turn, up to its end.

    Raises `interrupted` if the server stops before that can be stored.
    """
    first = await services.database.read(lambda db: first_event(db, question.session, question.turn))
    async with aclosing(services.turns.watch(question.session, after if first is None else first - 1)) as events:
        await services.turns.accept(question)
        async for event in events:
            if event.turn == question.turn:
                yield event
                if event.type == "end":
                    return
    raise ApiError.from_body(conversations.INTERRUPTED.body)


async def _as_sse(first: Event, rest: AsyncGenerator[Event]) -> AsyncGenerator[str]:
    async with aclosing(rest):
        yield _sse(first)
        async for event in rest:
            yield _sse(event)


def _end(question: Question, error: ApiError) -> str:
    """The end of a turn whose events stop with an error."""
    body = conversations.end_body("error", {"model": "", "error": error.body})
    return _sse(Event(question.session, 0, question.turn, "end", body))


def _sse(event: Event) -> str:
    number = f"id: {event.seq}\n" if event.seq else ""
    return f"{number}event: {event.type}\ndata: {json_text(event.wire)}\n\n"
