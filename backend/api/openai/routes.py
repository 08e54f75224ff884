"""The OpenAI face: model NAME passes straight through, model NAME+repo answers from the codebase.

Editors send titles, commit messages and completions to the same address: only a name that says so retrieves.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from backend.api.connected import while_connected
from backend.api.deps import ServicesDep
from backend.api.openai import schemas
from backend.api.openai.repository import from_codebase
from backend.api.openai.responses import DONE, Form, ResponsePart, sse
from backend.api.openai.schemas import REPO
from backend.engines.pool import EXTRACTIVE, NOTHING_ASKED, Ready
from backend.errors import ApiError, openai_error, to_api_error
from backend.services import Services
from models.errors import ModelError, UnknownModel
from models.router import RoutingFeatures
from models.tokens import estimate_tokens
from models.types import Delta, Prompt
from prompts.passthrough import chat_prompt, conversation, fim_prompt, raw_prompt

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["openai"])
Pieces = AsyncGenerator[ResponsePart, None]


@router.get("/models")
async def models(services: ServicesDep) -> dict[str, Any]:
    """The models that can answer now, each also with the codebase behind it (`+repo`)."""
    return {"object": "list", "data": await asyncio.to_thread(_usable, services)}


@router.get("/models/{name:path}")
async def model(name: str, services: ServicesDep) -> dict[str, Any]:
    """One of them."""
    for entry in await asyncio.to_thread(_usable, services):
        if entry["id"] == name:
            return entry
    raise ApiError("not_found", f"no model {name}: see GET /v1/models", param="model")


@router.post("/chat/completions", response_model=None)
async def chat(body: schemas.Chat, request: Request, services: ServicesDep) -> StreamingResponse | dict[str, Any]:
    """Answers a conversation."""
    _known(services, body.name)
    told = conversation([message.message for message in body.messages])
    if body.retrieves:
        pieces = from_codebase(services, body, told)
    else:
        pieces = _straight(services, body, lambda ready: chat_prompt(ready.chat, told), RoutingFeatures(told.question))
    return await _respond(request, body, Form("chat"), pieces)


@router.post("/completions", response_model=None)
async def completions(
    body: schemas.Completion, request: Request, services: ServicesDep
) -> StreamingResponse | dict[str, Any]:
    """Goes on with each prompt, which the client has rendered itself; with a suffix, fills in what is between."""
    _known(services, body.name)
    if body.retrieves:
        problem = f"completions never retrieve: ask {body.name}, or /v1/chat/completions"
        raise ApiError("bad_params", problem, param="model")
    return await _respond(request, body, Form("text"), _each(services, body))


@router.post("/embeddings")
async def embeddings(body: schemas.Embeddings, services: ServicesDep) -> dict[str, Any]:
    """Vectors by the server's own embedder, whatever model is named; the answer names it."""
    embedder, vectors = await asyncio.to_thread(services.indexes.embedders.embed, body.input)
    dim = vectors.shape[1]
    if body.dimensions not in (None, dim):
        raise ApiError("bad_params", f"the vectors of {embedder} have {dim} dimensions", param="dimensions")
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    as_text = body.encoding_format == "base64"
    tokens = sum(map(estimate_tokens, body.input))
    return {
        "object": "list",
        "model": embedder,
        "data": [
            {
                "object": "embedding",
                "index": n,
                "embedding": base64.b64encode(row).decode() if as_text else row.tolist(),
            }
            for n, row in enumerate(rows)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _usable(services: Services) -> list[dict[str, Any]]:
    names = [state for state in services.engines.states() if state["state"] in ("installed", "loading", "loaded")]
    return [
        {
            "id": state["id"] + kind,
            "object": "model",
            "created": 0,
            "owned_by": "lantern",
            "context_length": state["context"],
        }
        for state in names
        for kind in ("", REPO)
    ]


def _known(services: Services, name: str) -> None:
    try:
        services.engines.resolve(name)
    except UnknownModel as error:
        raise ApiError("not_found", str(error), param="model") from None


async def _straight(
    services: Services,
    body: schemas.Generating,
    make: Callable[[Ready], Prompt],
    asked: RoutingFeatures = NOTHING_ASKED,
) -> Pieces:
    """What the model itself says to the client's words, nothing added."""
    failed: dict[str, str] = {}
    failure: ModelError | None = None
    while True:
        name = said = ""
        try:
            async with services.engines.use(body.name, asked, failed=failed) as ready:
                if ready.engine.name == EXTRACTIVE and ready.notice:  # it stands in for a model, and only quotes code
                    raise failure or ApiError("model_unavailable", ready.notice)
                name = ready.engine.name
                async with aclosing(_pieces(services, body, ready, make(ready))) as pieces:
                    async for piece in pieces:
                        said = said or piece.text
                        yield piece
            return
        except ModelError as error:
            if said or not services.engines.should_fall_back(body.name, name, error, failed):
                raise
            failure = error


async def _pieces(services: Services, body: schemas.Generating, ready: Ready, prompt: Prompt) -> Pieces:
    """The answer of one engine."""
    own = replace(ready.sampling, max_tokens=services.settings.max_tokens or ready.sampling.max_tokens)
    async with aclosing(services.metrics.counted(ready.engine.stream(prompt, body.sampling(own)))) as deltas:
        async for delta in deltas:
            yield ResponsePart(delta.text, 0, ready.engine.name, delta.reason, delta.usage, _note(delta))


def _note(delta: Delta) -> str:
    if delta.progress:
        return "prompt {}/{}".format(*delta.progress)
    return "" if delta.waiting is None else f"{delta.waiting} waiting"


async def _each(services: Services, body: schemas.Completion) -> Pieces:
    """The prompts of one request, one after the other."""
    for index, text in enumerate(body.prompt):

        def make(ready: Ready, text: str = text) -> Prompt:
            if not body.suffix:
                return raw_prompt(text)
            if ready.engine.fim is None:
                problem = f"{ready.engine.name} cannot fill in the middle: choose a model that can, or send no suffix"
                raise ApiError("bad_params", problem, param="suffix")
            return fim_prompt(ready.engine.fim, text, body.suffix)

        async with aclosing(_straight(services, body, make)) as pieces:
            async for piece in pieces:
                yield replace(piece, index=index)


async def _respond(
    request: Request, body: schemas.Generating, form: Form, pieces: Pieces
) -> StreamingResponse | dict[str, Any]:
    """The pieces as the client wants them. A stream begins when the engine has accepted: a refusal has its status."""
    if body.stream:
        first = await while_connected(request, anext(pieces))
        events = _events(form, first, pieces, body.stream_options.include_usage)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    async def collect() -> list[ResponsePart]:
        async with aclosing(pieces):
            return [piece async for piece in pieces]

    return form.whole(await while_connected(request, collect()))


async def _events(form: Form, first: ResponsePart, rest: Pieces, with_usage: bool) -> AsyncIterator[str]:
    """Server-sent events. What goes wrong now can only be told as one of them, and ends the stream."""
    used = []
    async with aclosing(rest):
        try:
            for chunk in form.opening(first):
                yield sse(chunk)
            async for piece in _again(first, rest):
                if piece.note:
                    yield f": {piece.note}\n\n"
                for chunk in form.chunks(piece):
                    yield sse(chunk)
                used += [piece.usage] if piece.usage else []
                last = piece
            if with_usage:
                yield sse(form.usage(last, used))
            yield DONE
        except Exception as failure:  # noqa: BLE001 - the edge of the stream
            yield sse(openai_error(to_api_error(failure, log, "a stream"))[1])


async def _again(first: ResponsePart, rest: Pieces) -> Pieces:
    yield first
    async for piece in rest:
        yield piece
