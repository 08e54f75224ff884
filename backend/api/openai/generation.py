"""A model's answers to a client's own prompt, as parts of a response: one or several, with text and tool calls.

Knows neither the bodies of requests nor the shapes of responses.
"""

import asyncio
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count

from backend.api.openai.responses import ResponsePart
from backend.engines.attempts import EngineAttempts
from backend.engines.pool import NO_FEATURES, EngineLease
from backend.errors import ApiError
from backend.services import Services
from models.router import RoutingFeatures
from models.types import Delta, Engine, Message, Prompt, Sampling, Tools
from prompts.errors import TemplateRejected
from prompts.passthrough import chat_prompt, conversation
from prompts.tools.conversation import call_schema, is_forced, schemas_of, tool_prompt
from prompts.tools.parser import ToolCallParser

ResponseStream = AsyncGenerator[ResponsePart, None]
_WAITING_PARTS = 64  # of several answers, for a client that reads slowly
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Generation:
    """What an answer is generated from. `prompt` may block: it runs in a thread."""

    model: str
    prompt: Callable[[EngineLease], Prompt]
    sampling: Callable[[Sampling, int], Sampling]  # over that of the model, for the answer with this number
    features: RoutingFeatures = NO_FEATURES


def client_prompt(lease: EngineLease, messages: Sequence[Message], tools: Tools | None) -> Prompt:
    """The prompt of a conversation. Raises `ApiError` for tools that the model has no place for."""
    has_calls = any(message.calls or message.role == "tool" for message in messages)
    if tools is None and not (has_calls and lease.chat.tools):
        return chat_prompt(lease.chat, conversation(messages))
    if lease.chat.tools is None:
        problem = f"{lease.engine.name} cannot call tools: its chat template has no place for them. Choose a model"
        raise ApiError("bad_params", f"{problem} that can, or send no tools", param="tools")
    try:
        return tool_prompt(lease.chat, messages, tools)
    except TemplateRejected as error:
        raise ApiError("bad_params", f"{lease.engine.name}: {error}", param="messages") from error


class _MadeOnce:
    """The prompt of several answers. A template with tools runs in a process, and one for each answer would be slow."""

    def __init__(self, make: Callable[[EngineLease], Prompt]) -> None:
        self._make, self._lock = make, threading.Lock()  # the answers run in threads of their own here
        self._made: dict[int, tuple[Engine, Prompt]] = {}  # by the id of the engine, which is kept alive with it

    def __call__(self, lease: EngineLease) -> Prompt:
        with self._lock:
            if id(lease.engine) not in self._made:
                self._made[id(lease.engine)] = lease.engine, self._make(lease)
            return self._made[id(lease.engine)][1]


async def answers(services: Services, generation: Generation, number: int = 1) -> ResponseStream:
    """So many answers at once. The prompt is made once; the engine reads it once, where it can share it."""
    if number > 1:
        generation = replace(generation, prompt=_MadeOnce(generation.prompt))
    async with aclosing(_merged([_answer(services, generation, index) for index in range(number)])) as parts:
        async for part in parts:
            yield part


async def _answer(services: Services, generation: Generation, index: int) -> ResponseStream:
    has_text = False
    attempts = EngineAttempts(services.engines, generation.model, lambda: has_text, generation.features)
    for attempt in attempts:
        async with attempt as lease:
            if lease.problem:  # a stand-in for a model, and it only quotes code
                raise attempts.failure or ApiError("model_unavailable", lease.problem)
            prompt = await asyncio.to_thread(generation.prompt, lease)
            own = replace(lease.sampling, max_tokens=services.settings.max_tokens or lease.sampling.max_tokens)
            sampling = _with_tools(lease, prompt, generation.sampling(own, index))
            reader = _AnswerReader(lease, prompt, index)
            async with aclosing(services.metrics.count_stream(lease.engine.stream(prompt, sampling))) as deltas:
                async for delta in deltas:
                    for part in reader.parts(delta):
                        has_text = has_text or bool(part.text or part.calls)
                        yield part
            return


def _with_tools(lease: EngineLease, prompt: Prompt, sampling: Sampling) -> Sampling:
    """With what keeps an answer to the calls that the client wants, where the engine does not do it itself."""
    tools, form = prompt.tools, lease.chat.tools
    if tools is None or form is None or not form.template:
        return sampling
    if is_forced(tools):
        return replace(sampling, json_schema=call_schema(tools, form))
    if not tools.in_parallel and form.syntax.close:
        return replace(sampling, stop=(*sampling.stop, form.syntax.close))
    return sampling


class _AnswerReader:
    """One answer of an engine as it grows: its text is searched for calls, if the engine does not do that."""

    def __init__(self, lease: EngineLease, prompt: Prompt, index: int) -> None:
        self._model, self._index, self._tools, self._parser = lease.engine.name, index, prompt.tools, None
        form, tools = lease.chat.tools, prompt.tools
        if tools and form and form.template:
            self._parser = ToolCallParser(form.syntax, schemas_of(tools), _call_id, has_lead=is_forced(tools))
        self._has_calls = False
        self._offset = 0

    def parts(self, delta: Delta) -> list[ResponsePart]:
        """The parts of a response for a delta; the last one has what is no text."""
        found = self._parser.feed(delta.text) if self._parser else [delta.text]
        if self._parser and delta.reason:
            found += self._parser.end()
        texts = [ResponsePart(part, self._index, self._model) for part in found if isinstance(part, str) and part]
        calls = [*(part for part in found if not isinstance(part, str)), *delta.calls]
        if self._tools and not self._tools.in_parallel:
            calls = [call for call in calls if call.index == 0]
        self._has_calls = self._has_calls or bool(calls)
        parts = [*texts, *(ResponsePart("", self._index, self._model, calls=(call,)) for call in calls)]
        usage = replace(delta.usage, prompt=0, cached=0) if delta.usage and self._index else delta.usage
        last = ResponsePart(
            "",
            self._index,
            self._model,
            "tool_calls" if delta.reason == "stop" and self._has_calls else delta.reason,
            usage,
            _note(delta),
        )
        if delta.logprobs:
            first = parts.pop(0) if parts else ResponsePart("", self._index, self._model)
            parts.insert(0, replace(first, logprobs=delta.logprobs, offset=self._offset))
            self._offset += sum(len(entry.token.decode("utf-8", "replace")) for entry in delta.logprobs)
        return [*parts, last] if last.reason or last.note or not parts else parts


def _note(delta: Delta) -> str:
    """The progress of a delta without text, for a comment in the stream."""
    if delta.progress:
        return "prompt {}/{}".format(*delta.progress)
    return "" if delta.waiting is None else f"{delta.waiting} waiting"


def _call_id() -> str:
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(9))  # the form that Mistral's templates insist on


async def _merged(streams: Sequence[ResponseStream]) -> ResponseStream:
    """The parts of all streams as they come. The first error ends them all."""
    if len(streams) == 1:
        async with aclosing(streams[0]) as only:
            async for part in only:
                yield part
        return
    arrived: asyncio.Queue[ResponsePart | Exception | None] = asyncio.Queue(_WAITING_PARTS)

    async def drain(stream: ResponseStream) -> None:
        try:
            async with aclosing(stream):
                async for part in stream:
                    await arrived.put(part)
            await arrived.put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the parts are read
            await arrived.put(error)

    tasks = [asyncio.create_task(drain(stream)) for stream in streams]
    try:
        ended = count(1)
        while True:
            arrival = await arrived.get()
            if isinstance(arrival, Exception):
                raise arrival
            if arrival is not None:
                yield arrival
            elif next(ended) == len(streams):
                return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
