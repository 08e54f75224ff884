"""The OpenAPI document: what FastAPI makes of the routes, with the errors and an example for every call.

A new route needs nothing here, unless it has an error that `_RULES` cannot tell. The examples are answers of a real
server: `python -m tests.backend.api.test_openapi` records them.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from backend.api.security import OPEN_PATHS, OPENAI_PATHS, SIGN_IN
from backend.errors import CODES, ApiError, openai_error

EXAMPLES_FILE = Path(__file__).with_name("examples.json")
METHODS = ("get", "put", "post", "delete", "patch")
# What a status means, in words. The codes come from `CODES`; the guard's own statuses are without one of theirs.
MEANINGS = {
    400: "The body is not JSON, or a parameter is wrong.",
    401: "The token is missing or wrong.",
    403: "The Origin is not allowed.",
    404: "There is none with this id or name.",
    410: "The events that it follows were deleted meanwhile: send it again.",
    413: "The body, or the question, is too long.",
    415: "The Content-Type is not application/json.",
    421: "The Host is not served here.",
    422: "A parameter is wrong; the message names it.",
    429: "Too many requests: try again after `Retry-After` seconds.",
    500: "A defect of Lantern, or the server stops.",
    502: "The engine failed: send the request again.",
    503: "The model or the index is not available; the message says what to do.",
    507: "The disk is full.",
}
_GUARD_CODES = {403: "unauthorized", 415: "invalid", 421: "unauthorized"}
# Fields and parameters that name something which may not exist.
_NAMES = {"session_id", "conversation_id", "codebase", "codebase_id", "job_id", "model", "name", "path", "prefix"}
_AS_OPENAI = ("/v1/chat/completions", "/v1/completions", "/v1/responses")
_FOLLOWING = ("/chat/query", "/v1/chat/completions", "/v1/responses")  # the events of a turn, which can be cleared
_AS_LLAMA_SERVER = ("/tokenize", "/detokenize", "/apply-template", "/infill")
_GENERATING = ("/chat/query", "/chat/preview", *_AS_OPENAI, *_AS_LLAMA_SERVER)  # or waiting for a model to be loaded
_LIMITED = (*_GENERATING, "/chat/history", "/chat/session/clear", "/chat/conversation/{conversation_id}", "/signin")
_NEEDY = ("/search", "/symbols", "/index", "/codebases", "/models/", "/v1/embeddings")  # an index, or a model
Rule = Callable[[str, str, dict[str, Any], set[str]], bool]
# Statuses, and whether a call may answer with them, by its method, path, operation and the names of what it takes.
_RULES: tuple[tuple[tuple[int, ...], Rule], ...] = (
    ((403, 421, 500), lambda *_: True),
    ((401,), lambda method, path, *_: path not in OPEN_PATHS),
    ((400, 413, 415), lambda method, path, operation, _: "requestBody" in operation),
    ((422,), lambda method, path, operation, names: bool(names) or "requestBody" in operation),
    ((404,), lambda method, path, operation, names: not names.isdisjoint(_NAMES) or "{" in path),
    ((410,), lambda method, path, *_: path in _FOLLOWING),
    ((429,), lambda method, path, *_: method != "get" and path in _LIMITED),
    ((502,), lambda method, path, *_: path in _GENERATING),
    ((503,), lambda method, path, *_: path in _GENERATING or path.startswith(_NEEDY)),
    ((507,), lambda method, *_: method != "get"),
)


def describe(app: FastAPI) -> None:
    """Completes the document of this application."""
    generate = app.openapi
    app.openapi = cache(lambda: _completed(generate()))  # type: ignore[method-assign]


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own error, which is never sent
        schemas.pop(unused, None)
    schemas |= {"Error": _error_schema(False), "OpenAIError": _error_schema(True)}
    responses = components.setdefault("responses", {})
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    examples = json.loads(EXAMPLES_FILE.read_text("utf-8"))
    for method, path, operation in operations(document):
        is_openai = path.startswith(OPENAI_PATHS)
        if path in (*OPEN_PATHS, SIGN_IN):
            operation["security"] = []
        operation["responses"].pop("422", None)
        for status in sorted(_statuses(method, path, operation, schemas)):
            status = 400 if is_openai and status == 422 else status
            name = f"{'OpenAIError' if is_openai else 'Error'}{status}"
            responses.setdefault(name, _response(status, is_openai))
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
        _add_examples(operation, examples.get(f"{method.upper()} {path}", {}))
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method (in small letters), path and description of every call."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method, path, methods[method]


def _statuses(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> set[int]:
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    if "requestBody" in operation:
        reference = operation["requestBody"]["content"]["application/json"]["schema"].get("$ref", "")
        names |= schemas.get(reference.rpartition("/")[2], {}).get("properties", {}).keys()
    return {status for statuses, applies in _RULES if applies(method, path, operation, names) for status in statuses}


def _response(status: int, is_openai: bool) -> dict[str, Any]:
    codes = [code.name for code in CODES.values() if code.http == status] or [_GUARD_CODES.get(status, "invalid")]
    code = {404: "not_found", 500: "internal", 400: "parse"}.get(status, codes[0])
    error = ApiError("bad_params" if is_openai and status == 400 else code, MEANINGS[status])
    example: Any = openai_error(error, status)[1] if is_openai else {"error": error.body}
    schema = {"$ref": f"#/components/schemas/{'OpenAIError' if is_openai else 'Error'}"}
    return {
        "description": MEANINGS[status],
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _error_schema(is_openai: bool) -> dict[str, Any]:
    text = {"type": "string"}
    fields: dict[str, Any] = {"code": text | {"enum": sorted(CODES)}, "message": text}
    if is_openai:
        optional = {"type": ["string", "null"]}
        fields = {"message": text, "type": text, "param": optional, "code": optional}
    error = {"type": "object", "properties": fields, "required": list(fields)}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}


def _add_examples(operation: dict[str, Any], example: dict[str, Any]) -> None:
    """Adds what was recorded: parameters, the body, the answer, and the answer as a stream."""
    for parameter in operation.get("parameters", []):
        if (value := example.get("parameters", {}).get(parameter["name"])) is not None:
            parameter["example"] = value
    if "body" in example:
        operation["requestBody"]["content"]["application/json"]["example"] = example["body"]
    answers = operation["responses"]["200"].setdefault("content", {})
    if "text" in example:
        answers.clear()
        answers["text/plain"] = {"schema": {"type": "string"}, "example": example["text"]}
    elif "answer" in example:
        answers.setdefault("application/json", {"schema": {}})["example"] = example["answer"]
    if "stream" in example:
        answers["text/event-stream"] = {"schema": {"type": "string"}, "example": example["stream"]}
