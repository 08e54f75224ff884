"""The list of conversations: searched, renamed, deleted; turns asked again; code left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.scripted import ScriptedEngine
from tests.backend.harness import World, running

pytestmark = pytest.mark.process

TEXTS = ("It ", "works.")


async def ask(world: World, text: str, **fields: Any) -> dict[str, Any]:
    answer = await world.post("/chat/query", {"query": text, "retrieval": "off", **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def titles(world: World, **params: Any) -> list[str]:
    return [row["title"] for row in (await world.get("/chat/conversations", **params)).json()["conversations"]]


async def contents(world: World, conversation: str) -> list[str]:
    found = (await world.get(f"/chat/conversation/{conversation}")).json()
    return [message["content"] for message in found["messages"]]


async def test_conversations_are_listed_last_used_first(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        first = await ask(world, "How  are\nmails\x1b sent? " + "x" * 100)
        second = await ask(world, "What is a till?", session_id=first["session_id"])
        await ask(world, "And then?", conversation_id=first["conversation_id"])
        empty = await ask(world, "Soon gone")
        await world.http.delete("/chat/history", params={"conversation_id": empty["conversation_id"]})
        listed = (await world.get("/chat/conversations")).json()
        paged = (await world.get("/chat/conversations", limit=1, offset=1)).json()
    assert listed["total_count"] == paged["total_count"] == 2
    newest, other = listed["conversations"]
    assert newest["title"] == "How are mails\\x1b sent? " + "x" * 55 + "…"
    assert len(newest["title"]) == 80
    assert (newest["conversation_id"], newest["message_count"]) == (first["conversation_id"], 4)
    assert (other["title"], other["session_id"], other["workspace"]) == ("What is a till?", first["session_id"], "")
    assert other["conversation_id"] == second["conversation_id"]
    assert newest["created_at"] < newest["last_updated"]
    assert paged["conversations"] == [other]


async def test_titles_questions_and_answers_are_searched(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        mail = await ask(world, "How is a mail sent?")
        await ask(world, "Why 100% of_it?")
        await world.http.patch(f"/chat/conversation/{mail['conversation_id']}", json={"title": "Post office"})
        assert await titles(world, query="WORKS") == ["Why 100% of_it?", "Post office"]
        assert await titles(world, query="mail post") == ["Post office"]
        assert await titles(world, query="mail why") == []
        assert await titles(world, query="100%") == ["Why 100% of_it?"]
        assert await titles(world, query="s_nt") == []
        await ask(world, "Größe einer Änderung?")
        assert await titles(world, query="änderung GRÖSSE") == ["Größe einer Änderung?"]
        assert (await world.get("/chat/conversations", query="mail")).json()["total_count"] == 1


async def test_a_conversation_is_renamed(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        found = await ask(world, "How is a mail sent?")
        path = f"/chat/conversation/{found['conversation_id']}"
        (before,) = (await world.get("/chat/conversations")).json()["conversations"]
        renamed = (await world.http.patch(path, json={"title": " Mail\n<b>delivery</b> "})).json()
        assert renamed == before | {"title": "Mail <b>delivery</b>"}
        assert (await world.get("/chat/conversations")).json()["conversations"] == [renamed]
        assert (await world.http.patch(path, json={"title": ""})).json() == before
        missing = await world.http.patch("/chat/conversation/none", json={"title": "x"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_a_conversation_is_deleted_with_its_messages(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        kept = await ask(world, "Kept?")
        gone = await ask(world, "Gone?", session_id=kept["session_id"])
        path = f"/chat/conversation/{gone['conversation_id']}"
        assert (await world.http.delete(path)).json() == {"deleted": 2}
        assert (await world.http.delete(path)).status_code == 404
        assert (await world.get(path)).status_code == 404
        assert await titles(world) == ["Kept?"]
        again = await world.post("/chat/query", {"query": "?", "conversation_id": gone["conversation_id"]})
    assert again.status_code == 404


async def test_a_running_conversation_is_deleted(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS, stall_after=1)) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        accepted = await socket.call("session/prompt", session=session, turn="t", text="?", retrieval="off")
        await socket.until("delta")
        deleted = await world.http.delete(f"/chat/conversation/{accepted['conversation']}")
        assert (await socket.until("end"))["reason"] == "cancelled"
    assert deleted.json() == {"deleted": 2}


async def test_the_last_turn_is_asked_again(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        first = await ask(world, "One?")
        where = {"conversation_id": first["conversation_id"]}
        second = await ask(world, "Two?", **where)
        preview = await world.post("/chat/preview", {"query": "Three?", "replaces": second["turn_id"], **where})
        third = await ask(world, "Three?", replaces=second["turn_id"], **where)
        fourth = await ask(world, "Four?", replaces=third["turn_id"], session_id=first["session_id"])
        found = (await world.get(f"/chat/conversation/{first['conversation_id']}")).json()
        refused = [
            await world.post("/chat/query", {"query": "?", **fields})
            for fields in (
                {"replaces": first["turn_id"], **where},
                {"replaces": second["turn_id"], **where},
                {"replaces": "unknown", **where},
                {"replaces": fourth["turn_id"]},
            )
        ]
        cleared = await world.http.delete("/chat/history", params=where)
    assert fourth["conversation_id"] == first["conversation_id"]
    assert [message["content"] for message in found["messages"]] == ["One?", "It works.", "Four?", "It works."]
    assert {message["turn_id"] for message in found["messages"]} == {first["turn_id"], fourth["turn_id"]}
    assert (found["message_count"], found["last_query"]) == (4, "Four?")
    for prompt in (preview.json()["prompt"], engine.prompts[-1].text):
        assert "One?" in prompt
        assert "Two?" not in prompt
    assert "Three?" not in engine.prompts[-1].text
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in refused] == [(422, "bad_params")] * 4
    assert cleared.json() == {"deleted": 4}


async def test_the_only_turn_is_asked_again(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        first = await ask(world, "Mail?")
        second = await ask(
            world, "Post?", replaces=first["turn_id"], conversation_id=first["conversation_id"], turn_id="second"
        )
        same = await ask(
            world, "Post?", replaces=first["turn_id"], conversation_id=first["conversation_id"], turn_id="second"
        )
        assert await contents(world, first["conversation_id"]) == ["Post?", "It works."]
        assert await titles(world, query="mail") == []
        assert await titles(world) == ["Post?"]
    assert same["response"] == second["response"] == "It works."


async def test_excluded_code_is_left_out(tmp_path: Path) -> None:
    root = tmp_path / "code"
    root.mkdir()
    (root / "mail.py").write_text("def send_mail(text):\n    return text\n\n\ndef retry_mail(text):\n    return text\n")
    (root / "post.py").write_text("def send_mail_by_post(text):\n    return text\n")
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path / "data", engine, watch=False) as world:
        await world.post("/index", {"path": str(root), "wait": True})

        async def places(*excluded: dict[str, Any], **fields: Any) -> list[tuple[str, int]]:
            body = {"query": "How does sending a mail text work?", "exclude": list(excluded), **fields}
            answer = await world.post("/chat/query", body)
            return sorted((item["path"], item["start"]) for item in answer.json()["sources"])

        everything = await places()
        assert everything == [("mail.py", 1), ("mail.py", 5), ("post.py", 1)]
        assert await places({"path": "mail.py", "range": [2, 3]}) == [("mail.py", 5), ("post.py", 1)]
        assert await places({"path": str(root / "mail.py")}) == [("post.py", 1)]
        assert await places({"path": "mail.py"}, {"path": "post.py"}) == []
        attached = [{"path": "mail.py", "range": [1, 2]}]
        assert await places({"path": "mail.py"}, {"path": "post.py"}, context=attached) == [("mail.py", 1)]
        # A list of places would name the excluded one: the question goes to the model.
        listed = await world.post("/chat/query", {"query": "where is send_mail defined?"})
        without = {"query": "where is send_mail defined?", "exclude": [{"path": "mail.py", "range": [1, 2]}]}
        answered = await world.post("/chat/query", without)
        assert (listed.json()["model_name"], answered.json()["model_name"]) == ("structure", "scripted")
        assert ("mail.py", 1) not in [(item["path"], item["start"]) for item in answered.json()["sources"]]
        assert (await world.post("/chat/preview", without)).json()["prompt"].count("return text") == 2
        bad = await world.post("/chat/query", {"query": "?", "exclude": [{"path": "a", "range": [2, 1]}]})
    assert (bad.status_code, json.loads(bad.text)["error"]["code"]) == (422, "bad_params")
