"""Calls every route of a server once and records what was sent and answered: the examples of the OpenAPI document.

A new route needs a line in `STEPS`. Values that differ between runs are replaced where a reader could stumble.
"""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from models.download.pull import PullCallbacks
from models.scripted import ScriptedEngine
from models.types import Fim, ModelSpec
from tests.backend.harness import World, running

ANSWER = ("`Cart.total` ", "sums up the prices [1].")
QUESTION = "What does Cart.total do?"
CODE = {
    "cart.py": (
        "class Cart:\n"
        '    """The things a customer wants to buy."""\n\n'
        "    def total(self, prices):\n"
        '        """Sums up what the cart costs."""\n'
        "        return sum(prices[item] for item in self.items)\n"
    ),
    "shop.py": "from cart import Cart\n\n\ndef checkout(cart: Cart, prices):\n    return Cart.total(cart, prices)\n",
}
ROOT = "/home/user/shop"  # instead of the folder of the test
OPTIONAL = {"notice"}  # fields that depend on the machine
LIST_ITEMS, TEXT_CHARS, METRIC_LINES = 2, 600, 6
# Method, path, parameters of path and query, body. `{name}` is the value of the last answer that had that field.
STEPS: tuple[tuple[str, str, dict[str, Any], Any], ...] = (
    ("POST", "/index", {}, {"path": "{root}", "wait": True}),
    ("GET", "/index/jobs/{job_id}", {"job_id": "{job_id}"}, None),
    ("GET", "/index/jobs", {"codebase": "{codebase}"}, None),
    ("DELETE", "/index/jobs/{job_id}", {"job_id": "{job_id}"}, None),
    ("GET", "/codebases", {}, None),
    ("GET", "/codebases/{codebase_id}/overview", {"codebase_id": "{codebase}"}, None),
    (
        "GET",
        "/codebases/{codebase_id}/file",
        {"codebase_id": "{codebase}", "path": "cart.py", "start": 4, "end": 6},
        None,
    ),
    ("GET", "/symbols", {"name": "Cart.total", "uses": True}, None),
    ("POST", "/search", {}, {"query": "sum of the prices", "k": 2}),
    ("POST", "/chat/preview", {}, {"query": QUESTION}),
    ("POST", "/chat/query", {}, {"query": "How is the sum of a cart computed?", "stream": True}),
    ("POST", "/chat/query", {}, {"query": QUESTION}),
    ("POST", "/chat/cancel", {}, {"session_id": "{session_id}"}),
    ("GET", "/chat/history", {"conversation_id": "{conversation_id}", "limit": 50}, None),
    ("GET", "/chat/context", {"conversation_id": "{conversation_id}"}, None),
    ("GET", "/chat/conversations", {"query": "cart", "limit": 20}, None),
    ("GET", "/chat/conversation/{conversation_id}", {"conversation_id": "{conversation_id}"}, None),
    ("GET", "/chat/conversation/{conversation_id}/citations", {"conversation_id": "{conversation_id}"}, None),
    ("PATCH", "/chat/conversation/{conversation_id}", {"conversation_id": "{conversation_id}"}, {"title": "The cart"}),
    ("GET", "/chat/sessions", {"limit": 20}, None),
    ("GET", "/chat/session/{session_id}", {"session_id": "{session_id}"}, None),
    ("GET", "/chat/session/{session_id}/conversations", {"session_id": "{session_id}"}, None),
    ("DELETE", "/chat/history", {"conversation_id": "{conversation_id}"}, None),
    ("POST", "/chat/session/clear", {}, {"session_id": "{session_id}"}),
    ("DELETE", "/chat/conversation/{conversation_id}", {"conversation_id": "{conversation_id}"}, None),
    ("GET", "/models", {}, None),
    ("GET", "/device", {}, None),
    ("POST", "/models/{name}/load", {"name": "extractive"}, {}),
    ("POST", "/models/{name}/pull", {"name": "qwen2.5-coder-0.5b"}, {}),
    ("GET", "/models/pulls", {}, None),
    ("DELETE", "/models/{name}/pull", {"name": "qwen2.5-coder-0.5b"}, None),
    ("GET", "/health", {}, None),
    ("GET", "/metrics", {}, None),
    ("GET", "/metrics/history", {"since": 3600}, None),
    ("GET", "/asyncapi.json", {}, None),
    ("POST", "/signin/codes", {}, {}),
    ("POST", "/signin", {}, {"code": "{code}"}),
    ("GET", "/v1/models", {}, None),
    ("GET", "/v1/models/{name}", {"name": "extractive"}, None),
    (
        "POST",
        "/v1/chat/completions",
        {},
        {"model": "extractive+repo", "messages": [{"role": "user", "content": QUESTION}], "stream": True},
    ),
    (
        "POST",
        "/v1/chat/completions",
        {},
        {"model": "extractive+repo", "messages": [{"role": "user", "content": QUESTION}]},
    ),
    ("POST", "/v1/completions", {}, {"model": "scripted", "prompt": "def add(a, b):", "max_tokens": 32}),
    ("POST", "/v1/responses", {}, {"model": "scripted", "input": QUESTION, "stream": True}),
    ("POST", "/v1/responses", {}, {"model": "scripted", "input": QUESTION}),
    ("POST", "/v1/embeddings", {}, {"input": ["sum of the prices"]}),
    ("GET", "/props", {}, None),
    ("POST", "/tokenize", {}, {"content": "sum of the prices"}),
    ("POST", "/detokenize", {}, {"tokens": [115, 117, 109]}),
    ("POST", "/apply-template", {}, {"messages": [{"role": "user", "content": QUESTION}]}),
    (
        "POST",
        "/infill",
        {},
        {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 16, "stream": True},
    ),
    ("POST", "/infill", {}, {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 16}),
    ("DELETE", "/codebases/{codebase_id}", {"codebase_id": "{codebase}"}, None),
)


