"""The relay between a client's lines and the messages of a server: a double answers here."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.cli.editors.mcp_relay import ROOTS_ID, VERSION_KEY, McpRelay, request_headers, root_paths
from backend.cli.editors.mcp_server import McpServerConnection, ServerGone
from backend.cli.errors import CommandFailed
from backend.mcp.workspace import WORKSPACE_HEADER, decode_workspace

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {"roots": {}}}


class Server(McpServerConnection):
    """Answers each request with its method, after `go_on` if the method is "slow"."""

    def __init__(self) -> None:
        self.headers: list[Mapping[str, str]] = []
        self.go_on, self.is_slow = asyncio.Event(), asyncio.Event()
        self.cancelled: list[int] = []

    async def post(self, body: bytes, headers: Mapping[str, str]) -> AsyncGenerator[str, None]:
        message = json.loads(body)
        self.headers.append(headers)
        if message["method"] == "gone":
            raise ServerGone("the server stopped")
        if message["method"] == "refused":
            raise CommandFailed("the token is wrong")
        if message["method"] == "slow":
            self.is_slow.set()
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled.append(message["id"])
                raise
        if "id" in message:
            result = {"protocolVersion": "2025-11-25"} if message["method"] == "initialize" else {}
            yield json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})


def line(method: str, id_: Any = None, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if id_ is None else {"id": id_})
    return json.dumps(message).encode()


def relay_of(server: Server, path: Path | None = None) -> tuple[McpRelay, list[dict[str, Any]]]:
    written: list[dict[str, Any]] = []
    return McpRelay(server, lambda text: written.append(json.loads(text)), path), written


async def test_answers_come_as_they_are_ready() -> None:
    server = Server()
    relay, written = relay_of(server)
    relay.take(line("slow", "a"))
    relay.take(line("tools/list", "b"))
    await server.is_slow.wait()
    server.go_on.set()
    await relay.finish(10)
    assert sorted(message["id"] for message in written) == ["a", "b"]


async def test_a_cancelled_request_is_closed_and_not_answered() -> None:
    server = Server()
    relay, written = relay_of(server)
    relay.take(line("slow", 7))
    await server.is_slow.wait()
    relay.take(line("notifications/cancelled", requestId=8))
    relay.take(line("notifications/cancelled", requestId=7))
    await relay.finish(10)
    assert (server.cancelled, written) == ([7], [])


async def test_what_still_runs_at_the_end_is_cancelled() -> None:
    server = Server()
    relay, written = relay_of(server)
    relay.take(line("slow", 7))
    await server.is_slow.wait()
    await relay.finish(0)
    assert (server.cancelled, written) == ([7], [])


async def test_errors_are_answers() -> None:
    relay, written = relay_of(Server())
    for text in (b"{", b"[]", line("gone", 1), line("refused", 2), line("gone")):
        relay.take(text)
    await relay.finish(10)
    assert {message["id"]: (message["error"]["code"], message["error"]["message"]) for message in written[2:]} == {
        1: (-32603, "the server stopped"),
        2: (-32603, "the token is wrong"),
    }
    assert [message["error"]["code"] for message in written[:2]] == [-32700, -32600]


async def test_an_id_is_used_once_at_a_time() -> None:
    server = Server()
    relay, written = relay_of(server)
    relay.take(line("slow", 7))
    relay.take(line("tools/list", 7))
    assert written[0]["error"]["message"] == "a request with this id is running"
    server.go_on.set()
    await relay.finish(10)
    assert written[1]["result"] == {}


async def test_the_first_root_is_the_folder_unless_the_current_one_is_in_a_root(tmp_path: Path) -> None:
    for roots, folder in (
        ([tmp_path, tmp_path / "b"], tmp_path),
        ([tmp_path, Path.cwd()], Path.cwd()),
        ([], Path.cwd()),
    ):
        server = Server()
        relay, written = relay_of(server)
        relay.take(line("initialize", 1, **INITIALIZE))
        await relay.finish(10)
        relay.take(line("notifications/initialized"))
        assert (written[-1]["id"], written[-1]["method"]) == (ROOTS_ID, "roots/list")
        relay.take(line("tools/call", 2, name="index"))  # waits for the roots
        answer = {"roots": [{"uri": root.as_uri()} for root in roots]}
        relay.take(json.dumps({"jsonrpc": "2.0", "id": ROOTS_ID, "result": answer}).encode())
        await relay.finish(10)
        assert decode_workspace(server.headers[-1][WORKSPACE_HEADER]) == folder
        assert server.headers[-1]["MCP-Protocol-Version"] == "2025-11-25"


async def test_a_given_folder_is_the_folder(tmp_path: Path) -> None:
    server = Server()
    relay, written = relay_of(server, tmp_path)
    relay.take(line("initialize", 1, **INITIALIZE))
    await relay.finish(10)
    relay.take(line("notifications/initialized"))
    await relay.finish(10)
    assert len(written) == 1
    assert decode_workspace(server.headers[-1][WORKSPACE_HEADER]) == tmp_path


async def test_a_folder_that_is_deleted_meanwhile_stays_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    server = Server()
    relay, written = relay_of(server)
    (tmp_path / "gone").rmdir()
    relay.take(line("initialize", 1, **INITIALIZE))
    await relay.finish(10)
    relay.take(line("notifications/initialized"))
    relay.take(json.dumps({"id": ROOTS_ID, "result": {"roots": [{"uri": tmp_path.as_uri()}]}}).encode())
    relay.take(line("tools/call", 2, name="index"))
    await relay.finish(10)
    assert written[-1]["id"] == 2
    assert decode_workspace(server.headers[-1][WORKSPACE_HEADER]) == tmp_path / "gone"


def test_the_headers_of_the_stateless_protocol() -> None:
    def headers(method: str, **params: Any) -> dict[str, str]:
        meta = {"_meta": {VERSION_KEY: "2026-07-28"}}
        found = request_headers({"method": method, "params": params | meta}, "2025-11-25")
        assert found.pop("Accept") == "application/json, text/event-stream"
        assert found.pop("MCP-Protocol-Version") == "2026-07-28"
        return found

    assert headers("tools/list") == {"Mcp-Method": "tools/list"}
    assert headers("tools/call", name="ask") == {"Mcp-Method": "tools/call", "Mcp-Name": "ask"}
    assert headers("tools/call", name="ä\n") == {"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?w6QK?="}
    assert headers("resources/read", uri=5) == {"Mcp-Method": "resources/read"}


@pytest.mark.parametrize("params", [None, [], {"_meta": None}, {"_meta": {VERSION_KEY: 1}}])
def test_the_headers_of_the_former_protocol(params: Any) -> None:
    assert request_headers({"method": "x", "params": params}, "2025-11-25")["MCP-Protocol-Version"] == "2025-11-25"
    assert "MCP-Protocol-Version" not in request_headers({"method": "initialize", "params": params}, "2025-11-25")
    assert "MCP-Protocol-Version" not in request_headers({"method": "x", "params": params}, "")


def test_roots_are_folders_of_this_machine() -> None:
    roots = [
        {"uri": "file:///a%20b"},
        {"uri": "file://[x"},
        {"uri": "https://x/y"},
        {"uri": "file://other/c"},
        {"uri": 1},
        "x",
        {},
    ]
    assert root_paths(roots) == [Path("/a b")]
    assert root_paths(None) == root_paths({}) == []
