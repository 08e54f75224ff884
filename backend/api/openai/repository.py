"""NAME+repo: a turn like any other, from the code of the codebase, for a client that sends its whole history each time.

The client's system prompt, its stop texts and finer sampling have no place there: the prompt is Lantern's own.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from backend.api.chat import events_of
from backend.api.openai.responses import ResponsePart
from backend.api.openai.schemas import Chat
from backend.api.schemas import PROMPT_CHARS
from backend.api.turn_result import TurnResult
from backend.chat.question import Question
from backend.db import conversations
from backend.db.conversations import new_id
from backend.db.events import Event
from backend.errors import ApiError
from backend.services import Services
from models.types import Usage
from prompts.passthrough import Conversation

TURNS = "v1."  # what ids of turns of this face begin with


async def from_codebase(services: Services, body: Chat, told: Conversation) -> AsyncGenerator[ResponsePart, None]:
    """The answer of a turn to the last user message. It is cancelled when nobody reads on."""
    if told.begun or not told.question.strip():
        raise ApiError("bad_params", "messages: the last one has to be the user's question", param="messages")
    if body.response_format.schema_text:
        problem = f"an answer with sources has no JSON schema: ask {body.name or 'the model'} without +repo"
        raise ApiError("bad_params", problem, param="response_format")
    if len(told.question) > PROMPT_CHARS:
        raise ApiError("context_too_large", f"a question may have {PROMPT_CHARS} characters", param="messages")
    session, turn = "", TURNS + new_id()
    try:
        async with services.turns.conversation_lock:
            session, conversation, head = await services.database.write(
                lambda db: conversations.continued(db, told.exchanges, TURNS)
            )
            events = events_of(services, _question(body, told, session, conversation, turn), head)
            await anext(events)  # it is accepted: who sends the same history now finds it continued
        async with aclosing(events):
            async for piece in _pieces(events, body.model):
                yield piece
    finally:
        services.turns.stop(session, turn)


def _question(body: Chat, told: Conversation, session: str, conversation: str | None, turn: str) -> Question:
    return Question(
        session=session,
        turn=turn,
        text=told.question,
        conversation=conversation,
        codebase=body.codebase,
        model=body.name,
        max_tokens=body.most_tokens,
        temperature=body.temperature,
    )


async def _pieces(events: AsyncGenerator[Event, None], model: str) -> AsyncGenerator[ResponsePart, None]:
    """The events of a turn as pieces; the first comes when the engine has begun. Raises what ended the turn."""
    result = TurnResult()
    async for event in events:
        result.add(event.wire)
        match event.type:
            case "status" if event.body["stage"] == "prefill" and "total" in event.body:
                yield ResponsePart(model=model, note=f"prompt {event.body['done']}/{event.body['total']}")
            case "delta":
                yield ResponsePart(event.body["text"], model=model)
            case "end" if error := result.end.get("error"):
                raise ApiError.from_body(error)
            case "end":
                tokens = result.end["usage"]
                usage = Usage(tokens["prompt"], tokens["cached"], tokens["completion"])
                yield ResponsePart(model=model, reason=result.end["reason"], usage=usage, sources=tuple(result.sources))
