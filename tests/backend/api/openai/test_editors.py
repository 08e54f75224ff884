"""What editors send to an OpenAI address, and what of it reaches the model: nothing is added.

The bodies are as the sources of Continue, Zed and Copilot Chat (VS Code, with a model of one's own) build them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from models.scripted import ScriptedEngine
from models.types import Sampling
from tests.backend.api.openai.harness import stream_data, with_tools

pytestmark = pytest.mark.process

TEXTS = ("Fix ", "expiry")
TOOL = {
    "type": "function",
    "function": {"name": "read_file", "description": "Reads a file.", "parameters": {"type": "object"}},
}


@dataclass(frozen=True)
class Sent:
    """A request of an editor; the prompt in the format of Phi-3 and the sampling that the model has to see."""

    name: str
    body: dict[str, Any]
    prompt: str
    sampling: Sampling
    path: str = "chat/completions"
    usage: bool = field(default=False)


def system(text: str) -> str:
    return f"<|system|>\n{text}<|end|>\n"


def user(text: str) -> str:
    return f"<|user|>\n{text}<|end|>\n"


def answer(text: str) -> str:
    return f"<|assistant|>\n{text}<|end|>\n"


def call(arguments: str) -> str:
    return f"<tool_call>read_file {arguments}</tool_call>"


def result(text: str) -> str:
    return f"<|tool|>\n{text}<|end|>\n"


OPEN = "<|assistant|>\n"
TOOLS = (
    '<|tool|>{"name": "read_file", "description": "Reads a file.", "parameters": {"type": "object"}}'
    " Write <tool_call>...</tool_call>.\n"
)

SENT = [
    Sent(
        "continue: chat",
        {
            "messages": [
                {"role": "system", "content": "You help with code."},
                {"role": "user", "content": "```a.py\nx = 1\n```\nWhat is x?"},
                {"role": "assistant", "content": "One."},
                {"role": "user", "content": "Sure?"},
            ],
            "model": "scripted",
            "max_tokens": 4096,
            "temperature": 0.5,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        system("You help with code.") + user("```a.py\nx = 1\n```\nWhat is x?") + answer("One.") + user("Sure?") + OPEN,
        Sampling(max_tokens=4096, temperature=0.5),
        usage=True,
    ),
    Sent(
        "continue: agent with tools, an empty answer as a blank, and a result",
        {
            "messages": [
                {"role": "system", "content": "Use tools."},
                {"role": "user", "content": "Read a.py"},
                {
                    "role": "assistant",
                    "content": " ",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"p":"a.py"}'}}
                    ],
                },
                {"role": "tool", "content": "x = 1", "tool_call_id": "c1"},
            ],
            "model": "scripted",
            "stream": True,
            "tools": [TOOL],
            "parallel_tool_calls": False,
            "stream_options": {"include_usage": True},
        },
        TOOLS + system("Use tools.") + user("Read a.py") + answer(call('{"p": "a.py"}')) + result("x = 1") + OPEN,
        Sampling(stop=("</tool_call>",)),  # one call
        usage=True,
    ),
    Sent(
        "continue: title of a chat",
        {
            "messages": [{"role": "user", "content": "Summarise in a few words:\n\nWhy do sessions expire?"}],
            "model": "scripted",
            "max_tokens": 12,
            "stream": False,
        },
        user("Summarise in a few words:\n\nWhy do sessions expire?") + OPEN,
        Sampling(max_tokens=12),
    ),
    Sent(
        "continue: completion, rendered by the editor",
        {
            "model": "scripted",
            "prompt": "<fim_prefix>def f(<fim_suffix>):\n    pass<fim_middle>",
            "max_tokens": 256,
            "temperature": 0.01,
            "stop": ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "\n\n", "<|endoftext|>", "/src/", "```"],
            "stream": True,
        },
        "<fim_prefix>def f(<fim_suffix>):\n    pass<fim_middle>",
        Sampling(
            max_tokens=256,
            temperature=0.01,
            stop=("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "\n\n", "<|endoftext|>", "/src/", "```"),
        ),
        "completions",
    ),
    Sent(
        "zed: agent panel",
        {
            "model": "scripted",
            "messages": [
                {"role": "system", "content": "You are in an editor."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Look:"}, {"type": "text", "text": "fn main() {}"}],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "t", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
                    ],
                },
                {"role": "tool", "content": [{"type": "text", "text": "empty"}], "tool_call_id": "t"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": 32_000,
            "temperature": 1.0,
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "prompt_cache_key": "thread-1",
            "tools": [TOOL],
        },
        TOOLS
        + system("You are in an editor.")
        + user("Look:\nfn main() {}")
        + answer(call("{}"))
        + result("empty")
        + OPEN,
        Sampling(max_tokens=32_000, temperature=1.0),
        usage=True,
    ),
    Sent(
        "zed: commit message",
        {
            "model": "scripted",
            "messages": [{"role": "user", "content": "Write a commit message.\n\n-x = 1\n+x = 2"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 1.0,
        },
        user("Write a commit message.\n\n-x = 1\n+x = 2") + OPEN,
        Sampling(temperature=1.0),
        usage=True,
    ),
    Sent(
        "zed: title of a thread, requested after it",
        {
            "model": "scripted",
            "messages": [
                {"role": "user", "content": "Why?"},
                {"role": "assistant", "content": "Because."},
                {"role": "user", "content": "Name this conversation."},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 1.0,
        },
        user("Why?") + answer("Because.") + user("Name this conversation.") + OPEN,
        Sampling(temperature=1.0),
        usage=True,
    ),
    Sent(
        "zed: edit prediction, rendered by the editor",
        {
            "model": "scripted",
            "prompt": "<|fim_prefix|>let a = <|fim_suffix|>;<|fim_middle|>",
            "max_tokens": 64,
            "stop": ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
        },
        "<|fim_prefix|>let a = <|fim_suffix|>;<|fim_middle|>",
        Sampling(max_tokens=64, stop=("<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")),
        "completions",
    ),
    Sent(
        "vs code: chat, which leaves the limit to the server",
        {
            "messages": [
                {"role": "system", "content": "Follow the user's words."},
                {"role": "user", "content": [{"type": "text", "text": "What is expiry?", "cache_control": None}]},
            ],
            "model": "scripted",
            "temperature": 0.1,
            "top_p": 1,
            "n": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
            "tools": [TOOL],
            "tool_choice": "auto",
        },
        TOOLS + system("Follow the user's words.") + user("What is expiry?") + OPEN,
        Sampling(temperature=0.1, top_p=1),
        usage=True,
    ),
    Sent(
        "vs code: title, from a model that is declared to think",
        {
            "messages": [
                {"role": "system", "content": "You name chats."},
                {"role": "user", "content": "Name: Why do sessions expire?"},
            ],
            "model": "scripted",
            "max_completion_tokens": 256,
            "top_p": 1,
            "n": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        system("You name chats.") + user("Name: Why do sessions expire?") + OPEN,
        Sampling(max_tokens=256, top_p=1),
        usage=True,
    ),
]


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.name)
async def test_the_model_reads_what_the_editor_sent_and_nothing_else(tmp_path: Path, sent: Sent) -> None:
    engine = ScriptedEngine(TEXTS)
    async with with_tools(tmp_path, engine) as world:
        response = await world.post(f"/v1/{sent.path}", sent.body)
        sessions = (await world.get("/chat/sessions")).json()["total_count"]
    assert response.status_code == 200, response.text
    [prompt] = engine.prompts
    assert prompt.text == sent.prompt
    assert engine.samplings == [sent.sampling]
    assert (prompt.snippets, sessions) == ((), 0)  # nothing retrieved, nothing kept
    assert text_of(response.text, streamed=sent.body.get("stream", False)) == "Fix expiry"
    assert ('"usage"' in response.text) == (sent.usage or not sent.body.get("stream"))


def text_of(response: str, *, streamed: bool) -> str:
    """As an editor reads it: the deltas' contents or texts, up to `[DONE]`."""
    events = stream_data(response) if streamed else stream_data(f"data: {response}")
    if streamed:
        assert events.pop() == "[DONE]"
    choices = [choice for event in events for choice in event["choices"]]
    return "".join(
        choice["text"] if "text" in choice else (choice.get("delta") or choice.get("message") or {}).get("content", "")
        for choice in choices
    )
