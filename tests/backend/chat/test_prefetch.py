"""Prefetch and completion over the socket, with real llama.cpp: what was read ahead is not read again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.chat.completion import BEFORE, from_a_line
from tests.backend.harness import Socket, World, running
from tests.tiny_gguf import LLAMA3, PHI3, tiny_dir

CODE = "".join(
    f'def step_{n}(cart):\n    """Takes step {n} of the checkout."""\n    return cart.at({n})\n\n' for n in range(9)
)
GIVEN: dict[str, Any] = {"models_dir": tiny_dir(), "max_tokens": 8, "context_length": 2048}


@asynccontextmanager
async def talking(folder: Path, model: str) -> AsyncIterator[tuple[World, Socket, str]]:
    """A server with a small codebase and a loaded model, a client, and its session."""
    (folder / "shop").mkdir()
    (folder / "shop" / "cart.py").write_text(CODE)
    async with running(folder / "data", **GIVEN, model_name=model) as world, world.socket() as socket:
        await world.post("/index", {"path": str(folder / "shop"), "wait": True})
        session = (await socket.call("session/open", workspace=str(folder / "shop")))["session"]
        await socket.call("session/prompt", session=session, turn="first", text="hello", retrieval="off")
        await socket.until("end", "first")
        yield world, socket, session


async def ask(socket: Socket, session: str, turn: str, text: str, **more: Any) -> dict[str, int]:
    """The usage of an answer."""
    await socket.call("session/prompt", session=session, turn=turn, text=text, **more)
    usage: dict[str, int] = (await socket.until("end", turn))["usage"]
    return usage


async def read_ahead(world: World) -> None:
    """Returns when nothing is read ahead any more."""
    async with asyncio.timeout(30):
        await asyncio.gather(*world.services.prefetcher.reading.values())


async def test_what_was_typed_is_read_when_it_is_asked_and_leaves_no_trace(tmp_path: Path) -> None:
    async with talking(tmp_path, PHI3.model) as (world, socket, session):
        accepted = next(event for event in socket.events if event["type"] == "accepted")
        conversation = accepted["conversation"]
        seen = len(socket.events)
        for text in ("which st", "which step of the checkout", "which step of the checkout is the first?"):
            await socket.call("session/prefetch", session=session, text=text)
        await read_ahead(world)
        history = (await world.get("/chat/history", conversation_id=conversation)).json()
        assert history["total_count"] == 2
        assert [event for event in socket.events[seen:] if "seq" in event] == []
        usage = await ask(socket, session, "t", "which step of the checkout is the first?", conversation=conversation)
        assert usage["prompt"] - usage["cached"] == 1


async def test_a_deleted_conversation_is_not_kept_by_the_model_either(tmp_path: Path) -> None:
    async with talking(tmp_path, PHI3.model) as (world, socket, session):
        before = await ask(socket, session, "again", "hello", retrieval="off")
        assert before["cached"] == before["prompt"] - 1
        await socket.call("session/prefetch", session=session, text="hello again")
        assert session in world.services.prefetcher.reading
        await world.http.delete("/chat/history")
        assert world.services.prefetcher.reading == {}
        after = await ask(socket, session, "after", "hello", retrieval="off")
        assert after["cached"] == 0


async def test_another_question_is_answered_as_if_nothing_had_been_read(tmp_path: Path) -> None:
    async with talking(tmp_path, PHI3.model) as (world, socket, session):
        await socket.call("session/prefetch", session=session, text="which step of the checkout is the last?")
        await socket.call("session/prefetch", session=session, text="")
        usage = await ask(socket, session, "t", "where is step_3?", retrieval="off")
        assert usage["prompt"] > usage["cached"]
        assert world.services.prefetcher.reading == {}


async def test_a_session_that_is_opened_again_is_read_while_its_model_has_just_come(tmp_path: Path) -> None:
    long, given = "which step is it? " * 40, GIVEN | {"kv_ram_mb": 0, "kv_disk_mb": 0}
    async with talking(tmp_path, PHI3.model) as (_, socket, session):
        accepted = await socket.call("session/prompt", session=session, turn="long", text=long, retrieval="off")
        await socket.until("end", "long")
    async with running(tmp_path / "data", model_name=PHI3.model, **given) as world, world.socket() as socket:
        await socket.call("session/open", session=session)
        await read_ahead(world)
        usage = await ask(socket, session, "t", "and then?", conversation=accepted["conversation"], retrieval="off")
    assert usage["cached"] > len(long) // 4
    assert usage["prompt"] - usage["cached"] < 30


async def test_what_a_model_did_is_counted_for_every_face(tmp_path: Path) -> None:
    async def counted() -> dict[str, float]:
        lines = (await world.get("/metrics")).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    async with talking(tmp_path, LLAMA3.model) as (world, socket, session):
        before = await counted()
        usage = await ask(socket, session, "t", "hello again", retrieval="off", max_tokens=4)
        text = {"prompt": "def scan(", "max_tokens": 3}
        passed = (await world.post("/v1/completions", text)).json()["usage"]
        await socket.call("complete", prefix="def scan(", suffix="", max_tokens=2)
        own = f'{{model="{LLAMA3.model}"}}'
        async with asyncio.timeout(10):
            # The worker reports once a second. The texts at the end have been read by then.
            while (after := await counted()).get(f"lantern_engine_rows_total{own}", 0) < usage["prompt"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert after['lantern_passed_total{reason="length"}'] == 2
    assert after['lantern_turns_total{reason="length"}'] - before['lantern_turns_total{reason="length"}'] == 1
    new = {name: after[f"lantern_{name}_tokens_total"] - before[f"lantern_{name}_tokens_total"] for name in usage}
    assert new["completion"] == usage["completion"] + passed["completion_tokens"] + 2 == 9
    assert new["prompt"] > usage["prompt"] + passed["prompt_tokens"]
    assert new["cached"] >= usage["cached"] > 0
    assert after["lantern_generate_seconds_total"] > before["lantern_generate_seconds_total"]
    assert after[f"lantern_engine_rows_total{own}"] > after[f"lantern_engine_steps_total{own}"]
    assert after[f"lantern_engine_memory_bytes{own}"] > 10e6
    zero = ("restarts_total", "waiting", "snapshots_damaged_total", "snapshot_misses_total", "snapshot_disk_bytes")
    assert [after[f"lantern_engine_{name}{own}"] for name in zero] == [0] * len(zero)


async def test_prefetch_of_a_session_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with talking(tmp_path, PHI3.model) as (_, socket, _session):
        answer = await socket.answer("session/prefetch", session="none", text="x")
        assert answer["error"]["data"]["code"] == "not_found"


async def test_code_is_filled_in_at_the_cursor_and_a_newer_request_ends_the_older(tmp_path: Path) -> None:
    async with talking(tmp_path, LLAMA3.model) as (_, socket, _session):
        around = {"prefix": "def add(a, b):\n    return ", "suffix": "\n", "path": "add.py"}
        done = await socket.call("complete", **around, max_tokens=6)
        assert done["reason"] == "length"
        assert done["text"]
        await socket.raw.send(_request(900, around | {"max_tokens": 256}))
        newer = await socket.answer("complete", **around, max_tokens=6)
        assert newer["result"] == done
        assert socket.answers[900]["error"]["data"]["code"] == "cancelled"


async def test_a_model_without_the_tokens_says_so(tmp_path: Path) -> None:
    async with talking(tmp_path, PHI3.model) as (_, socket, _session):
        answer = await socket.answer("complete", prefix="x = ", suffix="")
        assert answer["error"]["data"]["code"] == "model_unavailable"
        assert "cannot fill in the middle" in answer["error"]["message"]


@pytest.mark.parametrize("line", ["", "x = 1\n"])
def test_a_long_prefix_begins_at_a_line_and_stays_while_letters_are_typed(line: str) -> None:
    text = (line or "y") * 9000
    cut = from_a_line(text)
    assert text.endswith(cut)
    assert BEFORE - 10 <= len(cut) <= 2 * BEFORE
    assert not line or cut.startswith(line)
    assert from_a_line(text + "abc") == cut + "abc"
    assert from_a_line("short") == "short"


def _request(id_: int, params: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": "complete", "params": params})
