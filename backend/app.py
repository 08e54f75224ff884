"""The web application: faces on services, one shape for every error, the guard before all of it."""

import logging
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from backend.api import chat, health, index, security
from backend.api.openai import routes
from backend.api.websocket import Sockets
from backend.config import VERSION
from backend.errors import ApiError, openai_error, to_api_error
from backend.services import Services
from models.errors import ModelError
from prompts.errors import PromptError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """The application, the same behind its security, and what has to be told when it stops."""

    services: Services
    sockets: Sockets
    guarded: ASGIApp


def build_app(services: Services, rules: security.AccessRules) -> App:
    """The faces on these services."""
    app = FastAPI(title="Lantern", version=VERSION, docs_url=None, redoc_url=None)
    app.state.services = services
    sockets = Sockets(services, rules)
    for face in (chat, index, health, routes):
        app.include_router(face.router)

    @app.websocket("/v1/ws")
    async def socket(websocket: WebSocket) -> None:
        await sockets.serve(websocket)

    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unserved)
    app.add_exception_handler(Exception, _failed)
    for translated in (
        ApiError,
        OSError,
        ModelError,
        PromptError,
    ):  # handlers by class win over the one for Exception, which also logs
        app.add_exception_handler(translated, _failed)
    return App(services, sockets, security.Guard(app, rules))


def _answer(request: Request, refusal: ApiError, status: int | None = None) -> JSONResponse:
    headers = {"Retry-After": str(max(1, refusal.retry_after_ms // 1000))} if refusal.retry_after_ms else {}
    if request.url.path.startswith(security.OPENAI_PATHS):
        status, body = openai_error(refusal, status)
        # Their clients try every 5xx again by themselves, unless they are told not to.
        return JSONResponse(body, status, headers | {"x-should-retry": str(refusal.code.retryable).lower()})
    return JSONResponse({"error": refusal.body}, status or refusal.code.http, headers)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    return _answer(request, to_api_error(error, log, "a request"))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return _answer(request, ApiError("parse", "the body is not JSON"))
    told = "; ".join(f"{'.'.join(map(str, p['loc'][1:])) or 'body'}: {p['msg']}" for p in problems)
    field = ".".join(map(str, problems[0]["loc"][1:])) or None
    return _answer(request, ApiError("bad_params", told, param=field))


async def _unserved(request: Request, error: Exception) -> JSONResponse:
    """What Starlette and FastAPI refuse by themselves: routes, methods, bodies that cannot be read."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, ApiError):  # raised while the body was being read
        return _answer(request, error.__cause__)
    code = {400: "parse", 404: "not_found"}.get(error.status_code, "invalid")
    return _answer(request, ApiError(code, f"{request.method} {request.url.path}: {error.detail}"), error.status_code)
