"""The socket: its methods, and each law of the protocol."""

import asyncio
import json
import random
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from backend.db.conversations import new_id
from models.scripted import ScriptedEngine
from tests.backend.harness import Socket, World, running

TEXTS = ("The ", "answer ", "is é", "🙂", ".")
ANSWER = "".join(TEXTS)


async def asked(socket: Socket, session: str, text: str = "What?", **more: object) -> str:
    turn = new_id()
    await socket.call("session/prompt", session=session, turn=turn, text=text, **more)
    return turn


async def test_initialize_tells_what_the_server_is_and_has(tmp_path: Path) -> None:
    async with running(tmp_path, grace_ms=1234) as world, world.socket() as socket:
        told = await socket.call("initialize", client={"name": "test", "version": "1"})
    assert told["server"]["name"] == "lantern"
    assert told["limits"] == {"frame": 1 << 20, "prompt": 1 << 18, "queue": 16, "grace_ms": 1234, "replay": 100_000}
    assert told["codebases"] == []
    assert [(m["id"], m["state"]) for m in told["models"]] == [
        ("extractive", "loaded"),
        ("smollm2-135m", "missing"),
        ("qwen2.5-coder-0.5b", "missing"),
        ("qwen2.5-coder-1.5b", "missing"),
        ("phi3-mini", "missing"),
        ("codellama-7b", "missing"),
        ("llama3.1-8b", "missing"),
    ]
    assert all(set(m) >= {"id", "state", "context", "size_bytes"} for m in told["models"])


