"""The OpenAI protocol as a client speaks it: request bodies out, chunks, usage and errors in. Pure; knows no HTTP."""

import json
import re
from dataclasses import dataclass
from typing import Any

from models.errors import ContextTooLarge, EngineFailed, ModelError, Unsupported
from models.types import Prompt, Sampling, StopReason, Usage

SHOWN = 300  # most characters of a stranger's message in one of ours
_REASONS: dict[str, StopReason] = {"length": "length", "abort": "cancelled"}
# vLLM and SGLang, before and now; others are worded much alike. Where the answer is counted in, the prompt's own number
# comes later.
_TOO_LONG = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length (?:is|of) (?P<limit>\d+)\D+\d+\D+(?P<prompt>\d+) [a-z ]+ messages",
        r"maximum context length (?:is|of) (?P<limit>\d+)\D+(?P<prompt>\d+)",
        r"passed (?P<prompt>\d+) input tokens.*context length is only (?P<limit>\d+)",
        r"input \((?P<prompt>\d+) tokens\) is longer than the model's context length \((?P<limit>\d+)",
    )
)
_REQUEST_IS_WRONG = frozenset({400, 413, 422})  # nothing is wrong with the server: another try would get the same


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """What one event of a stream says."""

    text: str = ""
    reason: StopReason | None = None
    usage: Usage | None = None


def request(prompt: Prompt, sampling: Sampling, model: str) -> tuple[str, dict[str, Any]]:
    """Path and body. A conversation goes out as messages, for the server's own template; raw text as it is.

    What is at its neutral value is left out: strict servers refuse fields that they do not know.
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
    # The stop texts of a format are of the local template: the server knows those of its own.
    if stop := sampling.stop if prompt.messages else (*prompt.stop, *sampling.stop):
        body["stop"] = list(dict.fromkeys(stop))
    if prompt.messages:
        messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
        return "chat/completions", body | {"messages": messages}
    return "completions", body | {"prompt": prompt.text}


def chunk(payload: str, who: str) -> StreamChunk:
    """The data of one event from `who`. Raises `EngineFailed`, `ContextTooLarge` where it is an error or no chunk."""
    said = _object(payload, who)
    if error := said.get("error"):
        raise _failure(error, who)
    choices = said.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    delta = choice.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else choice.get("text")
    reason = choice.get("finish_reason")
    return StreamChunk(
        text.encode("utf-8", "replace").decode() if isinstance(text, str) else "",
        _REASONS.get(reason, "stop") if isinstance(reason, str) else None,
        _usage(said.get("usage")),
    )


def refusal(status: int, body: bytes, who: str) -> ModelError:
    """What the body of an answer with that status tells of."""
    failure = _told(status, body, who)
    is_ours = status in _REQUEST_IS_WRONG and isinstance(failure, EngineFailed)
    return Unsupported(str(failure)) if is_ours else failure


def _told(status: int, body: bytes, who: str) -> ContextTooLarge | EngineFailed:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return EngineFailed(f"{who} answered {status}: look into its log")
    return _failure(said.get("error") or said.get("detail") or said, f"{who} answered {status}")


def _failure(error: object, who: str) -> ContextTooLarge | EngineFailed:
    """An error object, or text, of a server as one of ours."""
    facts = error if isinstance(error, dict) else {"message": error}
    message = str(facts.get("message") or facts)
    prompt, limit = facts.get("n_prompt_tokens"), facts.get("n_ctx")  # llama-server
    if isinstance(prompt, int) and isinstance(limit, int):
        return ContextTooLarge(prompt, limit)
    if told := next(filter(None, (pattern.search(message) for pattern in _TOO_LONG)), None):
        return ContextTooLarge(int(told["prompt"]), int(told["limit"]))
    return EngineFailed(f"{who}: {message[:SHOWN]}")


def models(body: bytes, who: str) -> dict[str, int]:
    """The models of `GET /models`, each with its context in tokens, 0 where it is not said. Raises `EngineFailed`."""
    listed = _object(body, who).get("data")
    found: dict[str, int] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            meta = entry["meta"] if isinstance(entry.get("meta"), dict) else {}
            sizes = (entry.get("max_model_len"), meta.get("n_ctx"))  # vLLM and SGLang; llama-server
            found[entry["id"]] = next((size for size in sizes if isinstance(size, int) and size > 0), 0)
    return found


def _object(text: str | bytes, who: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise EngineFailed(f"{who} sent what is no JSON object: {text[:80]!r}")
    return said


def _usage(told: object) -> Usage | None:
    if not isinstance(told, dict):
        return None
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(_count(told.get("prompt_tokens")), _count(cached), _count(told.get("completion_tokens")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
