"""The socket: who may connect, its methods, its errors, and its close codes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from backend.api.socket.frames import FrameWriter
from models.scripted import ScriptedEngine
from tests.backend.api.harness import ANSWER, TEXTS, send_prompt
from tests.backend.harness import running

pytestmark = pytest.mark.process

LONG = '{"jsonrpc": "2.0", "id": 1, "method": "%s", "params": {%s: "' + "x" * 32_769 + '"}}'


async def test_initialize_describes_the_server(tmp_path: Path) -> None:
    async with running(tmp_path, grace_ms=1234) as world, world.socket() as socket:
        answer = await socket.call("initialize", client={"name": "test", "version": "1"})
    assert answer["server"]["name"] == "lantern"
    assert answer["limits"] == {"frame": 1 << 20, "prompt": 1 << 15, "queue": 16, "grace_ms": 1234, "replay": 100_000}
    assert answer["codebases"] == []
    assert [(m["id"], m["state"]) for m in answer["models"]] == [
        ("extractive", "loaded"),
        ("smollm2-135m", "missing"),
        ("qwen2.5-coder-0.5b", "missing"),
        ("qwen2.5-coder-1.5b", "missing"),
        ("phi3-mini", "missing"),
        ("codellama-7b", "missing"),
        ("llama3.1-8b", "missing"),
    ]
    assert all(set(m) >= {"id", "state", "context", "size_bytes"} for m in answer["models"])


async def test_the_events_of_a_turn_rebuild_its_answer(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        opened = await socket.call("session/open", workspace=str(tmp_path))
        turn = await send_prompt(socket, opened["session"], retrieval="off")
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


async def test_a_full_queue_refuses_and_tells_when_to_retry(tmp_path: Path) -> None:
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


async def test_an_engine_that_fails_ends_the_turn_with_its_message(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, fail_after=2)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await send_prompt(socket, session)
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
        (LONG % ("search", '"query"'), -32004, "context_too_large"),
        (LONG % ("session/prompt", '"session": "s", "turn": "t", "text"'), -32004, "context_too_large"),
        (LONG % ("session/prefetch", '"session": "s", "text"'), -32004, "context_too_large"),
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
async def test_errors_have_their_code(tmp_path: Path, frame: str, code: int, name: str) -> None:
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
async def test_a_client_without_protocol_or_token_is_closed_with_a_code(
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


async def test_a_stopping_server_announces_it_and_closes_with_1012(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        world.leave.set()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.until("never")
    assert socket.events[-1] == {"session": session, "type": "closing", "after_ms": 0}
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_client_is_sent_the_end_before_a_stopping_server_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = FrameWriter.event

    async def slow(writer: FrameWriter, params: dict[str, Any]) -> None:
        await asyncio.sleep(0.02)
        await event(writer, params)

    monkeypatch.setattr(FrameWriter, "event", slow)
    engine = ScriptedEngine(("a", "b"), stall_after=1)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await socket.call("session/prompt", session=session, turn="t", text="Hello?")
        await socket.until("delta")
        world.leave.set()
        with pytest.raises(ConnectionClosed):
            await socket.until("never")
    assert [(e["type"], e["reason"]) for e in socket.events if e["type"] == "end"] == [("end", "error")]
