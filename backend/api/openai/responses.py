"""How answers look in the OpenAI face: whole, or in chunks. Pure; knows no engines and no HTTP."""

import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.db.conversations import new_id
from models.types import StopReason, Usage

_REASONS = {"stop": "stop", "length": "length", "cancelled": "length"}  # theirs have no word for cut short
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class ResponsePart:
    """A piece of an answer on its way out. The last one has the reason."""

    text: str = ""
    index: int = 0  # which prompt it answers
    model: str = ""  # the engine that speaks
    reason: StopReason | None = None
    usage: Usage | None = None
    note: str = ""  # how far it is, for a comment: nothing is closed for idleness while a long prompt is read
    sources: tuple[dict[str, Any], ...] | None = None  # as in the `sources` event; with the last piece


@dataclass(frozen=True, slots=True)
class Form:
    """The two endpoints differ in their names of things only."""

    kind: Literal["chat", "text"]
    id: str = field(default_factory=lambda: f"lantern-{new_id()}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, pieces: list[ResponsePart]) -> dict[str, Any]:
        """The answer in one object."""
        choices = [
            self._choice("message", last, "".join(piece.text for piece in pieces if piece.index == last.index))
            for last in pieces
            if last.reason
        ]
        name = "chat.completion" if self.kind == "chat" else "text_completion"
        usage = _usage([piece.usage for piece in pieces if piece.usage])
        return self._head(name, pieces[-1]) | {"choices": choices, "usage": usage} | _sources(pieces[-1])

    def opening(self, first: ResponsePart) -> list[dict[str, Any]]:
        """What is sent when the engine has accepted, before there is text."""
        if self.kind == "text":
            return []
        role = {"role": "assistant", "content": ""}
        return [self._chunk(first, {"index": 0, "delta": role, "logprobs": None, "finish_reason": None})]

    def chunks(self, piece: ResponsePart) -> list[dict[str, Any]]:
        """What is sent for a piece: its text, then its end."""
        told = [self._chunk(piece, self._choice("delta", piece, piece.text) | {"finish_reason": None})]
        ending = self._choice("delta", piece, "")
        if self.kind == "chat":
            ending["delta"] = {}
        return (told if piece.text else []) + ([self._chunk(piece, ending) | _sources(piece)] if piece.reason else [])

    def usage(self, last: ResponsePart, used: list[Usage]) -> dict[str, Any]:
        """The chunk after the last one, for those who asked for it."""
        return self._chunk(last, None) | {"usage": _usage(used)}

    def _choice(self, name: str, piece: ResponsePart, text: str) -> dict[str, Any]:
        """`name` is what a chat's text stands in; that of a plain completion stands alone."""
        role = {"role": "assistant"} if name == "message" else {}
        said = {name: role | {"content": text}} if self.kind == "chat" else {"text": text}
        reason = _REASONS[piece.reason] if piece.reason else None
        return {"index": piece.index, **said, "logprobs": None, "finish_reason": reason}

    def _chunk(self, piece: ResponsePart, choice: dict[str, Any] | None) -> dict[str, Any]:
        name = "chat.completion.chunk" if self.kind == "chat" else "text_completion"
        return self._head(name, piece) | {"choices": [choice] if choice else []}

    def _head(self, name: str, piece: ResponsePart) -> dict[str, Any]:
        return {"id": self.id, "object": name, "created": self.created, "model": piece.model}


def sse(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _usage(used: list[Usage]) -> dict[str, Any]:
    prompt, completion = sum(usage.prompt for usage in used), sum(usage.completion for usage in used)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(usage.cached for usage in used)},
    }


def _sources(piece: ResponsePart) -> dict[str, Any]:
    return {} if piece.sources is None else {"lantern_sources": list(piece.sources)}