@dataclass(slots=True)
class Recorder:
    """Calls routes one after the other and remembers the fields of the answers."""

    world: World
    root: Path
    fields: dict[str, str] = field(default_factory=dict)
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def call(self, method: str, path: str, parameters: dict[str, Any], body: Any) -> None:
        sent, sent_body = self._filled(parameters), self._filled(body)
        query = {name: value for name, value in sent.items() if f"{{{name}}}" not in path}
        answer = await self.world.http.request(method, path.format(**sent), params=query, json=sent_body)
        assert answer.status_code == 200, (method, path, answer.text)
        example = self.examples.setdefault(f"{method} {path}", {})
        if sent:
            example["parameters"] = self._shown(sent)
        if sent_body is not None:
            example["body"] = self._shown(sent_body)
        kind = answer.headers["content-type"].partition(";")[0]
        if kind == "application/json":
            self._remember(answer.json())
            example["answer"] = self._shown(_short(answer.json()))
        elif kind == "text/event-stream":
            example["stream"] = self._shown(answer.text)[:TEXT_CHARS]
        else:
            example["text"] = "\n".join(self._shown(answer.text).splitlines()[:METRIC_LINES]) + "\n"

    def _remember(self, answer: Any) -> None:
        for name, value in answer.items():
            if isinstance(value, str):
                self.fields[name] = value

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(part) for name, part in value.items()}
        is_field = isinstance(value, str) and re.fullmatch(r"\{\w+\}", value)
        return {"root": str(self.root), **self.fields}[value[1:-1]] if is_field else value

    def _shown(self, value: Any) -> Any:
        text = json.dumps(value)
        for secret, shown in ((str(self.root), ROOT), (self.world.token, "TOKEN")):
            text = text.replace(secret, shown)
        return json.loads(text)


def _short(value: Any, depth: int = 0) -> Any:
    """An answer without the rest of long lists and texts."""
    if isinstance(value, dict):
        limit = 8 if depth > 5 else len(value)
        return {name: _short(part, depth + 1) for name, part in list(value.items())[:limit]}
    if isinstance(value, list):
        return [_short(part, depth + 1) for part in value[:LIST_ITEMS]]
    return value[:TEXT_CHARS] if isinstance(value, str) else value


def _endless_pull(spec: ModelSpec, _: Path, callbacks: PullCallbacks) -> None:
    """A download that needs no network and lasts until it is paused."""
    while True:
        callbacks.on_progress(spec.size_bytes // 4, spec.size_bytes)
        time.sleep(0.01)


@asynccontextmanager
async def _shop(folder: Path) -> AsyncIterator[Recorder]:
    root = folder / "shop"
    root.mkdir()
    for name, text in CODE.items():
        (root / name).write_text(text)
    engine = ScriptedEngine(ANSWER)
    engine.fim = Fim("<PRE>", "<SUF>", "<MID>")
    with patch("backend.engines.downloads.pull", _endless_pull):
        async with running(folder / "data", engine) as world:
            yield Recorder(world, root.resolve())


async def record(folder: Path) -> dict[str, dict[str, Any]]:
    """Method and path -> what was sent and answered."""
    async with _shop(folder) as recorder:
        for step in STEPS:
            await recorder.call(*step)
    recorder.examples["GET /asyncapi.json"]["answer"] = {"asyncapi": "3.1.0"}
    return recorder.examples


def differences(today: Any, committed: Any, at: str = "") -> list[str]:
    """Where the names or types of two values differ. Nulls and empty lists say nothing.

    The first item stands for its list.
    """
    if today in (None, []) or committed in (None, []):
        return []
    if isinstance(today, dict) and isinstance(committed, dict):
        changed = [f"{at}.{name}" for name in (today.keys() ^ committed.keys()) - OPTIONAL]
        both = today.keys() & committed.keys()
        return changed + [line for name in both for line in differences(today[name], committed[name], f"{at}.{name}")]
    if isinstance(today, list) and isinstance(committed, list):
        return differences(today[0], committed[0], f"{at}[]")
    kinds = [int if isinstance(value, float) else type(value) for value in (committed, today)]
    return [] if kinds[0] is kinds[1] else [f"{at}: {kinds[0].__name__} -> {kinds[1].__name__}"]
