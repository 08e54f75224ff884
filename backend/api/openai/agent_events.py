"""The response object of `/v1/responses`, and the events of its stream, from the parts of one answer. Pure."""

import time
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from backend.api.openai.agent_schemas import AgentRequest
from backend.api.openai.responses import ResponsePart
from backend.db.conversations import new_id
from backend.errors import ApiError, openai_error
from models.types import ToolCall, Usage

Events = list[dict[str, Any]]


@dataclass(slots=True)
class AgentResponse:
    """One answer as it grows: items of text and of tool calls, one after the other."""

    request: AgentRequest
    id: str = field(default_factory=lambda: f"resp_{new_id()}")
    _created: int = field(default_factory=lambda: int(time.time()))
    _output: list[dict[str, Any]] = field(default_factory=list)
    _open: dict[str, Any] | None = None  # the item that is growing: the last one of the output
    _calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    _end: ResponsePart = field(default_factory=ResponsePart)
    _number: int = -1  # of the last event

    def begin(self, first: ResponsePart) -> Events:
        self._end = first
        return [
            self._event(f"response.{name}", response=self.whole("in_progress")) for name in ("created", "in_progress")
        ]

    def add(self, part: ResponsePart) -> Events:
        """The events of a part; the last part completes the response."""
        self._end = part if part.reason or not self._end.model else self._end
        events = self._text(part.text) if part.text else []
        for call in part.calls:
            events += self._call(call)
        if part.reason:
            events += self._close()
            status = "completed" if part.reason in ("stop", "tool_calls") else "incomplete"
            events.append(self._event(f"response.{status}", response=self.whole(status)))
        return events

    def failed(self, error: ApiError) -> dict[str, Any]:
        """The event that ends a stream with an error."""
        body = openai_error(error)[1]["error"]
        failure = {"code": body["code"], "message": body["message"]}
        return self._event("response.failed", response=self.whole("failed") | {"error": failure})

    def whole(self, status: str) -> dict[str, Any]:
        request, usage = self.request, self._end.usage
        cut_off = {"reason": "max_output_tokens"} if status == "incomplete" else None
        fields = {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "model": self._end.model,
            "output": [*self._output],
            "error": None,
            "incomplete_details": cut_off,
            "instructions": request.instructions or None,
            "metadata": {},
            "parallel_tool_calls": request.parallel_tool_calls,
            "previous_response_id": None,
            "store": False,
            "temperature": request.temperature,
            "tool_choice": request.tool_choice,
            "tools": [tool.model_dump() | {"strict": False} for tool in request.tools if tool.type == "function"],
            "top_p": request.top_p,
            "usage": _usage(usage) if usage else None,
        }
        sources = self._end.sources
        return fields | ({} if sources is None else {"lantern_sources": list(sources)})

    def _text(self, text: str) -> Events:
        events: Events = []
        if self._open is None or self._open["type"] != "message":
            events += self._close()
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            item = {"type": "message", "id": f"msg_{new_id()}", "status": "in_progress", "role": "assistant"}
            events += self._add(item | {"content": []})
            assert self._open is not None
            self._open["content"].append(part)
            events.append(self._event("response.content_part.added", part=dict(part), **self._place, content_index=0))
        assert self._open is not None
        self._open["content"][0]["text"] += text
        delta = {"delta": text, "content_index": 0, "logprobs": []}
        return [*events, self._event("response.output_text.delta", **self._place, **delta)]

    def _call(self, piece: ToolCall) -> Events:
        events: Events = []
        if piece.index not in self._calls:
            events += self._close()
            item = {"type": "function_call", "id": f"fc_{new_id()}", "status": "in_progress", "arguments": ""}
            events += self._add(item | {"call_id": piece.id, "name": piece.name})
            assert self._open is not None
            self._calls[piece.index] = self._open
        if piece.arguments:
            self._calls[piece.index]["arguments"] += piece.arguments
            delta = {"delta": piece.arguments}
            events.append(self._event("response.function_call_arguments.delta", **self._place, **delta))
        return events

    def _add(self, item: dict[str, Any]) -> Events:
        self._open = item
        self._output.append(item)
        index = len(self._output) - 1
        # Without the part that is announced next: a client that adds up events would have its text twice.
        return [self._event("response.output_item.added", item=deepcopy(item), output_index=index)]

    def _close(self) -> Events:
        """Ends the item that is growing."""
        item = self._open
        if item is None:
            return []
        item["status"] = "completed"
        place = self._place
        self._open = None
        if item["type"] == "message":
            part = item["content"][0]
            text = {"text": part["text"], "content_index": 0, "logprobs": []}
            events = [
                self._event("response.output_text.done", **place, **text),
                self._event("response.content_part.done", **place, part=part, content_index=0),
            ]
        else:
            call = {"arguments": item["arguments"], "name": item["name"]}
            events = [self._event("response.function_call_arguments.done", **place, **call)]
        done = self._event("response.output_item.done", item=item, output_index=place["output_index"])
        return [*events, done]

    @property
    def _place(self) -> dict[str, Any]:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._output) - 1}

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        self._number += 1
        return {"type": kind, "sequence_number": self._number, **fields}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt + usage.completion,
    }
