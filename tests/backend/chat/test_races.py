"""Theme tests of backend.chat.turns: what clients do at the wrong moment; nothing is lost, doubled or left running."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from backend.chat import turns
from backend.chat.question import Question
from backend.db import conversations
from backend.db.database import Database
from backend.db.events import append, page
from backend.instance_lock import token
from models.scripted import ScriptedEngine
from tests.backend.harness import ManualSleep, Socket, running, settings_in
from tests.processes import eventually

pytestmark = pytest.mark.process

TEXTS = ("The ", "answer.")


def frame(id_: int, method: str, **params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})


async def opened(socket: Socket) -> str:
    session: str = (await socket.call("session/open"))["session"]
    return session


async def test_a_cancel_sent_right_behind_its_prompt_cancels_it(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=0)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = await opened(socket)
        for n in range(5):
            await socket.raw.send(frame(90, "session/prompt", session=session, turn=f"t{n}", text="?"))
            await socket.raw.send(frame(91, "session/cancel", session=session, turn=f"t{n}"))
            assert (await socket.until("end", f"t{n}"))["reason"] == "cancelled"
        assert engine.idle


@pytest.mark.parametrize("stage", ["queued", "retrieving", "prefill"])
async def test_law_8_a_cancel_ends_every_stage(tmp_path: Path, stage: str) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=0)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = await opened(socket)
        first = await socket.call("session/prompt", session=session, turn="first", text="?")
        if stage == "queued":
            same = first["conversation"]
            await socket.call("session/prompt", session=session, turn="waits", text="?", conversation=same)
        elif stage == "prefill":
            while not any(event.get("stage") == "prefill" for event in socket.events):
                await socket.receive()
        turn = "waits" if stage == "queued" else "first"
        await socket.call("session/cancel", session=session, turn=turn)
        end = await socket.until("end", turn)  # the engine still waits
    assert end["reason"] == "cancelled"


async def test_a_cancel_counts_even_if_the_client_leaves_with_it(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=1)
    async with running(tmp_path, engine, grace_ms=60_000) as world:
        async with world.socket() as socket:
            session = await opened(socket)
            await socket.call("session/prompt", session=session, turn="t", text="?")
            await socket.until("delta")
            await socket.raw.send(frame(9, "session/cancel", session=session))
            await socket.raw.close()
        async with world.socket() as socket:
            await socket.call("session/open", session=session, after=0)
            assert (await socket.until("end"))["reason"] == "cancelled"


async def test_a_question_that_is_stopped_while_it_is_stored_never_runs(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=0)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session, turns = await opened(socket), world.services.turns
        accepting = asyncio.create_task(turns.accept(Question(session, "t", "?")))
        while not turns._accepting:  # noqa: ASYNC110  (it is there for a moment only)
            await asyncio.sleep(0)
        turns.stop(session, "t")
        await accepting
        assert (await socket.until("end", "t"))["reason"] == "cancelled"
    assert engine.prompts == []


async def test_a_turn_that_takes_too_long_is_cut_short_and_says_so(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=1)
    async with running(tmp_path, engine, turn_s=1.5) as world, world.socket() as socket:
        session = await opened(socket)
        await socket.call("session/prompt", session=session, turn="t", text="?")
        end = await socket.until("end", "t")
        assert (end["reason"], end["notice"]) == (
            "cancelled",
            "The answer was cut short: it took longer than 1.5 s (TURN_S).",
        )
        assert "".join(event["text"] for event in socket.logged if event["type"] == "delta") == TEXTS[0]
        assert engine.idle


async def test_pipelined_prompts_are_taken_in_order_and_the_queue_bound_holds(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=0)
    async with running(tmp_path, engine, queue_limit=4) as world, world.socket() as socket:
        session = await opened(socket)
        for n in range(12):
            await socket.raw.send(frame(100 + n, "session/prompt", session=session, turn=f"t{n:02}", text="?"))
        answers: dict[int, dict[str, Any]] = {}
        while len(answers) < 12:
            message = await socket.receive()
            if "id" in message:
                answers[message["id"] - 100] = message
        again = await socket.call("session/prompt", session=session, turn="t02", text="?")
        engine.go_on.set()
        for n in range(4):
            await socket.until("end", f"t{n:02}")
    assert [answers[n]["result"]["position"] for n in range(4)] == [0, 1, 2, 3]
    assert {answers[n]["error"]["data"]["code"] for n in range(4, 12)} == {"queue_full"}
    assert again["position"] == 2  # a repetition is recognised even if the queue is full
    assert [e["turn"] for e in socket.logged if e["type"] == "accepted"] == ["t00", "t01", "t02", "t03"]


async def test_the_grace_time_begins_anew_with_every_drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, grace = ScriptedEngine(TEXTS, stall_after=1), ManualSleep(monkeypatch, turns)
    async with running(tmp_path, engine, grace_ms=600) as world:
        async with world.socket() as socket:
            session = await opened(socket)
            await socket.call("session/prompt", session=session, turn="t", text="?")
            await socket.until("delta")
        for _ in range(3):
            await eventually(lambda: grace.running == [0.6])
            async with world.socket() as socket:
                await socket.call("session/open", session=session, after=0)
                await socket.until("delta")
                await eventually(lambda: not grace.running)
        engine.go_on.set()
        async with world.socket() as socket:
            await socket.call("session/open", session=session, after=0)
            assert (await socket.until("end"))["reason"] == "stop"


async def test_nothing_of_a_turn_follows_its_end(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket, world.socket() as late:
        session = await opened(socket)
        for n in range(5):
            await socket.call("session/prompt", session=session, turn=f"t{n}", text="?")
            await late.call("session/open", session=session, after=0)
            await socket.until("end", f"t{n}")
            await late.until("end", f"t{n}")
            await late.call("ping")
            for seen in (socket.events, late.events):
                own = [event["type"] for event in seen if event["turn"] == f"t{n}"]
                assert "status" not in own[own.index("end") :]
            late.events.clear()


async def test_opening_again_on_one_connection_neither_doubles_nor_drops(tmp_path: Path) -> None:
    engine = ScriptedEngine([f"{n} " for n in range(300)])
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = await opened(socket)
        await socket.call("session/prompt", session=session, turn="t", text="?")
        while not any(event["type"] == "end" for event in socket.logged):
            await socket.call("session/open", session=session)  # goes on where it is
            after = len(socket.logged)
            assert [event["seq"] for event in socket.logged] == list(range(1, after + 1))
        for _ in range(5):
            socket.events.clear()
            await socket.call("session/open", session=session, after=2)
            await socket.until("end")
            assert [event["seq"] for event in socket.logged] == list(range(3, 3 + len(socket.logged)))


async def test_clearing_while_questions_come_leaves_no_turn_without_an_end(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        first = (await world.post("/chat/query", {"query": "?"})).json()
        where = {"conversation_id": first["conversation_id"]}

        async def ask() -> int:
            async with asyncio.timeout(10):
                return (await world.post("/chat/query", {"query": "?", **where})).status_code

        async def clear() -> int:
            return (await world.http.delete("/chat/history", params=where)).status_code

        answered = await asyncio.gather(*(step() for _ in range(6) for step in (ask, clear)))
        health = (await world.get("/health")).json()
    assert set(answered) <= {200, 410, 429}  # 410: what it was watching has been cleared
    assert health["turns_running"] == 0


async def test_a_socket_whose_events_are_gone_is_closed_not_left_deaf(tmp_path: Path) -> None:
    from websockets.exceptions import ConnectionClosed

    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        session = await opened(socket)
        row_gone = lambda db: db.delete(conversations.require_session(db, session))  # noqa: E731
        await world.services.database.write(row_gone)
        world.services.turns._log.notify(session)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.until("never")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


async def test_ids_come_back_as_they_were_sent_or_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        replies = []
        for id_ in ("7", '"seven"', "null", "NaN", "[1]", '"\\ud800"', "true"):
            await socket.raw.send(f'{{"jsonrpc": "2.0", "id": {id_}, "method": "ping"}}')
            replies.append(await socket.receive())
        await socket.raw.send('{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}')
        unknown = await socket.receive()
        await socket.raw.send('{"jsonrpc": "2.0", "id": 2}')
        nameless = await socket.receive()
    assert [message["id"] for message in replies] == [7, "seven", None, None, None, None, None]
    assert ["result" in message for message in replies] == [True, True, True, False, False, False, False]
    assert (unknown["id"], unknown["error"]["code"]) == (1, -32601)
    assert (nameless["id"], nameless["error"]["code"]) == (2, -32600)


@pytest.mark.parametrize("left", ["", "short\n"])
def test_a_token_that_a_crash_cut_short_is_replaced(tmp_path: Path, left: str) -> None:
    (tmp_path / "token").write_text(left)
    made = token(tmp_path / "token")
    assert len(made) >= 32
    assert token(tmp_path / "token") == made


async def test_recovery_ends_what_a_crash_left_open_and_keeps_its_text(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path).sqlalchemy_url)
    database.migrate()

    def crash(db: Session) -> str:
        row = conversations.open_session(db, None, None, None)
        conversations.accept(db, row.id, None, "t", "What?")
        append(db, row, "t", "delta", text="So ")
        append(db, row, "t", "delta", text="far")
        return row.id

    session = await database.write(crash)
    counts = [await database.write(conversations.recover) for _ in range(2)]
    events = await database.read(lambda db: page(db, session, 0))
    answer = await database.read(
        lambda db: conversations.messages(conversations.turns(db, events[0].body["conversation"])[0])
    )
    database.close()
    assert counts == [1, 0]
    assert [event.type for event in events] == ["accepted", "delta", "delta", "end"]
    assert events[-1].body["error"]["code"] == "interrupted"
    assert (answer[1]["content"], answer[1]["status"]) == ("So far", "error")
