"""Every response that a test gets over HTTP has a status that the OpenAPI document names for its call."""

import re
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.api.openapi import operations
from backend.app import build_app


class UndocumentedStatus(AssertionError):
    """A call was answered with a status that its description does not have."""


async def check_status(response: httpx.Response) -> None:
    """For `event_hooks`. Requests of unknown paths and methods are no calls of the document."""
    method, path = response.request.method.lower(), urlsplit(str(response.request.url)).path
    for own_method, pattern, statuses, name in _calls():
        if own_method == method and pattern.fullmatch(path):
            if str(response.status_code) not in statuses:
                body = (await response.aread())[:300]
                raise UndocumentedStatus(f"{name}: {response.status_code} {body!r}")
            return


@cache
def _calls() -> list[tuple[str, re.Pattern[str], set[str], str]]:
    """Method, path as a pattern, statuses, and name of each call; paths without parameters come first."""
    nothing: Any = SimpleNamespace(token="")
    app: Any = build_app(nothing, nothing).guarded
    return [
        (
            method,
            re.compile(re.sub(r"\\{\w+\\}", ".+" if path.startswith("/v1/") else "[^/]+", re.escape(path))),
            set(call["responses"]),
            f"{method.upper()} {path}",
        )
        for method, path, call in sorted(operations(app._app.openapi()), key=lambda item: item[1].count("{"))
    ]
