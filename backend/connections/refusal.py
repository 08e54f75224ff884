"""The answers that a connection gets before the application sees a request, as bytes. Knows no connection."""

from http import HTTPStatus

from backend.api.security import error_body
from backend.errors import ApiError

_REASONS = {
    HTTPStatus.BAD_REQUEST: ("invalid", "this is no HTTP request that can be read"),
    HTTPStatus.REQUEST_TIMEOUT: ("invalid", "the request did not arrive in time: send it without pauses"),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("invalid", "the head of the request is too large"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("rate_limited", "too many connections: close some, or try again in a moment"),
}


def refusal(status: HTTPStatus, path: str = "") -> bytes:
    """The whole answer; the connection is closed after it."""
    code, message = _REASONS[status]
    body = error_body(path, ApiError(code, message), status)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
