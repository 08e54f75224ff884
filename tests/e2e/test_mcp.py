"""`lantern mcp` as an agent starts it: the SDK's client over stdio, with and without a running server."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.backend.mcp.harness import CART, ERAS, call, failure, text_of
from tests.e2e.harness import LANTERN, TIMEOUT_S, environment, lantern, serving

pytestmark = pytest.mark.process

SETTINGS = {"EMBEDDING_MODEL": "none", "MODEL_NAME": "extractive"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "cart.py").write_text(CART)
    return root


@asynccontextmanager
async def agent(data: Path, folder: Path, mode: str = "2026-07-28") -> AsyncIterator[Client]:
    """A client that has started `lantern mcp` in a folder."""
    command = StdioServerParameters(command=LANTERN[0], args=["mcp"], env=environment(data, **SETTINGS), cwd=folder)
    async with asyncio.timeout(TIMEOUT_S), Client(stdio_client(command), mode=mode) as client:
        yield client


@pytest.mark.parametrize("mode", ERAS)
async def test_an_agent_in_a_folder_without_an_index(tmp_path: Path, shop: Path, mode: str) -> None:
    seen: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with agent(tmp_path / "data", shop, mode) as client:
        assert client.protocol_version == ERAS[mode]
        assert len((await client.list_tools()).tools) == 5
        refused = await failure(client, "search_code", query="refund")
        made = await client.call_tool("index", {}, progress_callback=on_progress)
        found = await call(client, "search_code", query="refund")
        symbol = await call(client, "find_symbol", name="refund")
        lines = await call(client, "read_code", path="cart.py", end=1)
        answer = await client.call_tool("ask", {"question": "What does refund do?"})
        (shop / "late.py").write_text("def added_later(): ...\n")
        while not (await call(client, "find_symbol", name="added_later"))["definitions"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # its server follows the codebase
    assert f"{shop} is not indexed: call `index`" in refused
    assert "index ready" in text_of(made)
    assert seen
    assert found["hits"][0]["path"] == "cart.py"
    assert symbol["definitions"][0]["start"] == 6
    assert lines["text"] == "class Cart:"
    assert "Pays back what a cart cost" in text_of(answer)


async def test_a_running_server_is_used_and_found_again(tmp_path: Path, shop: Path) -> None:
    data = tmp_path / "data"
    with serving(data, **SETTINGS) as first:
        async with agent(data, shop) as client:
            await call(client, "index")
            listed = first.get("/codebases")
            first.process.kill()
            first.process.wait(TIMEOUT_S)
            alone = await call(client, "index")  # now its own process serves
        assert [codebase["root"] for codebase in listed["codebases"]] == [str(shop)]
        assert alone["index"]["state"] == "ready"


async def test_a_wrong_token_is_an_error_that_says_so(tmp_path: Path, shop: Path) -> None:
    data = tmp_path / "data"
    with serving(data, **SETTINGS):
        (data / "token").write_text("x" * 64)
        done = lantern(data, "mcp", stdin=line("tools/list", 1), **SETTINGS)
    (answer,) = (json.loads(text) for text in done.stdout.splitlines())
    assert (done.returncode, answer["id"]) == (0, 1)
    assert "`lantern token` prints it" in answer["error"]["message"]


def test_lines_of_a_pipe_are_answered_before_the_end(tmp_path: Path) -> None:
    words = line(
        "initialize", 1, protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "t", "version": "1"}
    )
    done = lantern(tmp_path, "mcp", stdin=words + "{\n" + line("nope", 2), **SETTINGS)
    answers = {message["id"]: message for message in map(json.loads, done.stdout.splitlines())}
    assert (done.returncode, set(answers)) == (0, {None, 1, 2})
    assert answers[1]["result"]["serverInfo"]["name"] == "lantern"
    assert answers[2]["error"]["code"] == -32601


def test_it_ends_with_its_client(tmp_path: Path) -> None:
    variables = environment(tmp_path, **SETTINGS)
    pipe = subprocess.PIPE
    with subprocess.Popen([*LANTERN, "mcp"], env=variables, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line("ping", 1))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0


def line(method: str, id_: int, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}) + "\n"
