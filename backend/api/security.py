"""Access checks: exact Host and Origin, the bearer token, JSON bodies of a bounded size.

Plain ASGI middleware in front of the application. Knows headers, and of the routes only those that need no token.
"""

import asyncio
import hmac
import ipaddress
import json
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import ApiError, openai_error
from backend.signin import SignInCodes

BODY_BYTES = FRAME_BYTES = 1 << 20
# What needs no token: the state of the server, the files of the page, which hold no data, and the exchange of a code.
OPEN_PATHS, OPEN_FILES, SIGN_IN = ("/health",), "/web/", "/signin"
OPENAI_PATHS = "/v1/"  # errors under this prefix have OpenAI's shape
TRUST = "trust"  # in a scope's `state`: a function to call when a request of that connection has shown the token


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Which requests are allowed. `hosts`: values of the Host header, with port."""

    token: str
    hosts: frozenset[str]
    origins: frozenset[str]
    any_address: bool = False  # not only on loopback: any IP address is fine as Host, an unlisted name is not

    def allows_host(self, host: str) -> bool:
        if host.lower() in self.hosts:
            return True
        return self.any_address and _is_address(host)

    def allows_token(self, candidate: str) -> bool:
        return bool(self.token) and hmac.compare_digest(candidate.encode(), self.token.encode())


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the exchange of a code for the token needs."""

    codes: SignInCodes
    token: str


def rules(token: str, host: str, port: int, allow_remote: bool, origins: Iterable[str]) -> AccessRules:
    """The rules of a server on this host and port. Allowed origins are its own, and the listed ones."""
    names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}
    if allow_remote:
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    hosts = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
    own = {f"http://{host}" for host in hosts}
    return AccessRules(token, frozenset(hosts), frozenset(own | set(origins)), any_address=allow_remote)


def bearer(headers: Headers) -> str | None:
    """The token in the Authorization header, or None."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def trust(scope: Scope) -> None:
    """Tells the connection of a request, if it wants to know, that its client has the token."""
    scope.get("state", {}).get(TRUST, lambda: None)()


def error_body(path: str, error: ApiError, status: int) -> bytes:
    """The body of an error that no route answers, in the shape of its path."""
    answer: dict[str, Any] = {"error": error.body}
    if path.startswith(OPENAI_PATHS):
        answer = openai_error(error, status)[1]
    return json.dumps(answer).encode()


class Guard:
    """The middleware. `Sockets` checks the token of a socket: browsers can send it as a subprotocol only."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        violation = self._violation(scope)
        if violation is not None:
            return await _refuse(scope, send, *violation)
        if scope["type"] == "websocket":
            with suppress(asyncio.CancelledError):  # only a server that stops cancels a connection
                await self._app(scope, receive, send)
            return None
        if not _is_open(scope):
            trust(scope)
        return await _bounded(self._app, scope, receive, send)

    def _violation(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, code and message of the first rule that the request breaks."""
        headers = Headers(scope=scope)
        if not self._rules.allows_host(headers.get("host", "")):
            return 421, "unauthorized", "this Host is not served here"
        origin = headers.get("origin")
        if origin is not None and origin not in self._rules.origins:
            return 403, "unauthorized", "this Origin is not allowed; see ALLOWED_ORIGINS"
        if scope["type"] == "websocket":
            return None
        if not _is_open(scope) and not self._rules.allows_token(bearer(headers) or ""):
            return 401, "unauthorized", "send `Authorization: Bearer TOKEN`; `lantern token` prints it"
        content = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] in ("POST", "PUT", "PATCH") and content != "application/json":
            return 415, "invalid", "send Content-Type: application/json"
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > BODY_BYTES:
            return 413, "context_too_large", f"a body may have {BODY_BYTES} bytes"
        return None


def _is_open(scope: Scope) -> bool:
    """Whether a request needs no token."""
    path, method = str(scope["path"]), str(scope["method"])
    reads = method in ("GET", "HEAD")
    if path == SIGN_IN:
        return method == "POST"
    return path in OPEN_PATHS or (reads and (path == "/" or path.startswith(OPEN_FILES)))


async def _bounded(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs the app on a body of at most `BODY_BYTES`, whatever its content-length says. Ends every answer."""
    received = 0
    has_begun = has_ended = False

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_BYTES:
            raise ApiError("context_too_large", f"a body may have {BODY_BYTES} bytes")
        return message

    async def noted(message: Message) -> None:
        nonlocal has_begun, has_ended
        has_begun = True
        has_ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await send(message)

    try:
        await app(scope, counted, noted)
    except asyncio.CancelledError:  # only a server that stops cancels a request
        if not has_begun:
            await _refuse(scope, send, 500, "interrupted", "the server stopped before it could answer: ask again")
    except Exception:
        if not has_ended:  # Starlette raises an error again after its handler has logged and answered it
            raise


async def _refuse(scope: Scope, send: Send, status: int, code: str, message: str) -> None:
    kind = "http" if scope["type"] == "http" else "websocket.http"
    body = error_body(scope["path"] if kind == "http" else "", ApiError(code, message), status)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": f"{kind}.response.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})


def _is_address(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
