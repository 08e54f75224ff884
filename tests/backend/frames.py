"""Every frame that a test sends or receives is checked against the AsyncAPI document, more strictly than clients do.

A field that the document does not have is an error in all frames. A request is checked when it has succeeded: tests
send wrong ones on purpose.
"""

import json
from collections import defaultdict, deque
from contextlib import suppress
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from websockets.asyncio.client import ClientConnection

from backend.api.socket.asyncapi import METHODS, document, request_name, result_name


class FrameError(AssertionError):
    """A frame is not as the AsyncAPI document says."""


def check_frame(name: str, frame: dict[str, Any]) -> None:
    """Raises `FrameError` if the frame is not that message of the document."""
    problems = [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(frame)]
    if problems:
        raise FrameError(f"{name}: {'; '.join(problems)}: {json.dumps(frame)[:500]}")


class CheckedConnection(ClientConnection):
    """A connection that raises `FrameError` at the first wrong frame. For `connect(create_connection=...)`."""

    _sent: defaultdict[Any, deque[dict[str, Any]]]  # requests without an answer, by id

    async def send(self, message: Any, **options: Any) -> None:
        request = _parsed(message)
        if "id" in request and request.get("jsonrpc") == "2.0":  # others are answered without their id
            self._requests[json.dumps(request["id"])].append(request)
        await super().send(message, **options)

    async def recv(self, decode: bool | None = None) -> Any:
        frame = await super().recv(decode)
        self._check(json.loads(frame))
        return frame

    @property
    def _requests(self) -> defaultdict[Any, deque[dict[str, Any]]]:
        if not hasattr(self, "_sent"):
            self._sent = defaultdict(deque)
        return self._sent

    def _check(self, answer: dict[str, Any]) -> None:
        if "method" in answer:
            return check_frame(f"event.{answer['params'].get('type')}", answer)
        waiting = self._requests[json.dumps(answer["id"])]
        request = waiting.popleft() if waiting else {}
        if "error" in answer:
            return check_frame("error", answer)
        method = request["method"]
        with suppress(RecursionError):  # an object as deep as Python can parse
            check_frame(request_name(method), _without_nulls(request))
        return check_frame(result_name(method), answer)


def _parsed(message: Any) -> dict[str, Any]:
    """The request in a frame; {} if it is none."""
    try:
        request = json.loads(message)
    except (ValueError, TypeError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}


@cache
def _validator(name: str) -> Draft7Validator:
    components = _strict(document()["components"])
    if name not in components["messages"]:
        known = ", ".join(METHODS)
        raise FrameError(f"{name} is not in the document; its methods are {known}")
    return Draft7Validator({**components["messages"][name]["payload"], "components": components})


def _strict(schema: Any) -> Any:
    """The schema without room for other fields."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _strict(part) for name, part in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties", {}), dict):
        parts.setdefault("additionalProperties", False)
    return parts


def _without_nulls(value: Any) -> Any:
    """A null is the same as a field that is left out."""
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value
