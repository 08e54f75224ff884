"""The laws of the protocol (`docs/protocol.md`): what a client of the event log may rely on."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from backend.chat import turns
from models.scripted import ScriptedEngine
from tests.backend.api.harness import ANSWER, TEXTS, send_prompt
from tests.backend.harness import ManualSleep, World, running
from tests.processes import eventually

pytestmark = pytest.mark.process


async def test_law_1_and_2_no_drop_loses_or_doubles_an_event(tmp_path: Path) -> None:
    chance = random.Random(7)
    seen: list[dict[str, object]] = []
    conversation = None
    async with running(tmp_path, ScriptedEngine([f"w{n} " for n in range(40)])) as world:
        async with world.socket() as socket:
            session = (await socket.call("session/open"))["session"]
        for n in range(5):
            async with world.socket() as socket:
                await socket.call("session/open", session=session, after=len(seen))
                accepted = await socket.call(
                    "session/prompt", session=session, turn=f"turn-{n}", text=f"question {n}", conversation=conversation
                )
                conversation = accepted["conversation"]
                seen += socket.logged
            while not (seen and seen[-1]["type"] == "end" and seen[-1]["turn"] == f"turn-{n}"):
                async with world.socket() as socket:
                    await socket.call("session/open", session=session, after=len(seen))
                    for _ in range(chance.randint(0, 6)):
                        if seen and socket.logged and socket.logged[-1]["type"] == "end":
                            break
                        await socket.receive()
                    seen += socket.logged
        history = (await world.get("/chat/history", conversation_id=conversation)).json()
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    for n in range(5):
        text = "".join(str(e["text"]) for e in seen if e["type"] == "delta" and e["turn"] == f"turn-{n}")
        assert text == history["messages"][2 * n + 1]["content"] == "".join(f"w{n} " for n in range(40))


async def test_law_3_a_turn_that_the_server_cut_short_ends_as_interrupted(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=3)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        turn = await send_prompt(socket, session)
        while sum(event["type"] == "delta" for event in socket.logged) < 1:
            await socket.receive()
        seen = "".join(event["text"] for event in socket.logged if event["type"] == "delta")
        conversation = socket.logged[0]["conversation"]
    async with running(tmp_path, engine) as world, world.socket() as socket:
        await socket.call("session/open", session=session, after=0)
        end = await socket.until("end", turn)
        history = (await world.get("/chat/history", conversation_id=conversation)).json()["messages"]
    assert (end["reason"], end["error"]["code"]) == ("error", "interrupted")
    assert socket.logged[-1] == end
    assert history[1]["content"] == "".join(e["text"] for e in socket.logged if e["type"] == "delta")
    assert history[1]["content"].startswith(seen)
    assert ANSWER.startswith(history[1]["content"])


async def test_law_4_the_same_turn_twice_is_one_generation(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        same = {"session": session, "turn": "t1", "text": "What?"}
        first, second = await asyncio.gather(world_call(world, same), world_call(world, same))
        await socket.until("end")
        third = await socket.call("session/prompt", **same)
        await socket.call("ping")
    assert first["conversation"] == second["conversation"] == third["conversation"]
    assert len(engine.prompts) == 1
    assert [event["type"] for event in socket.logged].count("end") == 1


async def world_call(world: World, params: dict[str, str]) -> dict[str, str]:
    async with world.socket() as socket:
        accepted: dict[str, str] = await socket.call("session/prompt", **params)
        return accepted


@pytest.mark.parametrize(("after", "code"), [(99, "replay_gone"), (-1, "bad_params")])
async def test_law_5_a_number_beyond_the_log_is_gone(tmp_path: Path, after: int, code: str) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        answer = await socket.answer("session/open", session=session, after=after)
    assert answer["error"]["data"]["code"] == code


async def test_law_6_a_client_that_never_reads_slows_nobody(tmp_path: Path) -> None:
    engine = ScriptedEngine(["x" * 10_000] * 1000)  # 10 MB
    async with running(tmp_path, engine) as world, world.socket() as reader:
        session = (await reader.call("session/open"))["session"]
        silent = await connect(
            world.url.replace("http", "ws", 1) + "/v1/ws",
            subprotocols=["lantern.v1", f"token.{world.token}"],  # type: ignore[list-item]
            max_queue=1,
            proxy=None,
        )
        open_ = {"jsonrpc": "2.0", "id": 1, "method": "session/open", "params": {"session": session, "after": 0}}
        await silent.send(json.dumps(open_))
        await send_prompt(reader, session)
        await reader.until("end")
        silent.transport.abort()
    assert sum(len(event["text"]) for event in reader.logged if event["type"] == "delta") == 10_000_000


async def test_law_7_two_clients_see_the_same_numbers(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as one, world.socket() as two:
        session = (await one.call("session/open"))["session"]
        await two.call("session/open", session=session)
        await send_prompt(one, session)
        await one.until("end")
        await two.until("end")
    assert one.logged == two.logged


async def test_law_8_and_9_a_cancel_ends_the_turn_and_keeps_its_text(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=2)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        turn = await send_prompt(socket, session)
        while "".join(e["text"] for e in socket.logged if e["type"] == "delta") != "The answer ":
            await socket.receive()
        assert await socket.call("session/cancel", session=session, turn=turn) == {}
        end = await socket.until("end", turn)
        assert await socket.call("session/cancel", session=session) == {}
        history = (await world.get("/chat/history", conversation_id=socket.logged[0]["conversation"])).json()
        assert engine.idle
    assert end["reason"] == "cancelled"
    assert (history["messages"][1]["content"], history["messages"][1]["status"]) == ("The answer ", "cancelled")


async def test_law_9_generation_survives_a_dropped_socket_for_the_grace_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, grace = ScriptedEngine(TEXTS, stall_after=1), ManualSleep(monkeypatch, turns)
    async with running(tmp_path, engine, grace_ms=200) as world:
        async with world.socket() as socket:
            session = (await socket.call("session/open"))["session"]
            await send_prompt(socket, session)
            await socket.until("delta")
        await eventually(lambda: grace.running == [0.2])
        async with world.socket() as socket:  # back within the grace time
            await socket.call("session/open", session=session, after=0)
            await eventually(lambda: not grace.running)
            engine.go_on.set()
            assert (await socket.until("end"))["reason"] == "stop"
            engine.go_on.clear()
            turn = await send_prompt(socket, session)
            await socket.until("delta", turn)
        await eventually(lambda: grace.running == [0.2])
        assert world.services.turns.load == 1
        grace.elapse()
        await eventually(lambda: not world.services.turns.load)
        async with world.socket() as socket:
            await socket.call("session/open", session=session, after=0)
            assert (await socket.until("end", turn))["reason"] == "cancelled"


async def test_the_laws_hold_for_a_turn_that_is_asked_again(tmp_path: Path) -> None:
    """It is cancelled, keeps its events and its one end, and a replay rebuilds the conversation without it."""
    engine = ScriptedEngine(TEXTS, stall_after=2)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        engine.go_on.set()
        first = await send_prompt(socket, session, "One?")
        conversation = (await socket.until("end", first)) and socket.logged[0]["conversation"]
        engine.go_on.clear()
        second = await send_prompt(socket, session, "Two?", conversation=conversation)
        await socket.until("delta", second)
        engine.go_on.set()
        third = await send_prompt(socket, session, "Three?", conversation=conversation, replaces=second)
        assert await socket.call(
            "session/prompt", session=session, turn=third, text="Three?", conversation=conversation, replaces=second
        )
        refused = await socket.answer("session/prompt", session=session, turn="x", text="Four?", replaces=second)
        await socket.until("end", third)
        history = (await world.get(f"/chat/conversation/{conversation}")).json()["messages"]
    async with running(tmp_path, engine) as world, world.socket() as replaying:
        await replaying.call("session/open", session=session, after=0)
        await replaying.until("end", third)
    assert refused["error"]["data"]["code"] == "bad_params"
    assert replaying.logged == socket.logged
    assert [event["seq"] for event in replaying.logged] == list(range(1, len(replaying.logged) + 1))
    ends = [(event["turn"], event["reason"]) for event in replaying.logged if event["type"] == "end"]
    assert ends == [(first, "stop"), (second, "cancelled"), (third, "stop")]
    accepted = next(event for event in replaying.logged if event["turn"] == third)
    assert (accepted["type"], accepted["replaces"], accepted["conversation"]) == ("accepted", second, conversation)
    assert rebuilt(replaying.logged) == [(message["role"], message["content"]) for message in history]
    assert [content for _, content in rebuilt(replaying.logged)] == ["One?", ANSWER, "Three?", ANSWER]


def rebuilt(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The messages that a client builds from a log of one conversation."""
    turns: dict[str, tuple[str, list[str]]] = {}
    for event in events:
        if event["type"] == "accepted":
            turns.pop(event.get("replaces", ""), None)
            turns[event["turn"]] = event["text"], []
        elif event["type"] == "delta":
            turns[event["turn"]][1].append(event["text"])
    return [
        message for question, texts in turns.values() for message in (("user", question), ("assistant", "".join(texts)))
    ]
