"""The name of a model that a client sends, on every face: no control character of it reaches an answer or the log."""

import logging
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.backend.harness import running

pytestmark = pytest.mark.process

NAMES = {
    "terminal": "a\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\x00b",
    "lines": "a\r\nERROR backend.server: forged\n\u2028\u2029\x85\x0bb",
    "direction": "a\u202ebad\u2066\u2069\u200f\u061c\ufeffb",
    "path": "../\x1b[31m\u202e/m.gguf",
}
CHAT = [{"role": "user", "content": "?"}]


def hidden(text: str) -> list[str]:
    """The characters of a text that a terminal or an editor acts upon instead of showing them."""
    return [char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_a_hostile_name_of_a_model_is_escaped_in_answers_and_in_the_log(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="backend")
    async with running(tmp_path) as world:
        async with world.socket() as socket:
            session = (await socket.call("session/open", model=name))["session"]
            prompt = {"session": session, "turn": "t", "text": "?"}
            errors = [
                (await socket.answer("session/prompt", **prompt, **own))["error"] for own in ({}, {"model": name})
            ]
            again = await socket.call("session/open", session=session, model="extractive")
        replies = [
            await world.post("/chat/query", {"query": "?", "model": name}),
            await world.post("/chat/query", {"query": "?", "model": name, "stream": True}),
            await world.post("/chat/preview", {"query": "?", "model": name}),
            await world.post("/v1/chat/completions", {"messages": CHAT, "model": name}),
            await world.post("/v1/chat/completions", {"messages": CHAT, "model": f"{name}+repo", "stream": True}),
            await world.post("/v1/completions", {"prompt": "?", "model": name}),
            await world.get(f"/v1/models/{quote(name, safe='')}"),
        ]
        codes = {reply.json()["error"]["code"] for reply in replies}
        messages = [error["message"] for error in errors] + [reply.json()["error"]["message"] for reply in replies]
    assert again["session"] == session
    assert {error["data"]["code"] for error in errors} == {"model_unavailable"}
    assert codes <= {"model_unavailable", "model_not_found", "not_found"}
    assert [message for message in messages if hidden(message)] == []
    assert [reply.text for reply in replies if hidden(reply.text)] == []
    assert all("\\" in message for message in messages)  # it is quoted, escaped
    assert [line for line in caplog.messages if hidden(line)] == []
    assert any("is not loaded ahead" in line for line in caplog.messages)
