"""Each tool through the SDK's client: the same as REST, in the size of a tool, with progress and cancel."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.chat.turn_result import TurnResult
from backend.mcp import tools
from backend.mcp.results import CodeHit
from backend.mcp.tools import answered, fit, outlined
from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, World, running
from tests.backend.mcp.harness import ERAS, call, connected, failure, make_shop, text_of

pytestmark = pytest.mark.process

READY = {"state": "ready", "generation": 1, "stale_files": 0, "eta_s": None}


@pytest.mark.parametrize("mode", ERAS)
async def test_a_search_finds_what_rest_finds(tmp_path: Path, mode: str) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world:
        await make_shop(world, tmp_path)
        rest = (await world.post("/search", {"query": "pay back a cart", "k": 8})).json()
        async with connected(world, mode) as client:
            found = await call(client, "search_code", query="pay back a cart")
            outline = await call(client, "search_code", query="pay back a cart", detail="outline")
            shown = text_of(await client.call_tool("search_code", {"query": "pay back a cart"}))
    assert [(hit["path"], hit["start"], hit["end"], hit["text"]) for hit in found["hits"]] == [
        (hit["path"], hit["start_line"], hit["end_line"], hit["text"]) for hit in rest["hits"]
    ]
    assert (found["found"], found["more"], found["index"]) == (rest["found"], False, READY)
    assert outline["hits"][0]["text"] == "def refund(cart):"
    assert f"\ncart.py:1-8 refund\n{rest['hits'][0]['text']}" in shown


async def test_a_search_says_that_a_file_has_changed(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine(), watch=False) as world, connected(world) as client:
        root = await make_shop(world, tmp_path)
        (root / "other.py").write_text("def other(): ...\n")
        await world.post("/index", {"path": str(root), "wait": True})
        (root / "other.py").write_text("def renamed(): ...\n")
        assert (await call(client, "search_code", query="refund", limit=1))["index"]["stale_files"] == 1
        assert "1 file changed since" in text_of(await client.call_tool("index", {}))
        assert (await call(client, "index", refresh=True))["index"]["stale_files"] == 0


async def test_a_search_has_at_most_so_many_characters(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world) as client:
        root = await make_shop(world, tmp_path)
        body = "".join(f"    value_{n} = refund(cart)\n" for n in range(40))
        (root / "large.py").write_text(f"def refund_all(cart):\n{body}")
        await call(client, "index", refresh=True)
        found = await call(client, "search_code", query="refund", max_chars=400)
    assert found["more"] is True
    assert sum(len(hit["text"]) for hit in found["hits"]) < 400 + 40 * len(found["hits"])
    assert any("more lines: use read_code" in hit["text"] for hit in found["hits"])


@pytest.mark.parametrize("mode", ERAS)
async def test_symbols_and_lines(tmp_path: Path, mode: str) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world:
        root = await make_shop(world, tmp_path)
        rest = (await world.get("/symbols", name="total", uses=True)).json()
        async with connected(world, mode) as client:
            found = await call(client, "find_symbol", name="Cart.total", uses=True)
            lines = await call(client, "read_code", path="cart.py", start=6, end=8)
            absolute = await call(client, "read_code", path=str(root / "cart.py"), start=6, end=8)
    assert found["definitions"] == [{"path": "cart.py", "start": 2, "end": 3, "symbol": "Cart.total", "kind": "method"}]
    assert found["uses"] == [{"path": "cart.py", "line": 8, "text": "return cart.total()"}] == rest["uses"]
    assert (lines["text"].splitlines()[0], lines["lines"]) == ("def refund(cart):", 8)
    assert absolute == lines


async def test_secrets_are_masked_and_nothing_outside_is_read(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    (tmp_path / "outside.py").write_text("x = 1\n")
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world) as client:
        root = await make_shop(world, tmp_path)
        (root / "keys.py").write_text(f'TOKEN = "{secret}"\n')
        (root / "link.py").symlink_to(tmp_path / "outside.py")
        await call(client, "index", refresh=True)
        lines = await call(client, "read_code", path="keys.py")
        for path in ("../outside.py", "link.py", str(tmp_path / "outside.py"), "nope.py"):
            assert "is no file of the index of" in await failure(client, "read_code", path=path)
    assert secret not in lines["text"]
    assert lines["text"].startswith("TOKEN = ")


@pytest.mark.parametrize("mode", ERAS)
async def test_an_index_is_made_with_progress(tmp_path: Path, mode: str) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "cart.py").write_text("def refund(): ...\n")
    seen: list[tuple[float, float | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total))

    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world, mode) as client:
        assert "nothing is indexed: call `index`" in await failure(client, "search_code", query="refund")
        made = await client.call_tool("index", {"codebase": str(root)}, progress_callback=on_progress)
    assert made.structured_content is not None
    assert made.structured_content["index"]["state"] == "ready"
    assert (made.structured_content["files"], made.structured_content["root"]) == (1, str(root))
    assert seen
    assert all(total == 1 for _, total in seen)


async def test_an_index_that_takes_long_answers_before_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "WAIT_S", 0.0)
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world) as client:
        root = await make_shop(world, tmp_path)
        begun = await call(client, "index", refresh=True)
        monkeypatch.setattr(tools, "WAIT_S", 30.0)
        ended = await call(client, "index", codebase=str(root))
    assert begun["index"]["state"] == "indexing"
    assert ended["index"]["state"] == "ready"


@pytest.mark.parametrize("mode", ERAS)
async def test_an_answer_is_that_of_rest(tmp_path: Path, mode: str) -> None:
    seen: list[str | None] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message)

    question = "What does refund do?"
    async with running(tmp_path / "data", ScriptedEngine(("It pays ", "back [1]."))) as world:
        await make_shop(world, tmp_path)
        rest = (await world.post("/chat/query", {"query": question})).json()
        async with connected(world, mode) as client:
            result = await client.call_tool("ask", {"question": question}, progress_callback=on_progress)
    answer = result.structured_content
    assert answer is not None
    assert (answer["answer"], answer["model"]) == (rest["response"], rest["model_name"])
    assert answer["grounding"] == rest["grounding"]
    assert [(item["path"], item["start"], item["end"]) for item in answer["sources"]] == [
        (item["path"], item["start"], item["end"]) for item in rest["sources"]
    ]
    assert {item["status"] for item in answer["sources"]} == {"ok", "unused"}
    assert seen
    assert text_of(result).startswith(f"{rest['response']}\n\nSources:\ncart.py:")


async def test_a_client_that_cancels_stops_the_turn(tmp_path: Path) -> None:
    engine = ScriptedEngine(("It ", "works."), stall_after=1)
    engine.go_on = gate = Gate()
    async with running(tmp_path / "data", engine) as world, connected(world) as client:
        await make_shop(world, tmp_path)
        asking = asyncio.create_task(client.call_tool("ask", {"question": "What does refund do?"}))
        async with asyncio.timeout(30):
            await gate.is_reached.wait()
            asking.cancel()
            await has_ended(world)
        assert world.services.metrics.turns == {"cancelled": 1}
        assert engine.idle


async def test_a_connection_that_is_closed_stops_the_turn_in_the_former_protocol(tmp_path: Path) -> None:
    engine = ScriptedEngine(("It ", "works."), stall_after=1)
    engine.go_on = gate = Gate()
    params = {"name": "ask", "arguments": {"question": "What does refund do?"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    async with running(tmp_path / "data", engine) as world:
        await make_shop(world, tmp_path)
        async with asyncio.timeout(30):
            async with world.http.stream("POST", "/mcp", json=body, headers=headers) as reply:
                assert reply.status_code == 200
                await gate.is_reached.wait()
            await has_ended(world)
        assert world.services.metrics.turns == {"cancelled": 1}


async def has_ended(world: World) -> None:
    """Returns when no turn runs."""
    while world.services.turns.load:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.01)


async def test_errors_say_what_to_do(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine(fail_after=0)) as world, connected(world) as client:
        await make_shop(world, tmp_path)
        assert await failure(client, "ask", question="What?") == "engine_failed: the script says: fail here"
        assert "no model is called 'nope'" in await failure(client, "ask", question="What?", model="nope")
        assert await failure(client, "search_code", query=" ") == "bad_params: the query is empty"
        bad = await failure(client, "search_code", limit=51)
        assert bad == "bad_params: query: Field required; limit: Input should be less than or equal to 50"
        assert "'cart.py' has 8 lines" in await failure(client, "read_code", path="cart.py", start=9)
        assert "there is no folder" in await failure(client, "index", codebase="/nowhere/at all")


def hit(text: str, symbol: str = "") -> CodeHit:
    return CodeHit(path="a.py", start=1, end=2, symbol=symbol, score=1.0, fresh=True, text=text)


def test_code_is_cut_at_lines() -> None:
    shown = fit([hit("one"), hit("two\nthree\nfour"), hit("five")], 10)
    assert [item.text for item in shown] == [
        "one",
        "two\n... 2 more lines: use read_code",
        "... 1 more lines: use read_code",
    ]
    assert fit([hit("a\nb")], 3) == [hit("a\nb")]


def test_an_outline_is_the_line_of_the_definition() -> None:
    text = '@cached\n"""Of size."""\n\ndef other(): ...\n  def size(self):\n    return 1'
    assert outlined(hit(text, "Box.size")).text == "def size(self):"
    assert outlined(hit(text, "Box.missing")).text == "@cached"
    assert outlined(hit("\n", "x")).text == ""
    call = "  await self.send()\n\nasync def send(self):"  # a hit may begin before the definition of its symbol
    assert outlined(hit(call, "Box.send")).text == "async def send(self):"
    assert outlined(hit("  await self.send()", "Box.send")).text == "await self.send()"


def test_the_status_of_a_source_is_the_worst_of_its_citations() -> None:
    places: list[dict[str, Any]] = [{"n": n, "path": "a.py", "start": n, "end": n} for n in (1, 2, 3)]
    turn = TurnResult(sources=places, end={"model": "m"})
    turn.citations = [
        {"n": [1, 2], "status": "ok"},
        {"n": [2], "status": "stale"},
        {"n": [], "status": "invented"},
    ]
    assert [source.status for source in answered(turn).sources] == ["ok", "stale", "unused"]
