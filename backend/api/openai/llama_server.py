"""Calls that clients of llama-server make beside `/v1`: what the model is, its tokens, and filling in the middle.

llama.vscode and Zed's provider for llama.cpp find Lantern through them. Only what these read is answered.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from backend.api.connected import event_stream, while_connected, while_open
from backend.api.deps import ServicesDep
from backend.api.openai import schemas
from backend.api.openai.fill import Infill, filled
from backend.api.openai.generation import client_prompt
from backend.api.openai.messages import Text
from backend.api.openai.responses import sse
from backend.api.schemas import Schema
from backend.engines.pool import EngineLease
from backend.errors import ApiError
from backend.services import Services
from models.errors import UnknownModel
from models.types import Engine, Segment

router = APIRouter(tags=["llama-server"])
TOKENS = 1 << 18


class Tokenize(Schema):
    """The body of `POST /tokenize`."""

    content: Text = ""
    add_special: bool = False  # the token that begins every prompt of this model
    parse_special: bool = True  # the texts of control tokens become these tokens
    with_pieces: bool = False
    model: str = Field("", max_length=200)


class Detokenize(Schema):
    """The body of `POST /detokenize`."""

    tokens: list[int] = Field(max_length=TOKENS)
    model: str = Field("", max_length=200)


@router.get("/props")
async def props(services: ServicesDep, model: Annotated[str, Query(max_length=200)] = "") -> dict[str, Any]:
    """What a model can do; of one that is not loaded only its context. Loads nothing."""
    name = model.removesuffix(schemas.REPO) or services.engines.current["name"]
    states = {state["id"]: state for state in await asyncio.to_thread(services.engines.states)}
    try:
        loaded = services.engines.loaded(name)
    except UnknownModel as error:
        raise ApiError("not_found", str(error), param="model") from None
    answer = {
        "default_generation_settings": {"n_ctx": states[name]["context"] if name in states else 0},
        "total_slots": schemas.ANSWERS,
        "model_alias": name,
        "modalities": {"vision": False, "audio": False},
    }
    if loaded is None:
        return answer
    engine, chat = loaded
    has_tools = chat.tools is not None and not model.endswith(schemas.REPO)
    answer["default_generation_settings"] = {"n_ctx": engine.context_length}
    caps = {"supports_tools": has_tools, "supports_tool_calls": has_tools, "supports_parallel_tool_calls": has_tools}
    return answer | {"chat_template_caps": caps, "supports_infill": engine.fim is not None}


@router.post("/tokenize")
async def tokenize(body: Tokenize, services: ServicesDep) -> dict[str, Any]:
    """The tokens of a text."""
    async with _using(services, body.model) as lease:
        found, begin = [
            await asyncio.to_thread(lease.engine.tokenize, (Segment(text, body.parse_special),))
            for text in (body.content, "")
        ]
        if found is None or begin is None:
            raise _no_vocabulary(lease.engine)
        tokens = found[len(begin) :] if begin == found[: len(begin)] and not body.add_special else found
        if not body.with_pieces:
            return {"tokens": tokens}
        pieces = await lease.engine.detokenize(tokens) or []
        return {"tokens": [{"id": token, "piece": _piece(piece)} for token, piece in zip(tokens, pieces, strict=True)]}


@router.post("/detokenize")
async def detokenize(body: Detokenize, services: ServicesDep) -> dict[str, Any]:
    """The text of tokens."""
    async with _using(services, body.model) as lease:
        pieces = await lease.engine.detokenize(body.tokens)
        if pieces is None:
            raise _no_vocabulary(lease.engine)
        return {"content": b"".join(pieces).decode("utf-8", "replace")}


@router.post("/apply-template")
async def apply_template(body: schemas.Chat, services: ServicesDep) -> dict[str, Any]:
    """A conversation as the model would read it."""
    async with _using(services, body.name) as lease:
        prompt = await asyncio.to_thread(client_prompt, lease, body.turns, body.offered)
        return {"prompt": prompt.text}


@router.post("/infill", response_model=None)
async def infill(body: Infill, request: Request, services: ServicesDep) -> StreamingResponse | dict[str, Any]:
    """The code between a prefix and a suffix, by a model that can fill in."""
    chunks = _chunks(services, body)
    first = await while_connected(request, anext(chunks))
    if not body.stream:
        await chunks.aclose()
        return first
    return event_stream(_events(first, while_open(request, chunks)), _error)


@asynccontextmanager
async def _using(services: Services, model: str) -> AsyncIterator[EngineLease]:
    """The engine of a model. Raises `ApiError` where another one would stand in for it: it has no tokens to show."""
    async with services.engines.use(model.removesuffix(schemas.REPO)) as lease:
        if lease.problem:
            raise ApiError("model_unavailable", lease.problem)
        yield lease


async def _chunks(services: Services, body: Infill) -> AsyncGenerator[dict[str, Any], None]:
    async with _using(services, body.model) as lease:
        prompt, sampling = body.prompt_for(lease.engine), body.sampling(lease.sampling)
        async with aclosing(services.metrics.count_stream(lease.engine.stream(prompt, sampling))) as deltas:
            async for chunk in filled(body, lease.engine.name, deltas):
                yield chunk


async def _events(first: dict[str, Any], rest: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[str, None]:
    """Server-sent events."""
    async with aclosing(rest):
        yield sse(first)
        async for chunk in rest:
            yield sse(chunk)


def _error(error: ApiError) -> str:
    return sse({"error": error.body})


def _piece(piece: bytes) -> str | list[int]:
    """As llama-server gives it: bytes that are no text as numbers."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


def _no_vocabulary(engine: Engine) -> ApiError:
    return ApiError("bad_params", f"{engine.name} has no vocabulary here: choose a local model", param="model")