async def test_a_turn_is_accepted_then_told_in_events_that_rebuild_it(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        opened = await socket.call("session/open", workspace=str(tmp_path))
        turn = await asked(socket, opened["session"], retrieval="off")
        end = await socket.until("end")
    assert opened["head"] == 0
    kinds = [event["type"] for event in socket.logged]
    assert kinds[:2] == ["accepted", "sources"]
    assert kinds[-1] == "end"
    assert set(kinds[2:-1]) == {"delta"}
    assert [event["seq"] for event in socket.logged] == list(range(1, len(kinds) + 1))
    assert {event["turn"] for event in socket.logged} == {turn}
    assert socket.logged[0]["text"] == "What?"
    assert "".join(event["text"] for event in socket.logged if event["type"] == "delta") == ANSWER
    assert (end["reason"], end["model"], end["usage"]["completion"]) == ("stop", "scripted", 5)
    assert set(end["ms"]) == {"queue", "retrieve", "prefill", "generate"}
    assert "error" not in end


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
        told = "".join(str(e["text"]) for e in seen if e["type"] == "delta" and e["turn"] == f"turn-{n}")
        assert told == history["messages"][2 * n + 1]["content"] == "".join(f"w{n} " for n in range(40))


async def test_law_3_a_turn_that_a_stop_cut_short_is_ended_as_interrupted(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=3)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        turn = await asked(socket, session)
        while sum(event["type"] == "delta" for event in socket.logged) < 1:
            await socket.receive()
        said = "".join(event["text"] for event in socket.logged if event["type"] == "delta")
        conversation = socket.logged[0]["conversation"]
    async with running(tmp_path, engine) as world, world.socket() as socket:
        await socket.call("session/open", session=session, after=0)
        end = await socket.until("end", turn)
        history = (await world.get("/chat/history", conversation_id=conversation)).json()["messages"]
    assert (end["reason"], end["error"]["code"]) == ("error", "interrupted")
    assert socket.logged[-1] == end
    assert history[1]["content"] == "".join(e["text"] for e in socket.logged if e["type"] == "delta")
    assert history[1]["content"].startswith(said)
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
        await asked(reader, session)
        await reader.until("end")
        silent.transport.abort()
    assert sum(len(event["text"]) for event in reader.logged if event["type"] == "delta") == 10_000_000


async def test_law_7_two_clients_see_the_same_numbers(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as one, world.socket() as two:
        session = (await one.call("session/open"))["session"]
        await two.call("session/open", session=session)
        await asked(one, session)
        await one.until("end")
        await two.until("end")
    assert one.logged == two.logged


async def test_law_8_and_9_a_cancel_ends_the_turn_and_keeps_what_was_said(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=2)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        turn = await asked(socket, session)
        while "".join(e["text"] for e in socket.logged if e["type"] == "delta") != "The answer ":
            await socket.receive()
        began = asyncio.get_running_loop().time()
        assert await socket.call("session/cancel", session=session, turn=turn) == {}
        end = await socket.until("end", turn)
        took = asyncio.get_running_loop().time() - began
        assert await socket.call("session/cancel", session=session) == {}
        history = (await world.get("/chat/history", conversation_id=socket.logged[0]["conversation"])).json()
        assert engine.idle
    assert end["reason"] == "cancelled"
    assert took < 0.5
    assert (history["messages"][1]["content"], history["messages"][1]["status"]) == ("The answer ", "cancelled")


async def test_law_9_generation_survives_a_dropped_socket_for_the_grace_time_only(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=1)
    async with running(tmp_path, engine, grace_ms=200) as world:
        async with world.socket() as socket:
            session = (await socket.call("session/open"))["session"]
            await asked(socket, session)
            await socket.until("delta")
        async with world.socket() as socket:  # back within the grace time
            await socket.call("session/open", session=session, after=0)
            await asyncio.sleep(0.4)
            engine.go_on.set()
            assert (await socket.until("end"))["reason"] == "stop"
            engine.go_on.clear()
            turn = await asked(socket, session)
            await socket.until("delta", turn)
        await asyncio.sleep(0.6)  # longer than it
        async with world.socket() as socket:
            await socket.call("session/open", session=session, after=0)
            assert (await socket.until("end", turn))["reason"] == "cancelled"


async def test_turns_of_one_conversation_wait_for_each_other(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        accepted = await socket.call("session/prompt", session=session, turn="a", text="first?", retrieval="off")
        conversation = accepted["conversation"]
        await socket.call("session/prompt", session=session, turn="b", text="then?", conversation=conversation)
        await socket.until("end", "b")
    assert engine.prompts[1].text.startswith(engine.prompts[0].text + ANSWER)
    assert [event["turn"] for event in socket.logged if event["type"] == "end"] == ["a", "b"]


async def test_a_full_queue_refuses_and_says_when_to_come_back(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=0)
    async with running(tmp_path, engine, queue_limit=2) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        positions = [
            (await socket.call("session/prompt", session=session, turn=f"t{n}", text="?"))["position"] for n in range(2)
        ]
        refused = await socket.answer("session/prompt", session=session, turn="t2", text="?")
        engine.go_on.set()
    assert positions == [0, 1]
    assert refused["error"]["code"] == -32002
    assert refused["error"]["data"] == {"code": "queue_full", "retryable": True, "retry_after_ms": 1000}


async def test_an_engine_that_fails_ends_the_turn_with_its_words(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, fail_after=2)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await asked(socket, session)
        end = await socket.until("end")
    assert (end["reason"], end["error"]) == (
        "error",
        {"code": "engine_failed", "message": "the script says: fail here"},
    )


@pytest.mark.parametrize(
    ("frame", "code", "name"),
    [
        ("{", -32700, "parse"),
        ("[" * 100_000, -32700, "parse"),
        ("[]", -32600, "invalid"),
        ('{"id": 1, "method": "ping"}', -32600, "invalid"),
        ('{"jsonrpc": "2.0", "id": 1, "method": "nope"}', -32601, "unknown_method"),
        ('{"jsonrpc": "2.0", "id": 1, "method": "session/prompt", "params": {}}', -32602, "bad_params"),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": 3}', -32602, "bad_params"),
        (
            '{"jsonrpc": "2.0", "id": 1, "method": "session/open", "params": {"session": "missing"}}',
            -32001,
            "not_found",
        ),
        (
            '{"jsonrpc": "2.0", "id": 1, "method": "session/prompt",'
            ' "params": {"session": "missing", "turn": "t", "text": "?"}}',
            -32001,
            "not_found",
        ),
        ('{"jsonrpc": "2.0", "id": 1, "method": "search", "params": {"query": "x"}}', -32006, "index_unavailable"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_its_code(tmp_path: Path, frame: str, code: int, name: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        await socket.raw.send(frame)
        answer = await socket.receive()
        assert await socket.call("ping") == {}  # the connection lives on
    assert (answer["error"]["code"], answer["error"]["data"]["code"]) == (code, name)


async def test_a_model_that_does_not_exist_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        answer = await socket.answer("session/prompt", session=session, turn="t", text="?", model="nope")
        again = await socket.call("session/open", session=session)
    assert answer["error"]["data"]["code"] == "model_unavailable"
    assert again["head"] == 0


@pytest.mark.parametrize(
    ("subprotocols", "headers", "code"),
    [
        ([], {}, 4400),
        (["other.v1"], {}, 4400),
        (["lantern.v1"], {}, 4401),
        (["lantern.v1"], {"Authorization": "Bearer wrong"}, 4401),
        (["lantern.v1", "token.wrong"], {}, 4401),
    ],
)
async def test_who_does_not_belong_is_turned_away_with_a_code(
    tmp_path: Path, subprotocols: list[str], headers: dict[str, str], code: int
) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        url = world.url.replace("http", "ws", 1) + "/v1/ws"
        chosen = subprotocols or None
        async with connect(url, subprotocols=chosen, additional_headers=headers, proxy=None) as raw:  # type: ignore[arg-type]
            with pytest.raises(ConnectionClosed) as closed:
                await raw.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


async def test_a_frame_beyond_the_limit_closes_with_1009(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        await socket.raw.send("x" * ((1 << 20) + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_leaving_server_says_so_and_closes_with_1012(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        world.leave.set()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.until("never")
    assert socket.events[-1] == {"session": session, "type": "closing", "after_ms": 0}
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
