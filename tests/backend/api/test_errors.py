"""Whatever a client sends is answered in the documented shape, and the connection stays usable."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from backend.api.encoding import is_text, json_text
from backend.errors import CODES
from indexer.errors import IndexerError
from models.scripted import ScriptedEngine
from tests.backend.connections.harness import raw, request
from tests.backend.harness import World, running

HALF = "\\ud800"  # of a surrogate pair, in JSON
DEEP = "[" * 100_000 + "]" * 100_000
NESTED = '{"a":' * 900 + "1" + "}" * 900
DIGITS = "9" * 5000
# Path and body. `%s` stands for every value of VALUES.
BODIES = (
    ("/index", '{"path": %s}'),
    ("/index", '{"path": "/nowhere", "wait": %s}'),
    ("/search", '{"query": %s}'),
    ("/search", '{"query": "x", "codebase": %s}'),
    ("/search", '{"query": "x", "paths": [%s]}'),
    ("/search", '{"query": "x", "k": %s}'),
    ("/chat/query", '{"query": %s}'),
    ("/chat/query", '{"query": "x", "session_id": %s}'),
    ("/chat/query", '{"query": "x", "codebase": %s}'),
    ("/chat/query", '{"query": "x", "context": [{"path": %s}]}'),
    ("/chat/query", '{"query": "x", "context": [{"path": "a.py", "text": %s}]}'),
    ("/chat/query", '{"query": "x", "context": [{"path": "a.py", "range": [1, %s]}]}'),
    ("/chat/query", '{"query": "x", "model": %s}'),
    ("/chat/query", '{"query": "x", "max_tokens": %s}'),
    ("/chat/query", '{"query": "x", "temperature": %s}'),
    ("/chat/query", '{"query": "x", "first_token_s": %s}'),
    ("/chat/preview", '{"query": %s}'),
    ("/chat/cancel", '{"session_id": %s}'),
    ("/chat/session/clear", '{"session_id": %s}'),
    ("/v1/chat/completions", '{"messages": [{"role": "user", "content": %s}]}'),
    ("/v1/chat/completions", '{"messages": [{"role": "user", "tool_calls": [{"function": {"name": %s}}]}]}'),
    ("/v1/chat/completions", '{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": %s}}'),
    (
        "/v1/chat/completions",
        '{"messages": [{"role": "user", "content": "x"}], '
        '"response_format": {"type": "json_schema", "json_schema": {"schema": %s}}}',
    ),
    ("/v1/chat/completions", '{"messages": [{"role": "user", "content": "x"}], "tool_choice": %s}'),
    ("/v1/completions", '{"prompt": %s}'),
    ("/v1/completions", '{"prompt": "x", "model": %s}'),
    ("/v1/completions", '{"prompt": "x", "stop": %s}'),
    ("/v1/completions", '{"prompt": "x", "seed": %s}'),
    ("/v1/completions", '{"prompt": "x", "top_k": %s}'),
    ("/v1/completions", '{"prompt": "x", "top_p": %s}'),
    ("/v1/embeddings", '{"input": %s}'),
    ("/v1/embeddings", '{"input": "x", "dimensions": %s}'),
)
VALUES = (
    f'"{HALF}"', f'"a{HALF}b"', '"\\u0000"', '"\\u001b]0;x\\u0007"', "1e400", "-1e400", "NaN", "Infinity", DIGITS,
    "-1", "9223372036854775808", "1.5", "true", "[]", "{}", f'{{"{HALF}": 1}}', NESTED, '"/nowhere"', '""',
    '"x" : "y"', DEEP, "[" * 900 + "]" * 900,
)  # fmt: skip


@pytest.mark.process
@pytest.mark.parametrize(("path", "body"), BODIES)
async def test_no_body_is_a_failure_of_the_server(
    tmp_path: Path, path: str, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        for value in VALUES:
            content = (body % value).encode()
            lines = ("Content-Type: application/json", f"Content-Length: {len(content)}")
            await connection.send(request(world, path, *lines, method="POST", token=True) + content)
            status, answer = await connection.answer()  # always on the same connection
            if status >= 400:
                error = json.loads(answer)["error"]
                assert (status < 500 or error["code"] == "index_unavailable", value[:20]) == (True, value[:20]), error
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


PARAMS = {
    "session/open": ("session", "after", "workspace", "model"),
    "session/prompt": ("session", "conversation", "turn", "text", "context", "model", "max_tokens", "temperature"),
    "session/prefetch": ("session", "text"),
    "session/cancel": ("session", "turn"),
    "complete": ("prefix", "suffix", "path", "max_tokens"),
    "search": ("query", "codebase", "limit", "paths"),
    "initialize": ("client",),
}
NEEDED = {"session": '"s"', "turn": '"t"', "text": '"x"', "prefix": '"x"', "query": '"x"'}


@pytest.mark.process
@pytest.mark.parametrize("method", PARAMS)
async def test_no_frame_is_a_failure_of_the_server(
    tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        for field in PARAMS[method]:
            for number, value in enumerate(VALUES):
                given = {name: text for name, text in NEEDED.items() if name in PARAMS[method]} | {field: value}
                params = ", ".join(f'"{name}": {text}' for name, text in given.items())
                frame = f'{{"jsonrpc": "2.0", "id": {number}, "method": "{method}", "params": {{{params}}}}}'
                await socket.raw.send(frame)
                while "id" not in (answer := await socket.receive()):
                    pass
                code = answer.get("error", {}).get("data", {}).get("code", "parse")
                assert code != "internal", (field, value[:20], answer)
                assert code in CODES
        assert await socket.call("ping") == {}
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.process
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("path", ["/no/such/folder", "~nobody-has-this-name", __file__, "x" * 4000])
async def test_a_folder_that_cannot_be_indexed_is_no_failure_of_the_server(
    tmp_path: Path, wait: bool, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It was logged with a traceback before, and the connection was closed."""
    body = json.dumps({"path": path, "wait": wait}).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        for _ in range(2):
            await connection.send(request(world, "/index", *lines, method="POST", token=True) + body)
            status, answer = await connection.answer()
            assert (status, json.loads(answer)["error"]["code"]) == (422, "bad_params")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


class Unheard(IndexerError):
    """An error of the indexer that this package does not know by name."""


@pytest.mark.process
@pytest.mark.parametrize(
    ("failure", "status", "lines"), [(Unheard("no"), 503, 0), (OSError(28, "full"), 507, 0), (KeyError("x"), 500, 1)]
)
async def test_an_error_is_logged_once_if_it_is_not_expected(
    tmp_path: Path,
    failure: Exception,
    status: int,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing(*_: Any) -> Any:
        raise failure

    def break_(world: World) -> None:
        monkeypatch.setattr(world.services.jobs, "start", failing)

    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        break_(world)
        for _ in range(2):
            head = request(
                world, "/index", "Content-Type: application/json", "Content-Length: 13", method="POST", token=True
            )
            await connection.send(head + b'{"path": "x"}')
            assert (await connection.answer())[0] == status
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 2 * lines


@pytest.mark.parametrize(
    ("value", "is_fine"),
    [("é🙂", True), ({"a": ["\ud800"]}, False), ({"\udfff": 1}, False), ([[["x"], 1, None]], True), (None, True)],
)
def test_texts_that_cannot_be_encoded_are_found_at_any_depth(value: Any, is_fine: bool) -> None:
    assert is_text(value) is is_fine


def test_json_can_always_be_encoded() -> None:
    assert json_text({"a\udc80.py": "é🙂\ud800"}) == '{"a?.py":"é🙂?"}'
