"""The body of `POST /v1/responses`, which agents such as Codex send, as the body of a chat. Nothing is stored."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from backend.api.openai.messages import TOOLS, Text, joined
from backend.api.openai.schemas import Chat, Limit
from backend.api.schemas import Schema
from backend.errors import ApiError

_IGNORED = ("reasoning",)  # items of earlier answers that only other servers can read
_ROLES = ("system", "developer", "user", "assistant")


class Item(Schema):
    """A message, a tool call or its result."""

    type: str = "message"
    role: str = "user"
    content: Annotated[Text, BeforeValidator(joined)] = ""
    call_id: Text = ""
    name: Text = ""
    arguments: Text = ""
    output: Annotated[Text, BeforeValidator(joined)] = ""


class AgentTool(Schema):
    type: str = "function"
    name: str = Field("", max_length=256)
    description: Text = ""
    parameters: dict[str, Any] = Field(default={"type": "object", "properties": {}})

    @property
    def for_chat(self) -> dict[str, Any]:
        fields = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": fields}


class TextOptions(Schema):
    format: dict[str, Any] = Field(default={"type": "text"})


class AgentRequest(Schema):
    model: str = Field("", max_length=200)
    input: Text | list[Item]
    instructions: Text = ""
    tools: list[AgentTool] = Field(default=[], max_length=TOOLS)
    tool_choice: str | dict[str, Any] = "auto"
    parallel_tool_calls: bool = True
    stream: bool = False
    max_output_tokens: Limit | None = None
    temperature: float | None = None
    top_p: float | None = None
    text: TextOptions = TextOptions()
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    codebase: str | None = None  # not OpenAI's: the codebase for NAME+repo

    def chat(self) -> Chat:
        """The same as a chat. Raises `ApiError`."""
        for param in ("previous_response_id", "conversation"):
            if getattr(self, param):
                raise ApiError(
                    "bad_params", "nothing is stored here: send the whole conversation as input", param=param
                )
        form = self.text.format
        schema = {"schema": form.get("schema")} if form.get("type") == "json_schema" else {}
        fields = {
            "model": self.model,
            "messages": [*self._instructions(), *self._messages()],
            # Tools that run on OpenAI's servers, such as web_search, are none of the client's functions.
            "tools": [tool.for_chat for tool in self.tools if tool.type == "function"],
            "tool_choice": self.tool_choice,
            "parallel_tool_calls": self.parallel_tool_calls,
            "max_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "response_format": {"type": form.get("type", "text"), "json_schema": schema},
            "codebase": self.codebase,
        }
        try:
            return Chat.model_validate(fields)
        except ValidationError as error:
            [first, *_] = error.errors()
            raise ApiError("bad_params", first["msg"], param=".".join(map(str, first["loc"])) or None) from None

    def _instructions(self) -> list[dict[str, Any]]:
        return [{"role": "system", "content": self.instructions}] if self.instructions else []

    def _messages(self) -> list[dict[str, Any]]:
        if isinstance(self.input, str):
            return [{"role": "user", "content": self.input}]
        messages: list[dict[str, Any]] = []
        for item in self.input:
            if item.type == "message" and item.role in _ROLES:
                messages.append({"role": item.role, "content": item.content})
            elif item.type == "function_call":
                if not messages or messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": ""})
                function = {"name": item.name, "arguments": item.arguments}
                messages[-1].setdefault("tool_calls", []).append({"id": item.call_id, "function": function})
            elif item.type == "function_call_output":
                messages.append({"role": "tool", "content": item.output, "tool_call_id": item.call_id})
            elif item.type not in _IGNORED:
                problem = f"items of type {item.type!a} and role {item.role!a} are not supported"
                raise ApiError(
                    "bad_params", f"{problem}: send messages, function calls and their outputs", param="input"
                )
        return messages
