"""The client side of the OpenAI protocol: request bodies out; chunks, usage and errors in. Pure; knows no HTTP."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from models.errors import ContextTooLarge, EngineFailed, ModelError, Unsupported
from models.types import LEAST_LOGPROB, Message, Prompt, Sampling, StopReason, TokenLogprob, ToolCall, Usage

SHOWN = 300  # characters of a server's message in an error message, at most
_REASONS: dict[str, StopReason] = {"length": "length", "abort": "cancelled"}
# Messages of vLLM and SGLang, old and new. Where they count the answer in, the prompt's own number comes later.
_TOO_LONG = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length (?:is|of) (?P<limit>\d+)\D+\d+\D+(?P<prompt>\d+) [a-z ]+ messages",
        r"maximum context length (?:is|of) (?P<limit>\d+)\D+(?P<prompt>\d+)",
        r"passed (?P<prompt>\d+) input tokens.*context length is only (?P<limit>\d+)",
        r"input \((?P<prompt>\d+) tokens\) is longer than the model's context length \((?P<limit>\d+)",
    )
)
_BAD_REQUEST = frozenset({400, 413, 422})  # statuses that blame the request: a retry would get the same


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """The payload of one event of a stream."""

    text: str = ""
    reason: StopReason | None = None
    usage: Usage | None = None
    calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


def request(prompt: Prompt, sampling: Sampling, model: str) -> tuple[str, dict[str, Any]]:
    """Path and body. A conversation is sent as messages, for the server's own template; raw text as it is.

    Fields at their neutral value are left out: strict servers refuse unknown fields.
    """
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    if sampling.min_p > 0:
        body["min_p"] = sampling.min_p
    if sampling.repeat_penalty != 1.0:
        body["repeat_penalty"] = body["repetition_penalty"] = sampling.repeat_penalty  # llama-server; vLLM and SGLang
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.json_schema:
        schema = {"name": "answer", "schema": json.loads(sampling.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    # The stop texts of a format belong to the local template; the server has those of its own.
    if stop := sampling.stop if prompt.messages else (*prompt.stop, *sampling.stop):
        body["stop"] = list(dict.fromkeys(stop))
    if prompt.messages:
        body |= {"messages": list(map(_message, prompt.messages))}
        if sampling.top_logprobs >= 0:
            body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
        if tools := prompt.tools:
            body |= {"tools": json.loads(tools.definitions), "tool_choice": json.loads(tools.choice)}
        if tools and not tools.in_parallel:
            body["parallel_tool_calls"] = False
        return "chat/completions", body
    if sampling.top_logprobs >= 0:
        body["logprobs"] = sampling.top_logprobs
    return "completions", body | {"prompt": prompt.text}


def _message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        fields["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    return fields | ({"tool_call_id": message.call_id} if message.call_id else {})


def chunk(data: str, server: str) -> StreamChunk:
    """Parses one event. Raises `EngineFailed` or `ContextTooLarge` if it is an error or no chunk."""
    payload = _object(data, server)
    if error := payload.get("error"):
        raise _failure(error, server)
    choices = payload.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    delta = choice.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else choice.get("text")
    reason = choice.get("finish_reason")
    return StreamChunk(
        _text(text),
        _REASONS.get(reason, "stop") if isinstance(reason, str) else None,
        _usage(payload.get("usage")),
        tuple(map(_call, _objects(delta.get("tool_calls")))) if isinstance(delta, dict) else (),
        tuple(_logprobs(choice.get("logprobs"))),
    )


def _text(value: object) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _call(piece: dict[str, Any]) -> ToolCall:
    function = piece["function"] if isinstance(piece.get("function"), dict) else {}
    arguments = _text(function.get("arguments"))
    return ToolCall(_text(piece.get("id")), _text(function.get("name")), arguments, _count(piece.get("index")))


def _logprobs(value: object) -> Iterator[TokenLogprob]:
    """Those of a chat; llama-server's completions have them in the same shape, other servers' in an older one."""
    value = value if isinstance(value, dict) else {}
    for entry in _objects(value.get("content")):
        yield TokenLogprob(*_likely(entry), tuple(map(_likely, _objects(entry.get("top_logprobs")))))
    keys = ("tokens", "token_logprobs", "top_logprobs")
    tokens, logprobs, tops = (found if isinstance(found := value.get(key), list) else [] for key in keys)
    for token, logprob, top in zip_longest(tokens, logprobs[: len(tokens)], tops[: len(tokens)]):
        others = [
            (_text(other).encode(), _number(its)) for other, its in (top.items() if isinstance(top, dict) else ())
        ]
        yield TokenLogprob(_text(token).encode(), _number(logprob), tuple(sorted(others, key=lambda item: -item[1])))


def _likely(entry: dict[str, Any]) -> tuple[bytes, float]:
    return _text(entry.get("token")).encode(), _number(entry.get("logprob"))


def _number(value: object) -> float:
    """A log-probability. Not every number that a server writes is one that can be passed on as JSON."""
    if not isinstance(value, int | float):
        return 0.0
    return float(max(value, LEAST_LOGPROB)) if value <= 0 else 0.0


def refusal(status: int, body: bytes, server: str) -> ModelError:
    """The error in the body of a response with that status."""
    failure = _error_in(status, body, server)
    is_ours = status in _BAD_REQUEST and isinstance(failure, EngineFailed)
    return Unsupported(str(failure)) if is_ours else failure


def _error_in(status: int, body: bytes, server: str) -> ContextTooLarge | EngineFailed:
    payload = _parsed(body)
    if payload is None:
        return EngineFailed(f"{server} answered {status}: look into its log")
    return _failure(payload.get("error") or payload.get("detail") or payload, f"{server} answered {status}")


def _failure(error: object, server: str) -> ContextTooLarge | EngineFailed:
    """A server's error object, or text, as an exception of `models`."""
    facts = error if isinstance(error, dict) else {"message": error}
    message = str(facts.get("message") or facts)
    prompt, limit = facts.get("n_prompt_tokens"), facts.get("n_ctx")  # llama-server
    if isinstance(prompt, int) and isinstance(limit, int):
        return ContextTooLarge(prompt, limit)
    if match := next(filter(None, (pattern.search(message) for pattern in _TOO_LONG)), None):
        return ContextTooLarge(int(match["prompt"]), int(match["limit"]))
    return EngineFailed(f"{server}: {message[:SHOWN]}")


def models(body: bytes, server: str) -> dict[str, int]:
    """The models of `GET /models`, each with its context in tokens, 0 where it is not given. Raises `EngineFailed`."""
    listed = _object(body, server).get("data")
    found: dict[str, int] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            meta = entry["meta"] if isinstance(entry.get("meta"), dict) else {}
            sizes = (entry.get("max_model_len"), meta.get("n_ctx"))  # vLLM and SGLang; llama-server
            found[entry["id"]] = next((size for size in sizes if isinstance(size, int) and size > 0), 0)
    return found


def _object(text: str | bytes, server: str) -> dict[str, Any]:
    payload = _parsed(text)
    if payload is None:
        raise EngineFailed(f"{server} sent what is no JSON object: {text[:80]!r}")
    return payload


def _parsed(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object; None for anything else."""
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _usage(usage: object) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(_count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
