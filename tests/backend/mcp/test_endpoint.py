"""`/mcp` behind the guard: who may post, what is no POST, both eras, and an end with the server."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, World, running
from tests.backend.mcp.harness import connected, failure, make_shop

pytestmark = pytest.mark.process

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


async def status_of(world: World, method: str = "POST", **headers: str) -> int:
    body: dict[str, Any] = {"json": INITIALIZE} if method == "POST" else {}
    reply = await world.http.request(method, "/mcp", headers=ACCEPT | headers, **body)
    return reply.status_code


async def test_the_guard_is_before_it(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        assert await status_of(world) == 200
        assert await status_of(world, Authorization="Bearer wrong") == 401
        assert await status_of(world, Origin="http://evil.example") == 403
        assert await status_of(world, Host="evil.example") == 421
        large = await world.http.post(
            "/mcp", content=b" " * (1 << 20) + b"{}", headers=ACCEPT | {"Content-Type": "application/json"}
        )
        assert large.status_code == 413


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_only_a_post_is_answered(tmp_path: Path, method: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        reply = await world.http.request(method, "/mcp", headers=ACCEPT | {"Content-Type": "application/json"})
        assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
        assert reply.json()["error"]["code"] == "invalid"
        assert world.services.turns.load == 0


async def test_spaces_around_the_value_of_a_header_are_no_part_of_it(tmp_path: Path) -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    content = json.dumps(body)
    async with running(tmp_path, ScriptedEngine()) as world:
        for method, status in (("  tools/list  ", b"200"), ("tools/call", b"400")):
            host = world.url.removeprefix("http://")
            reader, writer = await asyncio.open_connection(*host.split(":"))
            head = (
                f"POST /mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {world.token}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nAccept: {ACCEPT['Accept']}\r\nContent-Length: {len(content)}\r\n"
                f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n\r\n"
            )
            writer.write((head + content).encode())
            answer = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            await writer.wait_closed()
            assert answer.split(b" ")[1] == status, answer


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_both_eras_of_the_protocol(tmp_path: Path, mode: str, version: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, connected(world, mode) as client:
        assert client.protocol_version == version
        assert client.server_info is not None
        assert client.server_info.name == "lantern"
        assert client.instructions is not None
        assert "search_code" in client.instructions


async def test_many_first_requests_share_one_manager(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        assert set(await asyncio.gather(*(status_of(world) for _ in range(8)))) == {200}


async def test_a_server_that_closes_ends_a_running_tool_with_an_error(tmp_path: Path) -> None:
    engine = ScriptedEngine(("It ", "works."), stall_after=1)
    engine.go_on = gate = Gate()
    async with running(tmp_path, engine) as world:
        await make_shop(world, tmp_path)
        async with connected(world) as client:
            asking = asyncio.create_task(failure(client, "ask", question="What does refund do?"))
            async with asyncio.timeout(30):
                await gate.is_reached.wait()
            world.leave.set()
            assert await asking in (
                "interrupted: the server is closing: ask again when it has started",
                "interrupted: the server stopped before the answer was complete",
            )


def test_the_sdk_is_not_loaded_before_the_first_request() -> None:
    code = "import sys, backend.server; print('mcp' in sys.modules, 'backend.mcp.server' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
