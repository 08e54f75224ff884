"""OpenAI's response objects: complete, or in chunks. Pure; knows no engines and no HTTP."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.api.encoding import json_text
from backend.db.conversations import new_id
from models.types import StopReason, Usage

_REASONS = {"stop": "stop", "length": "length", "cancelled": "length"}  # OpenAI has no reason for a cancel
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class ResponsePart:
    """A piece of an answer. The last one has the reason."""

    text: str = ""
    index: int = 0  # which prompt it answers
    model: str = ""  # the engine that generates it
    reason: StopReason | None = None
    usage: Usage | None = None
    note: str = ""  # progress, sent as a comment: no proxy closes the stream as idle during a long prefill
    sources: tuple[dict[str, Any], ...] | None = None  # as in the `sources` event; with the last piece


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of one endpoint's responses: the two endpoints differ in names only."""

    kind: Literal["chat", "text"]
    id: str = field(default_factory=lambda: f"lantern-{new_id()}")
    created: int = field(default_factory=lambda: int(time.time()))

    def complete(self, parts: list[ResponsePart]) -> dict[str, Any]:
        """The response in one object."""
        choices = [
            self._choice("message", last, "".join(part.text for part in parts if part.index == last.index))
            for last in parts
            if last.reason
        ]
        name = "chat.completion" if self.kind == "chat" else "text_completion"
        usage = _usage([part.usage for part in parts if part.usage])
        return self._head(name, parts[-1]) | {"choices": choices, "usage": usage} | _sources(parts[-1])

    def opening(self, first: ResponsePart) -> list[dict[str, Any]]:
        """The chunks to send when the engine has accepted the prompt, before there is text."""
        if self.kind == "text":
            return []
        role = {"role": "assistant", "content": ""}
        return [self._chunk(first, {"index": 0, "delta": role, "logprobs": None, "finish_reason": None})]

    def chunks(self, part: ResponsePart) -> list[dict[str, Any]]:
        """The chunks of a part: one for its text, one for its end."""
        chunks = []
        if part.text:
            chunks.append(self._chunk(part, self._choice("delta", part, part.text) | {"finish_reason": None}))
        if part.reason:
            ending = self._choice("delta", part, "")
            if self.kind == "chat":
                ending["delta"] = {}
            chunks.append(self._chunk(part, ending) | _sources(part))
        return chunks

    def usage(self, last: ResponsePart, usages: list[Usage]) -> dict[str, Any]:
        """The extra last chunk, for clients that ask for it with `include_usage`."""
        return self._chunk(last, None) | {"usage": _usage(usages)}

    def _choice(self, name: str, part: ResponsePart, text: str) -> dict[str, Any]:
        """`name`: the field that holds a chat's text, `message` or `delta`. A plain completion has `text` itself."""
        role = {"role": "assistant"} if name == "message" else {}
        content = {name: role | {"content": text}} if self.kind == "chat" else {"text": text}
        reason = _REASONS[part.reason] if part.reason else None
        return {"index": part.index, **content, "logprobs": None, "finish_reason": reason}

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
