"""Bodies that clients of the OpenAI API may send. Unknown fields are ignored: every client sends some."""

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from backend.api.schemas import Schema
from backend.api.security import BODY_BYTES
from models.types import Message, Sampling

REPO = "+repo"  # suffix of a model name: retrieve from the codebase first
MOST_TOKENS = 1 << 17
STOPS = 64
SCHEMA_CHARS = 1 << 16
NO_TOOLS = "this server calls no tools: leave tool_choice out, or send auto or none"
NO_TOKENS = "token arrays are not supported: send text"


def _joined(content: object) -> object:
    """The text of content that may come in parts."""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get("text", part.get("refusal")) if isinstance(part, dict) else None
        if kind not in ("text", "refusal") or not isinstance(text, str):
            raise ValueError(f"parts of type {kind!a} are not supported: send text")
        texts.append(text)
    return "\n".join(texts)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _texts(value: object) -> object:
    """A list of texts; one text becomes a list of one."""
    if isinstance(value, list) and any(isinstance(item, int | list) for item in value):
        raise ValueError(NO_TOKENS)
    return _listed(value)


def _not_zero(limit: int) -> int:
    if limit == 0:
        raise ValueError("a limit is at least 1; -1 stands for none")
    return limit


# Of tokens. -1 stands for no limit, as in llama-server and vLLM.
Limit = Annotated[int, Field(ge=-1), AfterValidator(_not_zero)]
Text = Annotated[str, Field(max_length=BODY_BYTES)]  # with a limit, pydantic also rejects lone surrogates
Texts = Annotated[list[Text], BeforeValidator(_texts), Field(min_length=1, max_length=2048)]


def _tokens(limit: int | None) -> int | None:
    return MOST_TOKENS if limit == -1 else limit and min(limit, MOST_TOKENS)


class ToolCall(Schema):
    function: dict[str, Any] = Field(default={})

    @property
    def text(self) -> str:
        return f"{self.function.get('name', '')}({self.function.get('arguments', '')})"


class ChatMessage(Schema):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[Text, BeforeValidator(_joined)] = ""
    tool_calls: list[ToolCall] = Field(default=[])

    @property
    def message(self) -> Message:
        """The message as the model gets it. Tool calls and their results become text."""
        text = "\n".join(filter(None, (self.content, *(call.text for call in self.tool_calls))))
        if self.role in ("system", "developer"):
            return Message("system", text)
        return Message("assistant" if self.role == "assistant" else "user", text)


class StreamOptions(Schema):
    include_usage: bool = False


class ResponseFormat(Schema):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: dict[str, Any] = Field(default={})

    @property
    def schema_text(self) -> str:
        """The JSON schema as JSON text; "" if any text is allowed."""
        if self.type == "text":
            return ""
        return json.dumps(self.json_schema.get("schema") or {"type": "object"})


class Generating(Schema):
    """What chat and plain completions have in common."""

    model: str = Field("", max_length=200)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: Limit | None = None
    temperature: float | None = Field(None, ge=0, le=5)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(
        None, ge=-1, lt=1 << 31
    )  # -1 and 0: off; this and the next two are not OpenAI's, but local servers have them
    min_p: float | None = Field(None, ge=0, le=1)
    repeat_penalty: float | None = Field(None, gt=0, le=10)
    seed: int | None = None
    stop: Annotated[list[Text], BeforeValidator(_listed)] = Field(default=[], max_length=STOPS)
    response_format: ResponseFormat = ResponseFormat()
    n: int = 1

    @field_validator("n")
    @classmethod
    def _one(cls, n: int) -> int:
        if n != 1:
            raise ValueError("this server gives one answer to a request: leave n out")
        return n

    @field_validator("response_format")
    @classmethod
    def _bounded(cls, response_format: ResponseFormat) -> ResponseFormat:
        if len(response_format.schema_text) > SCHEMA_CHARS:
            raise ValueError(f"a schema may have {SCHEMA_CHARS} characters")
        return response_format

    @property
    def name(self) -> str:
        """The name without `+repo`; "" is the server's model."""
        return self.model.removesuffix(REPO)

    @property
    def retrieves(self) -> bool:
        return self.model.endswith(REPO)

    @property
    def most_tokens(self) -> int | None:
        return _tokens(self.max_tokens)

    def sampling(self, own: Sampling) -> Sampling:
        """The options of this request over those of the model (`own`)."""
        options = {name: getattr(self, name) for name in ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")}
        options |= {"max_tokens": self.most_tokens, "seed": self.seed}
        if self.top_k == -1:
            options["top_k"] = 0
        return replace(
            own,
            **{name: value for name, value in options.items() if value is not None},
            stop=(*own.stop, *filter(None, self.stop)),
            json_schema=self.response_format.schema_text,
        )


class Chat(Generating):
    """The body of `POST /v1/chat/completions`."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=4096)
    max_completion_tokens: Limit | None = None
    tool_choice: str | dict[str, Any] = "auto"
    codebase: str | None = None  # not OpenAI's: the codebase for NAME+repo

    @field_validator("tool_choice")
    @classmethod
    def _not_forced(cls, choice: str | dict[str, Any]) -> str | dict[str, Any]:
        if choice not in ("auto", "none"):
            raise ValueError(NO_TOOLS)
        return choice

    @property
    def most_tokens(self) -> int | None:
        return _tokens(self.max_completion_tokens or self.max_tokens)


class Completion(Generating):
    """The body of `POST /v1/completions`."""

    prompt: Texts
    suffix: Text = ""


class Embeddings(Schema):
    """The body of `POST /v1/embeddings`."""

    input: Texts
    model: str = Field("", max_length=200)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
