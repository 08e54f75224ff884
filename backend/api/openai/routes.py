"""The OpenAI API: the model NAME gets the client's own prompt, the model NAME+repo answers about the codebase.

Editors also ask for titles, commit messages and completions here, so nothing is retrieved without `+repo`.
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

from backend.api.connected import while_connected, while_open
from backend.api.deps import ServicesDep
from backend.api.openai import schemas
from backend.api.openai.repository import from_codebase
from backend.api.openai.responses import DONE, Form, ResponsePart, sse
from backend.api.openai.schemas import REPO
from backend.engines.attempts import EngineAttempts
from backend.engines.pool import NO_FEATURES, EngineLease
from backend.errors import ApiError, openai_error, to_api_error
from backend.services import Services
from models.errors import UnknownModel
from models.router import RoutingFeatures
from models.tokens import estimate_tokens
from models.types import Delta, Prompt
from prompts.passthrough import chat_prompt, conversation, fim_prompt, raw_prompt

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["openai"])
ResponseStream = AsyncGenerator[ResponsePart, None]


@router.get("/models")
async def models(services: ServicesDep) -> dict[str, Any]:
    """The models that can answer now, each also with the codebase (`+repo`)."""
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
    _require_model(services, body.name)
    messages = conversation([message.message for message in body.messages])
    if body.retrieves:
        parts = from_codebase(services, body, messages)
    else:
        features = RoutingFeatures(messages.question)
        parts = _passthrough(services, body, lambda lease: chat_prompt(lease.chat, messages), features)
    return await _respond(request, body, Form("chat"), parts)


@router.post("/completions", response_model=None)
async def completions(
    body: schemas.Completion, request: Request, services: ServicesDep
) -> StreamingResponse | dict[str, Any]:
    """Goes on with each prompt, which the client has rendered itself; with a suffix, fills in what is between."""
    _require_model(services, body.name)
    if body.retrieves:
        problem = f"completions never retrieve: use the model {body.name}, or /v1/chat/completions"
        raise ApiError("bad_params", problem, param="model")
    return await _respond(request, body, Form("text"), _completions(services, body))


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
    states = [state for state in services.engines.states() if state["state"] in ("installed", "loading", "loaded")]
    return [
        {
            "id": state["id"] + suffix,
            "object": "model",
            "created": 0,
            "owned_by": "lantern",
            "context_length": state["context"],
        }
        for state in states
        for suffix in ("", REPO)
    ]


def _require_model(services: Services, name: str) -> None:
    try:
        services.engines.resolve(name)
    except UnknownModel as error:
        raise ApiError("not_found", str(error), param="model") from None


async def _passthrough(
    services: Services,
    body: schemas.Generating,
    make: Callable[[EngineLease], Prompt],
    features: RoutingFeatures = NO_FEATURES,
) -> ResponseStream:
    """The model's answer to the client's own prompt."""
    has_text = False
    attempts = EngineAttempts(services.engines, body.name, lambda: has_text, features)
    for attempt in attempts:
        async with attempt as lease:
            if lease.engine.is_exact and lease.notice:  # a stand-in for a model, and it only quotes code
                raise attempts.failure or ApiError("model_unavailable", lease.notice)
            async with aclosing(_parts(services, body, lease, make(lease))) as parts:
                async for part in parts:
                    has_text = has_text or bool(part.text)
                    yield part
            return


async def _parts(services: Services, body: schemas.Generating, lease: EngineLease, prompt: Prompt) -> ResponseStream:
    """The answer of one engine."""
    own = replace(lease.sampling, max_tokens=services.settings.max_tokens or lease.sampling.max_tokens)
    async with aclosing(services.metrics.count_stream(lease.engine.stream(prompt, body.sampling(own)))) as deltas:
        async for delta in deltas:
            yield ResponsePart(delta.text, 0, lease.engine.name, delta.reason, delta.usage, _note(delta))


def _note(delta: Delta) -> str:
    """The progress of a delta without text, for a comment in the stream."""
    if delta.progress:
        return "prompt {}/{}".format(*delta.progress)
    return "" if delta.waiting is None else f"{delta.waiting} waiting"


async def _completions(services: Services, body: schemas.Completion) -> ResponseStream:
    """The answers to the prompts of one request, one after the other."""
    for index, text in enumerate(body.prompt):

        def make(lease: EngineLease, text: str = text) -> Prompt:
            if not body.suffix:
                return raw_prompt(text)
            if lease.engine.fim is None:
                problem = f"{lease.engine.name} cannot fill in the middle: choose a model that can, or send no suffix"
                raise ApiError("bad_params", problem, param="suffix")
            return fim_prompt(lease.engine.fim, text, body.suffix)

        async with aclosing(_passthrough(services, body, make)) as parts:
            async for part in parts:
                yield replace(part, index=index)


async def _respond(
    request: Request, body: schemas.Generating, form: Form, parts: ResponseStream
) -> StreamingResponse | dict[str, Any]:
    """The response, as a stream or complete. A stream starts with the first part: an earlier error has its status."""
    if body.stream:
        first = await while_connected(request, anext(parts))
        rest = while_open(request, parts)
        events = _events(form, first, rest, body.stream_options.include_usage)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    async def collect() -> list[ResponsePart]:
        async with aclosing(parts):
            return [part async for part in parts]

    return form.complete(await while_connected(request, collect()))


async def _events(form: Form, first: ResponsePart, rest: ResponseStream, with_usage: bool) -> AsyncIterator[str]:
    """Server-sent events. An error becomes an event too, because the status is sent already; it ends the stream."""
    usages = []
    async with aclosing(rest):
        try:
            for chunk in form.opening(first):
                yield sse(chunk)
            async for part in _chain(first, rest):
                if part.note:
                    yield f": {part.note}\n\n"
                for chunk in form.chunks(part):
                    yield sse(chunk)
                if part.usage:
                    usages.append(part.usage)
                last = part
            if with_usage:
                yield sse(form.usage(last, usages))
            yield DONE
        except Exception as failure:  # noqa: BLE001 - the edge of the stream
            yield sse(openai_error(to_api_error(failure, log, "a stream"))[1])


async def _chain(first: ResponsePart, rest: ResponseStream) -> ResponseStream:
    yield first
    async for part in rest:
        yield part
