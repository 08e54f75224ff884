"""Answers the model NAME+repo: an ordinary turn about a codebase, for a client that sends its whole history each time.

The prompt is Lantern's own. The client's system prompt, stop texts and most sampling options are ignored.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from backend.api.openai.responses import ResponsePart
from backend.api.openai.schemas import Chat
from backend.api.rest.chat import events_of
from backend.chat.question import Question
from backend.chat.turn_result import TurnResult
from backend.db import conversations
from backend.db.conversations import new_id
from backend.db.events import Event
from backend.errors import ApiError
from backend.indexing.retrieval import check_length
from backend.services import Services
from models.types import Usage
from prompts.passthrough import Conversation
from prompts.tools.conversation import is_forced

TURN_PREFIX = "v1."  # of the ids of turns that come through this API


async def from_codebase(services: Services, body: Chat, messages: Conversation) -> AsyncGenerator[ResponsePart, None]:
    """The answer to the last user message. The turn is cancelled when the caller stops reading."""
    if messages.answer_start or not messages.question.strip():
        raise ApiError("bad_params", "messages: the last one has to be the user's question", param="messages")
    _check_options(body)
    check_length(messages.question, param="messages")
    session, turn = "", TURN_PREFIX + new_id()
    try:
        async with services.turns.history_match_lock:
            session, conversation, head = await services.database.write(
                lambda db: conversations.continued(db, messages.exchanges, TURN_PREFIX)
            )
            events = events_of(services, _question(body, messages, session, conversation, turn), head)
            await anext(events)  # accepted: from here on, the same history finds this conversation continued
        async with aclosing(events):
            async for part in _parts(events, body.model):
                yield part
    finally:
        services.turns.stop(session, turn)


def _check_options(body: Chat) -> None:
    """Refuses what an answer with sources has not. Tools that may be called are ignored: none is called."""
    refused = {
        "response_format": (body.response_format.schema_text, "no JSON schema"),
        "tool_choice": (body.offered and is_forced(body.offered), "no tool calls"),
        "n": (body.n > 1, "no alternatives"),
        "logprobs": (body.logprobs, "no log-probabilities"),
    }
    for param, (is_wanted, what) in refused.items():
        if is_wanted:
            problem = f"an answer with sources has {what}: ask {body.name or 'the model'} without +repo"
            raise ApiError("bad_params", problem, param=param)


def _question(body: Chat, messages: Conversation, session: str, conversation: str | None, turn: str) -> Question:
    return Question(
        session=session,
        turn=turn,
        text=messages.question,
        conversation=conversation,
        codebase=body.codebase,
        model=body.name,
        max_tokens=body.most_tokens,
        temperature=body.temperature,
    )


async def _parts(events: AsyncGenerator[Event, None], model: str) -> AsyncGenerator[ResponsePart, None]:
    """The events of a turn as parts of a response; the first comes when the engine starts. Raises the turn's error."""
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
