"""JSON-RPC 2.0, one object per frame: checks what is a request. Knows no methods."""

import json
from typing import Any

from backend.errors import ApiError


def parse_request(text: str | None) -> dict[str, Any]:
    """The request in a frame; None stands for a binary frame. Raises `ApiError`."""
    if text is None:
        raise ApiError("invalid", "send text frames")
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError("parse", f"not JSON: {error}") from None
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        raise ApiError("invalid", 'not a JSON-RPC 2.0 request: {"jsonrpc":"2.0","id":1,"method":...}')
    return request


def request_id(request: dict[str, Any]) -> Any:
    """The id of a request; None for a notification. Raises `ApiError`."""
    id_ = request.get("id")
    if id_ is None or (isinstance(id_, int) and not isinstance(id_, bool)) or (isinstance(id_, str) and id_.isascii()):
        return id_
    raise ApiError("invalid", "an id is an integer, an ASCII string or null")
