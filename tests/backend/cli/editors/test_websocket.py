"""The client of the WebSocket: results, events of a turn, and what it says when the server does not go along."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from backend.cli.client import ServerLost
from backend.cli.editors.websocket import FRAME_BYTES, PROTOCOL, WebSocketClient
from backend.cli.errors import MODEL_UNAVAILABLE, CommandFailed
from models.scripted import ScriptedEngine
from tests.backend.harness import running

pytestmark = pytest.mark.process


async def asked(client: WebSocketClient, **prompt: Any) -> list[dict[str, Any]]:
    """The events of a turn."""
    with client.following(prompt["turn"]) as kept:
        return [event async for event in client.ask(kept, **prompt)]


async def test_a_turn_is_its_events_up_to_the_end(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(("It ", "adds."))) as world:
        client = await WebSocketClient.open(world.url, world.token)
        session = (await client.call("session/open", workspace=None))["session"]
        turns = [await asked(client, session=session, turn=turn, text="Why?", retrieval="off") for turn in ("a", "b")]
        await client.close()
    for events, turn in zip(turns, ("a", "b"), strict=True):
        logged = [event for event in events if "seq" in event]
        assert {event["turn"] for event in events} == {turn}
        assert (logged[0]["type"], logged[-1]["type"]) == ("accepted", "end")
        assert "".join(event["text"] for event in logged if event["type"] == "delta") == "It adds."


async def test_events_that_come_right_behind_the_reopened_session_are_kept(tmp_path: Path) -> None:
    def frames(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"id": request["id"], "result": {"head": 3}}
        if request["method"] == "session/open":
            for seq, event in ((2, {"type": "delta", "text": "It"}), (3, {"type": "end", "reason": "stop"})):
                yield {"method": "event", "params": {"session": "s", "turn": "t", "seq": seq} | event}

    async def answer(socket: ServerConnection) -> None:
        async for request in socket:
            for frame in frames(json.loads(request)):
                await socket.send(json.dumps(frame))

    async with serve(answer, "127.0.0.1", 0, subprotocols=[PROTOCOL]) as server:  # type: ignore[list-item]
        (listening,) = server.sockets
        client = await WebSocketClient.open(f"http://127.0.0.1:{listening.getsockname()[1]}", "token")
        with client.following("t") as kept:
            await client.call("session/open", session="s", after=1)
            async with asyncio.timeout(20):
                events = [event async for event in client.ask(kept, session="s", turn="t", text="Why?")]
        await client.close()
    assert [event["seq"] for event in events] == [2, 3]


async def test_a_refusal_has_the_servers_message_and_exit_code(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        client = await WebSocketClient.open(world.url, world.token)
        session = (await client.call("session/open"))["session"]
        with pytest.raises(CommandFailed, match="no model is called 'nope'") as failed:
            await client.call("session/prompt", session=session, turn="t", text="?", model="nope")
        with pytest.raises(CommandFailed, match="attach less"):
            await client.call("session/prefetch", session=session, text="x" * FRAME_BYTES)
        assert await client.call("ping") == {}
        await client.close()
    assert failed.value.code == MODEL_UNAVAILABLE


async def test_a_connection_that_is_lost_ends_what_waits_for_it(tmp_path: Path) -> None:
    engine = ScriptedEngine(("It ", "adds."), stall_after=1)
    async with running(tmp_path, engine) as world:
        client = await WebSocketClient.open(world.url, world.token)
        session = (await client.call("session/open"))["session"]
        with client.following("t") as kept:
            events = client.ask(kept, session=session, turn="t", text="Why?")
            await anext(events)
            await client._connection.close()
            with pytest.raises(ServerLost, match="the text so far is stored"):
                async with asyncio.timeout(20):
                    [event async for event in events]
        assert not client.is_open
        with pytest.raises(ServerLost):
            await client.call("ping")
        engine.go_on.set()


async def test_a_wrong_token_and_a_server_that_is_gone_have_their_words(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        refused = await WebSocketClient.open(world.url, "wrong")
        with pytest.raises(ServerLost, match="does not accept the token"):
            await refused.call("ping")
        await refused.close()
    with pytest.raises(ServerLost, match=f"cannot connect to the server at {world.url}"):
        await WebSocketClient.open(world.url, world.token)
