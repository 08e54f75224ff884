"""OpenAI's response objects: complete, or in chunks. Pure; knows no engines and no HTTP."""

import time
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any, Literal

from backend.api.encoding import json_text
from backend.db.conversations import new_id
from models.types import StopReason, TokenLogprob, ToolCall, Usage

# OpenAI has no reason for a cancel.
_REASONS = {"stop": "stop", "length": "length", "cancelled": "length", "tool_calls": "tool_calls"}
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class ResponsePart:
    """A piece of an answer. The last one has the reason."""

    text: str = ""
    index: int = 0  # which prompt it answers
    model: str = ""  # the engine that generates it
    reason: StopReason | Literal["tool_calls"] | None = None
    usage: Usage | None = None
    note: str = ""  # progress, sent as a comment: no proxy closes the stream as idle during a long prefill
    sources: tuple[dict[str, Any], ...] | None = None  # as in the `sources` event; with the last piece
    calls: tuple[ToolCall, ...] = ()  # pieces of tool calls
    logprobs: tuple[TokenLogprob, ...] = ()
    offset: int = 0  # characters of the tokens of this answer before `logprobs`


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of one endpoint's responses: the two endpoints differ in names only."""

    kind: Literal["chat", "text"]
    id: str = field(default_factory=lambda: f"lantern-{new_id()}")
    created: int = field(default_factory=lambda: int(time.time()))

    def complete(self, parts: list[ResponsePart]) -> dict[str, Any]:
        """The response in one object."""
        answers: dict[int, list[ResponsePart]] = {}
        for part in parts:
            answers.setdefault(part.index, []).append(part)
        choices = [self._whole(answer) for _, answer in sorted(answers.items()) if any(part.reason for part in answer)]
        name = "chat.completion" if self.kind == "chat" else "text_completion"
        usage = _usage([part.usage for part in parts if part.usage])
        return self._head(name, parts[-1]) | {"choices": choices, "usage": usage} | _sources(parts[-1])

    def opening(self, first: ResponsePart, answers: int) -> list[dict[str, Any]]:
        """The chunks to send when the engine has accepted the prompt, before there is text."""
        if self.kind == "text":
            return []
        role = {"role": "assistant", "content": ""}
        return [
            self._chunk(first, {"index": index, "delta": role, "logprobs": None, "finish_reason": None})
            for index in range(answers)
        ]

    def chunks(self, part: ResponsePart) -> list[dict[str, Any]]:
        """The chunks of a part: one for its text or calls, one for its end."""
        chunks = []
        if part.text or part.calls or part.logprobs:
            delta = {"tool_calls": [_call_piece(call) for call in part.calls]} if part.calls else {"content": part.text}
            content: dict[str, Any] = {"delta": delta} if self.kind == "chat" else {"text": part.text}
            chunks.append(self._chunk(part, self._choice(part, content, part.logprobs)))
        if part.reason:
            content = {"delta": {}} if self.kind == "chat" else {"text": ""}
            ending = self._choice(part, content) | {"finish_reason": _REASONS[part.reason]}
            chunks.append(self._chunk(part, ending) | _sources(part))
        return chunks

    def usage(self, last: ResponsePart, usages: list[Usage]) -> dict[str, Any]:
        """The extra last chunk, for clients that ask for it with `include_usage`."""
        return self._chunk(last, None) | {"usage": _usage(usages)}

    def _whole(self, parts: list[ResponsePart]) -> dict[str, Any]:
        """One complete answer."""
        text = "".join(part.text for part in parts)
        calls = _whole_calls([call for part in parts for call in part.calls])
        message: dict[str, Any] = {"role": "assistant", "content": None if calls and not text else text}
        message |= {"tool_calls": calls} if calls else {}
        content = {"message": message} if self.kind == "chat" else {"text": text}
        logprobs = tuple(entry for part in parts for entry in part.logprobs)
        reason = next(part.reason for part in parts if part.reason)
        return self._choice(parts[0], content, logprobs) | {"finish_reason": _REASONS[reason]}

    def _choice(
        self, part: ResponsePart, content: dict[str, Any], logprobs: tuple[TokenLogprob, ...] = ()
    ) -> dict[str, Any]:
        shape = _chat_logprobs if self.kind == "chat" else partial(_text_logprobs, offset=part.offset)
        listed = shape(logprobs) if logprobs else None
        return {"index": part.index, **content, "logprobs": listed, "finish_reason": None}

    def _chunk(self, part: ResponsePart, choice: dict[str, Any] | None) -> dict[str, Any]:
        name = "chat.completion.chunk" if self.kind == "chat" else "text_completion"
        return self._head(name, part) | {"choices": [choice] if choice else []}

    def _head(self, name: str, part: ResponsePart) -> dict[str, Any]:
        return {"id": self.id, "object": name, "created": self.created, "model": part.model}


def sse(data: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json_text(data)}\n\n"


def _usage(usages: list[Usage]) -> dict[str, Any]:
    prompt, completion = sum(usage.prompt for usage in usages), sum(usage.completion for usage in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(usage.cached for usage in usages)},
    }


def _sources(part: ResponsePart) -> dict[str, Any]:
    return {} if part.sources is None else {"lantern_sources": list(part.sources)}


def _call_piece(call: ToolCall) -> dict[str, Any]:
    """A piece of a call in a stream; the first one has the name."""
    function = {"name": call.name} if call.name else {}
    head = {"id": call.id, "type": "function"} if call.id else {}
    return {"index": call.index, **head, "function": function | {"arguments": call.arguments}}


def _whole_calls(pieces: list[ToolCall]) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in whole_calls(pieces)
    ]


def whole_calls(pieces: list[ToolCall]) -> list[ToolCall]:
    """The calls that these pieces make up."""
    calls: dict[int, ToolCall] = {}
    for piece in pieces:
        call = calls.get(piece.index, ToolCall("", "", "", piece.index))
        id_, name = call.id or piece.id, call.name or piece.name
        calls[piece.index] = ToolCall(id_, name, call.arguments + piece.arguments, piece.index)
    return list(calls.values())


def _chat_logprobs(entries: tuple[TokenLogprob, ...]) -> dict[str, Any]:
    def listed(token: bytes, logprob: float) -> dict[str, Any]:
        return {"token": token.decode("utf-8", "replace"), "logprob": logprob, "bytes": list(token)}

    return {
        "content": [
            listed(entry.token, entry.logprob) | {"top_logprobs": [listed(*other) for other in entry.top]}
            for entry in entries
        ],
        "refusal": None,
    }


def _text_logprobs(entries: tuple[TokenLogprob, ...], offset: int) -> dict[str, Any]:
    tokens = [entry.token.decode("utf-8", "replace") for entry in entries]
    tops = [{token.decode("utf-8", "replace"): logprob for token, logprob in entry.top} for entry in entries]
    return {
        "tokens": tokens,
        "token_logprobs": [entry.logprob for entry in entries],
        "top_logprobs": tops if any(tops) else None,
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=offset)),
    }
