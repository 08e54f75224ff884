"""The OpenAI API: the model NAME gets the client's own prompt, the model NAME+repo answers about the codebase.

Editors also ask for titles, commit messages and completions here, so nothing is retrieved without `+repo`.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from backend.api.connected import event_stream, while_connected, while_open
from backend.api.deps import ServicesDep
from backend.api.openai import schemas
from backend.api.openai.fill import fim_of
from backend.api.openai.generation import Generation, ResponseStream, answers, client_prompt
from backend.api.openai.repository import from_codebase
from backend.api.openai.responses import DONE, Form, ResponsePart, sse
from backend.api.openai.schemas import REPO
from backend.engines.pool import EngineLease
from backend.errors import ApiError, openai_error
from backend.services import Services
from models.errors import UnknownModel
from models.router import RoutingFeatures
from models.tokens import estimate_tokens
from models.types import Prompt
from prompts.passthrough import conversation, fim_prompt, raw_prompt, without_notes

router = APIRouter(prefix="/v1", tags=["openai"])


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
    return await _respond(request, body, Form("chat"), chat_parts(services, body))


def chat_parts(services: Services, body: schemas.Chat) -> ResponseStream:
    """The answers to a conversation. Raises `ApiError` for a model that does not exist."""
    _require_model(services, body.name)
    turns, tools = body.turns, body.offered
    if body.retrieves:
        return from_codebase(services, body, conversation(without_notes(turns)))
    features = RoutingFeatures(conversation(turns).question)
    generation = Generation(body.name, lambda lease: client_prompt(lease, turns, tools), body.sampling, features)
    return answers(services, generation, body.n)


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
    """Entries with what other local servers list: `context_length`, and llama-server's `meta` and `status`."""
    loaded = {"installed": "unloaded", "loading": "loading", "loaded": "loaded"}
    return [
        {
            "id": state["id"] + suffix,
            "object": "model",
            "created": 0,
            "owned_by": "lantern",
            "context_length": state["context"],
            "meta": {"n_ctx": state["context"], "size": state["size_bytes"]},
            "status": {"value": loaded[state["state"]]},
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        }
        for state in services.engines.states()
        if state["state"] in loaded
        for suffix in ("", REPO)
    ]


def _require_model(services: Services, name: str) -> None:
    try:
        services.engines.resolve(name)
    except UnknownModel as error:
        raise ApiError("not_found", str(error), param="model") from None


async def _completions(services: Services, body: schemas.Completion) -> ResponseStream:
    """The answers to the prompts of one request, one prompt after the other."""
    for place, text in enumerate(body.prompt):

        def make(lease: EngineLease, text: str = text) -> Prompt:
            if not body.suffix:
                return raw_prompt(text)
            return fim_prompt(fim_of(lease.engine, "suffix"), text, body.suffix)

        async with aclosing(answers(services, Generation(body.name, make, body.sampling), body.n)) as parts:
            async for part in parts:
                yield replace(part, index=place * body.n + part.index)


async def _respond(
    request: Request, body: schemas.Generating, form: Form, parts: ResponseStream
) -> StreamingResponse | dict[str, Any]:
    """The response, as a stream or complete. A stream starts with the first part: an earlier error has its status."""
    if body.stream:
        first = await while_connected(request, anext(parts))
        return event_stream(_events(form, first, while_open(request, parts), body), _error)

    async def collect() -> list[ResponsePart]:
        async with aclosing(parts):
            return [part async for part in parts]

    return form.complete(await while_connected(request, collect()))


async def _events(
    form: Form, first: ResponsePart, rest: ResponseStream, body: schemas.Generating
) -> AsyncGenerator[str, None]:
    """Server-sent events."""
    usages = []
    async with aclosing(rest):
        for chunk in form.opening(first, body.n):
            yield sse(chunk)
        async for part in _chain(first, rest):
            if part.note:
                yield f": {part.note}\n\n"
            for chunk in form.chunks(part):
                yield sse(chunk)
            if part.usage:
                usages.append(part.usage)
            last = part
        if body.stream_options.include_usage:
            yield sse(form.usage(last, usages))
        yield DONE


def _error(error: ApiError) -> str:
    return sse(openai_error(error)[1])


async def _chain(first: ResponsePart, rest: ResponseStream) -> ResponseStream:
    yield first
    async for part in rest:
        yield part
