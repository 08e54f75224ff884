"""Messages and tools as clients of the OpenAI API send them. Knows no endpoint."""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from backend.api.schemas import Schema
from backend.api.security import BODY_BYTES
from models.types import Message, ToolCall, Tools

TOOLS = 128
TEXT_ONLY = "no model here reads images, sound or files: send text"
_TEXTS = ("text", "refusal", "input_text", "output_text")  # kinds of parts; the last two are those of /v1/responses

Text = Annotated[str, Field(max_length=BODY_BYTES)]  # with a limit, pydantic also rejects lone surrogates


def joined(content: object) -> object:
    """The text of content that may come in parts."""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get("text", part.get("refusal")) if isinstance(part, dict) else None
        if kind not in _TEXTS or not isinstance(text, str):
            raise ValueError(f"parts of type {kind!a} are not supported: {TEXT_ONLY}")
        texts.append(text)
    return "\n".join(texts)


class CalledFunction(Schema):
    name: Text = ""
    arguments: Text = ""


class PastCall(Schema):
    """A tool call of an earlier answer."""

    id: Text = ""
    function: CalledFunction = CalledFunction()


class ChatMessage(Schema):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[Text, BeforeValidator(joined)] = ""
    tool_calls: list[PastCall] = Field(default=[], max_length=TOOLS)
    tool_call_id: Text = ""

    @property
    def message(self) -> Message:
        if self.role in ("system", "developer"):
            return Message("system", self.content)
        if self.role in ("tool", "function"):
            return Message("tool", self.content, call_id=self.tool_call_id)
        if self.role == "user":
            return Message("user", self.content)
        calls = (ToolCall(call.id, call.function.name, call.function.arguments) for call in self.tool_calls)
        return Message("assistant", self.content, tuple(calls))


class Function(Schema):
    name: Annotated[str, Field(min_length=1, max_length=256)]
    description: Text = ""
    parameters: dict[str, Any] = Field(default={"type": "object", "properties": {}})


class Tool(Schema):
    """A function of the client."""

    type: Literal["function"] = "function"
    function: Function

    @property
    def definition(self) -> dict[str, Any]:
        function = self.function
        fields = {"name": function.name, "description": function.description, "parameters": function.parameters}
        return {"type": "function", "function": fields}


def offered(tools: list[Tool], choice: str | dict[str, Any], in_parallel: bool) -> Tools | None:
    """The tools that the model may call; None for no tools. Raises ValueError for a choice that cannot be kept."""
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else choice.get("name")  # /v1/responses
        if choice.get("type") != "function" or name not in [tool.function.name for tool in tools]:
            raise ValueError("name one of the tools, or send auto, none or required")
        choice = {"type": "function", "function": {"name": name}}
    elif choice not in ("auto", "none", "required"):
        raise ValueError("send auto, none, required, or the name of a function in an object")
    if choice == "required" and not tools:
        raise ValueError("a call is required, but there are no tools: send tools, or auto")
    if choice == "none" or not tools:
        return None
    return Tools(json.dumps([tool.definition for tool in tools]), json.dumps(choice), in_parallel)
