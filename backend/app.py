"""The web application: routers on services, one shape for every error, and the access guard in front."""

import asyncio
import logging
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from backend.api import openapi, security
from backend.api.encoding import json_text
from backend.api.openai import routes
from backend.api.rest import chat, conversations, files, health, history, index, models, page, signin
from backend.api.socket import asyncapi
from backend.api.socket.websocket import Sockets
from backend.config import VERSION
from backend.errors import ApiError, openai_error, to_api_error
from backend.mcp.endpoint import McpEndpoint
from backend.services import Services
from backend.signin import SignInCodes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """The guarded application, and the parts that the server must notify when it stops."""

    services: Services
    sockets: Sockets
    mcp: McpEndpoint
    guarded: ASGIApp
    closing: asyncio.Event  # set: what streams without a turn ends with an error


class Json(JSONResponse):
    """An answer that can always be encoded."""

    def render(self, content: object) -> bytes:
        return json_text(content).encode()


def build_app(services: Services, rules: security.AccessRules, codes: SignInCodes | None = None) -> App:
    """Builds the application on these services. `codes`: those with which a browser may sign in."""
    app = FastAPI(title="Lantern", version=VERSION, docs_url=None, redoc_url=None, default_response_class=Json)
    app.state.services = services
    app.state.closing = closing = asyncio.Event()
    app.state.sign_in = security.SignIn(codes or SignInCodes(), rules.token)
    sockets = Sockets(services, rules)
    for module in (chat, conversations, history, index, files, models, health, signin, page, asyncapi, routes):
        app.include_router(module.router)
    mcp = McpEndpoint(services, closing)
    app.router.routes.append(Route("/mcp", mcp))

    @app.websocket("/v1/ws")
    async def socket(websocket: WebSocket) -> None:
        await sockets.serve(websocket)

    openapi.describe(app)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_refusal)
    app.add_exception_handler(Exception, _failed)
    return App(services, sockets, mcp, security.Guard(app, rules), closing)


def _answer(request: Request, error: ApiError, status: int | None = None) -> Json:
    headers = {"Retry-After": str(max(1, error.retry_after_ms // 1000))} if error.retry_after_ms else {}
    if request.url.path.startswith(security.OPENAI_PATHS):
        status, body = openai_error(error, status)
        # OpenAI's clients retry every 5xx unless this header says no.
        return Json(body, status, headers | {"x-should-retry": str(error.code.retryable).lower()})
    return Json({"error": error.body}, status or error.code.http, headers)


async def _failed(request: Request, error: Exception) -> Json:
    return _answer(request, to_api_error(error, log, "a request"))


async def _invalid(request: Request, error: Exception) -> Json:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return _answer(request, ApiError("parse", "the body is not JSON"))
    message = "; ".join(f"{'.'.join(map(str, p['loc'][1:])) or 'body'}: {p['msg']}" for p in problems)
    field = ".".join(map(str, problems[0]["loc"][1:])) or None
    return _answer(request, ApiError("bad_params", message, param=field))


async def _http_refusal(request: Request, error: Exception) -> Json:
    """Answers what Starlette and FastAPI reject by themselves: unknown routes, methods, unreadable bodies."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, ApiError):  # raised while the body was being read
        return _answer(request, error.__cause__)
    code = {400: "parse", 404: "not_found"}.get(error.status_code, "invalid")
    return _answer(request, ApiError(code, f"{request.method} {request.url.path}: {error.detail}"), error.status_code)
