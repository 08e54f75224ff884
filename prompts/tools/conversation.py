"""A client's conversation with tools as a prompt, in the model's own template; and the JSON Schema of a forced call.

The template sees placeholders. What the client wrote stands in segments of its own, where it makes no control token.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from models.types import Message, Prompt, Segment, Tools
from prompts.formats import ChatFormat, content, cut
from prompts.passthrough import chat_prompt, conversation, in_order
from prompts.template import END, IN_JSON, PLAIN, rendered
from prompts.tools.parser import Schemas
from prompts.tools.syntax import ToolFormat

_WORD = re.compile(r"[\w.$ -]{0,64}", re.ASCII)  # makes no control token: a template may see it, and compare it
_CALL_ID = re.compile(r"[A-Za-z0-9]{9}")  # Mistral's templates insist on it
_PLACEHOLDER = re.compile(f"([{PLAIN}{IN_JSON}])([0-9]+){END}")


def tool_prompt(chat: ChatFormat, messages: Sequence[Message], tools: Tools | None) -> Prompt:
    """The prompt of a model that has tools; without `tools` for a conversation in which there were some.

    Starts a process: not for the event loop. Raises `TemplateRejected` if the template refuses the conversation.
    """
    assert chat.tools is not None
    if not chat.tools.template:  # the engine renders the messages
        return replace(chat_prompt(chat, conversation(messages)), messages=tuple(in_order(messages)), tools=tools)
    turns, texts = in_order(messages), _Texts()
    begun = turns.pop() if turns[-1].role == "assistant" and not turns[-1].calls else None
    names = {call.id: call.name for message in turns for call in message.calls}
    definitions = json.loads(tools.definitions) if tools else None
    text = rendered(
        chat.tools, [_for_template(turn, texts, names) for turn in turns], texts.hidden(definitions) if tools else []
    )
    segments = [*texts.segments(chat, text), *(content(chat, begun.content, from_model=True) if begun else ())]
    if tools and is_forced(tools):
        segments.append(Segment(chat.tools.syntax.lead, parse_special=True))
    return Prompt(
        segments=tuple(segment for segment in segments if segment.text),
        question=next((turn.content for turn in reversed(turns) if turn.role == "user"), ""),
        stop=chat.stop,
        is_continuation=begun is not None,
        messages=tuple(messages),
        tools=tools,
        shown=(chat.tools.syntax.open, *filter(None, [chat.tools.syntax.close])),
    )


def is_forced(tools: Tools) -> bool:
    """Whether the answer has to be a call."""
    return tools.choice != '"auto"'


def schemas_of(tools: Tools) -> Schemas:
    """The properties of each function that may be called."""
    functions = (definition["function"] for definition in json.loads(tools.definitions))
    return {function["name"]: _properties(function["parameters"]) for function in functions}


def call_schema(tools: Tools, form: ToolFormat) -> str:
    """JSON Schema of a call that has to be made: an object with the name of a function and its arguments."""
    choice = json.loads(tools.choice)
    functions = [definition["function"] for definition in json.loads(tools.definitions)]
    if isinstance(choice, Mapping):
        functions = [function for function in functions if function["name"] == choice["function"]["name"]]
    shared: dict[str, dict[str, Any]] = {"$defs": {}, "definitions": {}}
    calls = []
    for function in functions:
        parameters = dict(function["parameters"])
        for key, definitions in shared.items():  # references begin at the root
            own = parameters.pop(key, None)
            definitions.update(own if isinstance(own, Mapping) else {})
        properties = {"name": {"const": function["name"]}, form.syntax.arguments: parameters}
        calls.append({"type": "object", "properties": properties, "required": list(properties)})
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return json.dumps(schema | {key: definitions for key, definitions in shared.items() if definitions})


def _properties(schema: object) -> Mapping[str, Any]:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return properties if isinstance(properties, Mapping) else {}


@dataclass(slots=True)
class _Texts:
    """Texts of the client, and the placeholders that stand for them."""

    _stored: list[tuple[str, bool]] = field(default_factory=list)  # text, whether the model wrote it

    def placeholder(self, text: str, *, from_model: bool = False) -> str:
        if not text:
            return ""
        self._stored.append((text, from_model))
        return f"{PLAIN}{len(self._stored) - 1}{END}"

    def hidden(self, value: Any) -> Any:
        """JSON with placeholders for all of its texts that are not plain words."""
        if isinstance(value, str):
            return value if _WORD.fullmatch(value) else self.placeholder(value)
        if isinstance(value, list):
            return [self.hidden(item) for item in value]
        if isinstance(value, Mapping):
            return {self.hidden(key): self.hidden(item) for key, item in value.items()}
        return value

    def segments(self, chat: ChatFormat, text: str) -> list[Segment]:
        """Rendered text with the client's texts in the place of their placeholders."""
        template, *rest = _PLACEHOLDER.split(text)
        segments = [Segment(template, parse_special=True)]
        for kind, number, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            original, from_model = self._stored[int(number)]
            if kind == IN_JSON:
                segments += cut(chat, json.dumps(original, ensure_ascii=False)[1:-1])
            else:
                segments += content(chat, original, from_model=from_model)
            segments.append(Segment(after, parse_special=True))
        return segments


def _for_template(message: Message, texts: _Texts, names: Mapping[str, str]) -> dict[str, Any]:
    """A message as templates of models expect it: arguments are objects."""
    from_model = message.role == "assistant"
    turn: dict[str, Any] = {"role": message.role, "content": texts.placeholder(message.content, from_model=from_model)}
    if message.calls:
        turn["tool_calls"] = [
            {
                "id": _short(call.id),
                "type": "function",
                "function": {"name": texts.hidden(call.name), "arguments": _arguments(call.arguments, texts)},
            }
            for call in message.calls
        ]
    if message.role == "tool":
        turn |= {"tool_call_id": _short(message.call_id), "name": texts.hidden(names.get(message.call_id, ""))}
    return turn


def _arguments(arguments: str, texts: _Texts) -> object:
    try:
        return texts.hidden(json.loads(arguments or "{}"))
    except (ValueError, RecursionError):  # no JSON, or nested deeper than anything that a model writes
        return texts.placeholder(arguments)


def _short(call_id: str) -> str:
    return (
        call_id if _CALL_ID.fullmatch(call_id) else hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:9]
    )
