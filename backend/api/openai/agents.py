"""`POST /v1/responses`, the only endpoint that Codex speaks: a chat in other words. Nothing is stored."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from backend.api.connected import event_stream, while_connected, while_open
from backend.api.deps import ServicesDep
from backend.api.encoding import json_text
from backend.api.openai.agent_events import AgentResponse
from backend.api.openai.agent_schemas import AgentRequest
from backend.api.openai.generation import ResponseStream
from backend.api.openai.responses import ResponsePart
from backend.api.openai.routes import chat_parts

router = APIRouter(prefix="/v1", tags=["openai"])


@router.post("/responses", response_model=None)
async def responses(body: AgentRequest, request: Request, services: ServicesDep) -> StreamingResponse | dict[str, Any]:
    """Answers a conversation, in the shape that agents use."""
    parts, response = chat_parts(services, body.chat()), AgentResponse(body)
    if body.stream:
        first = await while_connected(request, anext(parts))
        events = _events(response, first, while_open(request, parts))
        return event_stream(events, lambda error: _named(response.failed(error)))

    async def collect() -> dict[str, Any]:
        async with aclosing(parts):
            return [response.add(part) async for part in parts][-1][-1]

    answer: dict[str, Any] = (await while_connected(request, collect()))["response"]
    return answer


async def _events(response: AgentResponse, first: ResponsePart, rest: ResponseStream) -> AsyncGenerator[str, None]:
    """Server-sent events."""
    async with aclosing(rest):
        for event in (*response.begin(first), *response.add(first)):
            yield _named(event)
        async for part in rest:
            if part.note:
                yield f": {part.note}\n\n"
            for event in response.add(part):
                yield _named(event)


def _named(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json_text(event)}\n\n"
