"""A full disk, a locked or damaged database, a damaged model: clear words, and nothing that was stored is lost."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event, text

from backend.chat import turns
from backend.config import BadSetting
from backend.db import database
from backend.instance_lock import DataFolderInUse
from models.scripted import ScriptedEngine
from tests.backend.harness import ManualSleep, running
from tests.processes import eventually
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process

TEXTS = ("It ", "works.")


async def test_a_full_disk_is_said_and_what_was_stored_stays(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        first = (await world.post("/chat/query", {"query": "before?"})).json()
        engine = world.services.database.engine
        pages = await world.services.database.read(lambda s: s.execute(text("PRAGMA page_count")).scalar_one())
        limit = lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages}").close()  # noqa: E731
        event.listen(engine, "connect", limit)
        engine.dispose()
        refused = await world.post("/chat/query", {"query": "x" * 20_000})
        event.remove(engine, "connect", limit)
        engine.dispose()
        after = await world.post("/chat/query", {"query": "after?", "conversation_id": first["conversation_id"]})
        history = (await world.get("/chat/history", conversation_id=first["conversation_id"])).json()
    assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
    assert "disk is full" in refused.json()["error"]["message"]
    assert after.status_code == 200
    assert [m["content"] for m in history["messages"]] == ["before?", "It works.", "after?", "It works."]


async def test_a_locked_database_is_said_and_works_again_when_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 50)
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        other = sqlite3.connect(tmp_path / "lantern.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        refused = await world.post("/chat/query", {"query": "now?"})
        other.execute("ROLLBACK")
        other.close()
        after = await world.post("/chat/query", {"query": "now?"})
    assert refused.status_code == 500
    assert "locked by another program" in refused.json()["error"]["message"]
    assert refused.headers["retry-after"] == "1"
    assert after.json()["response"] == "It works."


async def test_an_answer_waits_out_a_short_lock_without_losing_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 50)
    engine, pauses = ScriptedEngine(TEXTS, stall_after=2), ManualSleep(monkeypatch, turns)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await socket.call("session/prompt", session=session, turn="t", text="?")
        while "".join(event["text"] for event in socket.events if event["type"] == "delta") != "".join(TEXTS):
            await socket.receive()  # what is sent is stored
        other = sqlite3.connect(tmp_path / "lantern.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        engine.go_on.set()
        await eventually(lambda: pauses.running)  # after the end was tried in vain
        other.execute("ROLLBACK")
        other.close()
        pauses.elapse()
        end = await socket.until("end")
    assert end["reason"] == "stop"


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\x07" * 5000])
async def test_a_damaged_database_stops_the_start_and_is_not_touched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lantern.db").write_bytes(content)
    with pytest.raises(BadSetting, match=r"lantern\.db cannot be used"):
        async with running(tmp_path, ScriptedEngine(TEXTS)):
            pass
    assert (tmp_path / "lantern.db").read_bytes() == content


async def test_a_data_folder_has_one_server(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        with pytest.raises(DataFolderInUse, match=world.url):
            async with running(tmp_path, ScriptedEngine(TEXTS)):
                pass
        assert (await world.get("/health")).status_code == 200
    async with running(tmp_path, ScriptedEngine(TEXTS)) as again:
        assert (await again.get("/health")).status_code == 200


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
async def test_a_damaged_model_is_said_with_its_file(tmp_path: Path, kept: float) -> None:
    whole = PHI3.path.read_bytes()
    models = tmp_path / "models"
    models.mkdir()
    (models / PHI3.path.name).write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
    async with running(tmp_path, model_name="phi3-mini") as world:
        answer = await world.post("/chat/query", {"query": "?", "retrieval": "off"})
        listed = {m["id"]: m["state"] for m in (await world.get("/models")).json()["models"]}
        instead = await world.post("/chat/query", {"query": "?", "model": "extractive", "retrieval": "off"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
    assert PHI3.path.name in answer.json()["error"]["message"]
    assert listed["phi3-mini"] == "damaged"
    assert instead.json()["model_name"] == "extractive"


async def test_a_vocabulary_without_a_model_is_said(tmp_path: Path) -> None:
    async with running(tmp_path, model_name=str(PHI3.vocabulary_path)) as world:
        answer = await world.post("/chat/query", {"query": "?", "retrieval": "off"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")


async def test_no_name_that_a_client_sends_is_taken_as_a_path(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        for name in (str(PHI3.path), "../models/x.gguf", "/etc/passwd", "~/x.gguf"):
            answer = await world.post("/chat/query", {"query": "?", "model": name})
            assert answer.json()["error"]["code"] == "model_unavailable", name
            assert "no model is called" in answer.json()["error"]["message"]
