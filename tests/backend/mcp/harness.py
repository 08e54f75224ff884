"""The SDK's client of a running server's `/mcp`, in either era of the protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import CallToolResult, TextContent

from backend.mcp.workspace import WORKSPACE_HEADER, encode_workspace
from tests.backend.harness import World

ERAS = {"2026-07-28": "2026-07-28", "legacy": "2025-11-25"}  # mode of the client -> what it then speaks
CART = (
    "class Cart:\n    def total(self):\n        return sum(self.prices)\n\n\n"
    'def refund(cart):\n    """Pays back what a cart cost."""\n    return cart.total()\n'
)


@asynccontextmanager
async def connected(world: World, mode: str = "2026-07-28", folder: Path | None = None) -> AsyncIterator[Client]:
    """A client; `folder`: where it works, as the relay tells it."""
    headers = {"Authorization": f"Bearer {world.token}"}
    if folder is not None:
        headers[WORKSPACE_HEADER] = encode_workspace(folder)
    async with (
        create_mcp_http_client(headers=headers) as http,
        Client(streamable_http_client(f"{world.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


async def make_shop(world: World, folder: Path, name: str = "shop") -> Path:
    """An indexed codebase of one file."""
    root = folder / name
    root.mkdir()
    (root / "cart.py").write_text(CART)
    done = (await world.post("/index", {"path": str(root), "wait": True})).json()
    assert done["state"] == "done", done
    return root


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured answer of a tool that succeeds."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def failure(client: Client, tool: str, **arguments: Any) -> str:
    """The text of a tool that fails."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result
    return text_of(result)


def text_of(result: CallToolResult) -> str:
    """The one text of an answer."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text
