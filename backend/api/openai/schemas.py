"""Bodies that clients of the OpenAI API may send. Unknown fields are ignored: every client sends some."""

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from backend.api.openai.messages import TOOLS, ChatMessage, Text, Tool, offered
from backend.api.schemas import Schema
from models.types import Message, Sampling, Tools

REPO = "+repo"  # suffix of a model name: retrieve from the codebase first
MOST_TOKENS = 1 << 17
STOPS = 64
SCHEMA_CHARS = 1 << 16
ANSWERS = 8  # to one request
LIKELY = 20  # tokens beside each one, at most
NO_TOKENS = "token arrays are not supported: send text"


def listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _texts(value: object) -> object:
    """A list of texts; one text becomes a list of one."""
    if isinstance(value, list) and any(isinstance(item, int | list) for item in value):
        raise ValueError(NO_TOKENS)
    return listed(value)


def _not_zero(limit: int) -> int:
    if limit == 0:
        raise ValueError("a limit is at least 1; -1 stands for none")
    return limit


# Of tokens. -1 stands for no limit, as in llama-server and vLLM.
Limit = Annotated[int, Field(ge=-1), AfterValidator(_not_zero)]
Texts = Annotated[list[Text], BeforeValidator(_texts), Field(min_length=1, max_length=2048)]


def _tokens(limit: int | None) -> int | None:
    return MOST_TOKENS if limit == -1 else limit and min(limit, MOST_TOKENS)


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
    stop: Annotated[list[Text], BeforeValidator(listed)] = Field(default=[], max_length=STOPS)
    response_format: ResponseFormat = ResponseFormat()
    n: int = Field(1, ge=1, le=ANSWERS)

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

    @property
    def likely_tokens(self) -> int:
        """How many likely tokens to list beside each one; -1: no log-probabilities."""
        return -1

    def sampling(self, own: Sampling, index: int = 0) -> Sampling:
        """The options of this request over those of the model (`own`), for the answer with this number."""
        options = {name: getattr(self, name) for name in ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")}
        options |= {"max_tokens": self.most_tokens, "seed": None if self.seed is None else self.seed + index}
        if self.top_k == -1:
            options["top_k"] = 0
        return replace(
            own,
            **{name: value for name, value in options.items() if value is not None},
            stop=(*own.stop, *filter(None, self.stop)),
            json_schema=self.response_format.schema_text,
            top_logprobs=self.likely_tokens,
        )


class Chat(Generating):
    """The body of `POST /v1/chat/completions`."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=4096)
    max_completion_tokens: Limit | None = None
    tools: list[Tool] = Field(default=[], max_length=TOOLS)
    tool_choice: str | dict[str, Any] = Field("auto")
    parallel_tool_calls: bool = True
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=LIKELY)
    codebase: str | None = None  # not OpenAI's: the codebase for NAME+repo

    @field_validator("tool_choice")
    @classmethod
    def _possible(cls, choice: str | dict[str, Any], info: ValidationInfo) -> str | dict[str, Any]:
        if "tools" in info.data:
            offered(info.data["tools"], choice, True)
        return choice

    @field_validator("top_logprobs")
    @classmethod
    def _wanted(cls, count: int | None, info: ValidationInfo) -> int | None:
        if count is not None and not info.data.get("logprobs"):
            raise ValueError("send logprobs: true, too")
        return count

    @property
    def offered(self) -> Tools | None:
        """The tools that the model may call."""
        return offered(self.tools, self.tool_choice, self.parallel_tool_calls)

    @property
    def turns(self) -> list[Message]:
        return [message.message for message in self.messages]

    @property
    def most_tokens(self) -> int | None:
        return _tokens(self.max_completion_tokens or self.max_tokens)

    @property
    def likely_tokens(self) -> int:
        return (self.top_logprobs or 0) if self.logprobs else -1


class Completion(Generating):
    """The body of `POST /v1/completions`."""

    prompt: Texts
    suffix: Text = ""
    logprobs: int | None = Field(None, ge=0, le=LIKELY)

    @property
    def likely_tokens(self) -> int:
        return -1 if self.logprobs is None else self.logprobs


class Embeddings(Schema):
    """The body of `POST /v1/embeddings`."""

    input: Texts
    model: str = Field("", max_length=200)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
