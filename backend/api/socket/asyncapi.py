"""The AsyncAPI 3.1 document of the socket, made from the models that its code uses. Served as `GET /asyncapi.json`."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter

from backend.api import schemas
from backend.api.security import FRAME_BYTES
from backend.api.socket import messages
from backend.config import VERSION
from backend.errors import CODES

router = APIRouter(tags=["state"])

PROTOCOL = "lantern.v1"
# Method -> its parameters, its result, and what it does.
METHODS: dict[str, tuple[Any, Any, str]] = {
    "initialize": (schemas.Initialize, messages.Initialized, "What this server is. Optional."),
    "session/open": (
        schemas.SessionOpen,
        messages.SessionOpened,
        "Creates a session, or opens an existing one; with `after`, its events after that number are sent first.",
    ),
    "session/prompt": (
        schemas.SessionPrompt,
        messages.PromptAccepted,
        "Asks a question. The result means that it is stored; the answer follows as events. The same turn twice is one"
        " generation.",
    ),
    "session/prefetch": (
        schemas.SessionPrefetch,
        messages.Done,
        "Searches and reads ahead for what is typed so far. Nothing of it is visible.",
    ),
    "session/cancel": (schemas.SessionCancel, messages.Done, "Stops a turn, or all of the session. Idempotent."),
    "complete": (
        schemas.Complete,
        messages.Completed,
        "Fills in code between a prefix and a suffix. A newer call cancels the older one.",
    ),
    "search": (schemas.Search, messages.SearchFound, "Searches without an answer."),
    "ping": (schemas.Nothing, messages.Done, "Does nothing."),
}
_ID = {"type": ["integer", "string", "null"], "description": "Chosen by the client; comes back in the answer."}
_BEARER = {"type": "http", "scheme": "bearer", "description": "The token of the data folder."}
_CHANNEL = {"$ref": "#/channels/socket"}


@router.get("/asyncapi.json")
async def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document of the WebSocket: its methods, results, events and errors."""
    return document()


@cache
def document() -> dict[str, Any]:
    """The document. Treat it as a constant."""
    payloads, schemas_ = _payloads()
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Lantern",
            "version": VERSION,
            "description": (
                "JSON-RPC 2.0, one object per text frame. Unknown fields are ignored; a null is the same as a field"
                " that is left out. A breaking change is a new subprotocol."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8000", "protocol": "ws", "security": [_BEARER]}},
        "channels": {
            "socket": {
                "address": "/v1/ws",
                "description": (
                    f"Subprotocol `{PROTOCOL}`; frames of at most {FRAME_BYTES} bytes. A client that cannot set headers"
                    " sends the token as a second subprotocol, `token.TOKEN`."
                ),
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in payloads},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": dict(_operations()),
        "components": {
            "messages": {name: _message(name, payload) for name, payload in payloads.items()},
            "schemas": schemas_,
        },
    }


def _payloads() -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The frame of each message, and the schemas that they refer to."""
    inputs: list[tuple[str, Any, TypeAdapter[Any]]] = []
    for method, (params, result, _) in METHODS.items():
        inputs.append((request_name(method), "validation", TypeAdapter(params)))
        inputs.append((result_name(method), "serialization", TypeAdapter(result)))
    inputs += [(event_name(event), "serialization", TypeAdapter(event)) for event in messages.EVENTS]
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    bodies = {name: schema for (name, _), schema in made.items()}
    frames = {}
    for method in METHODS:
        call = {"id": _ID, "method": {"const": method}, "params": bodies[request_name(method)]}
        frames[request_name(method)] = _frame(call, ["method"])
        frames[result_name(method)] = _frame({"id": _ID, "result": bodies[result_name(method)]}, ["id", "result"])
    frames["error"] = _frame({"id": _ID, "error": _error_schema()}, ["id", "error"])
    for event in messages.EVENTS:
        notification = {"method": {"const": "event"}, "params": bodies[event_name(event)]}
        frames[event_name(event)] = _frame(notification, ["method", "params"])
    as_draft7: tuple[dict[str, dict[str, Any]], dict[str, Any]] = _draft7((frames, definitions.get("$defs", {})))
    return as_draft7


def _operations() -> list[tuple[str, dict[str, Any]]]:
    calls = [
        (
            method.replace("/", "."),
            {
                "action": "receive",
                "channel": _CHANNEL,
                "summary": summary,
                "messages": [_of_channel(request_name(method))],
                "reply": {"channel": _CHANNEL, "messages": [_of_channel(result_name(method)), _of_channel("error")]},
            },
        )
        for method, (_, _, summary) in METHODS.items()
    ]
    sent = [_of_channel(event_name(event)) for event in messages.EVENTS]
    events = {"action": "send", "channel": _CHANNEL, "summary": "What happens in the open sessions.", "messages": sent}
    return [*calls, ("event", events)]


def _message(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": name, "payload": payload}


def _of_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/socket/messages/{name}"}


def request_name(method: str) -> str:
    """The name of a method's request among the messages."""
    return f"{method.replace('/', '.')}.request"


def result_name(method: str) -> str:
    """The name of a method's result among the messages."""
    return f"{method.replace('/', '.')}.result"


def event_name(event: Any) -> str:
    """The name of an event's frame among the messages."""
    return f"event.{event.__name__.removesuffix('Event').lower()}"


def _frame(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    version = {"jsonrpc": {"const": "2.0"}}
    return {"type": "object", "properties": version | properties, "required": ["jsonrpc", *required]}


def _error_schema() -> dict[str, Any]:
    data = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": sorted(CODES), "description": "Stable: switch on it."},
            "retryable": {"type": "boolean", "description": "Another try may help."},
            "retry_after_ms": {"type": "integer", "minimum": 0},
        },
        "required": ["code", "retryable"],
    }
    numbers = sorted({code.rpc for code in CODES.values()})
    fields = {"code": {"type": "integer", "enum": numbers}, "message": {"type": "string"}, "data": data}
    return {"type": "object", "properties": fields, "required": ["code", "message", "data"]}


def _draft7(schema: Any) -> Any:
    """The dialect of AsyncAPI: pydantic writes the items of a tuple as a newer one does."""
    if isinstance(schema, dict):
        parts = {name: _draft7(part) for name, part in schema.items()}
        if "prefixItems" in parts:
            parts |= {"items": parts.pop("prefixItems"), "additionalItems": False}
        return parts
    return type(schema)(map(_draft7, schema)) if isinstance(schema, list | tuple) else schema
