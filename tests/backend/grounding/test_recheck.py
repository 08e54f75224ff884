"""Citations of stored answers, compared with the disk again, through the server."""

from pathlib import Path
from typing import Any

import pytest

from tests.backend.grounding.test_checker import MAIL, ask, indexed, scripted
from tests.backend.harness import World, running
from tests.indexer.harness import lay_out

pytestmark = pytest.mark.process

ANSWER = "`send_receipt` [1], from shop/mail.py:1-2. `send_invoice` mails it [1]."


async def current(world: World, conversation: str) -> list[dict[str, Any]]:
    answer = await world.get(f"/chat/conversation/{conversation}/citations")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["conversation_id"] == conversation
    turns: list[dict[str, Any]] = body["turns"]
    return turns


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (MAIL, ["ok", "ok"]),
        ("import smtplib\n\n\n" + MAIL, ["moved", "moved"]),
        (MAIL.replace("return address", "return None"), ["stale", "ok"]),
        (None, ["stale", "stale"]),
    ],
)
async def test_a_file_that_changes_after_the_answer_changes_its_citations(
    tmp_path: Path, now: str | None, found: list[str]
) -> None:
    async with running(tmp_path / "data", scripted(ANSWER)) as world:
        root = await indexed(world, tmp_path)
        first = await ask(world)
        assert [one["status"] for one in first["citations"]] == ["ok", "ok", "invented", "invented"]
        await ask(world, "thanks", retrieval="off", conversation_id=first["conversation_id"])
        if now is None:
            (root / "shop/mail.py").unlink()
        else:
            (root / "shop/mail.py").write_text(now)
        turns = await current(world, first["conversation_id"])
        (root / "shop/mail.py").write_text(MAIL)
        restored = await current(world, first["conversation_id"])
    assert turns[0]["turn_id"] == first["turn_id"]
    assert [one["status"] for one in turns[0]["citations"]] == [*found, "invented", "invented"]
    same = [{**one, "status": ""} for one in turns[0]["citations"]]
    assert same == [{**one, "status": ""} for one in first["citations"]]
    assert restored[0]["citations"] == first["citations"]


async def test_each_answer_is_compared_with_its_own_codebase(tmp_path: Path) -> None:
    other = lay_out(tmp_path / "other", {"mail.py": "def other_mail():\n    return 1\n"})
    async with running(tmp_path / "data", scripted("It is [1].")) as world:
        root = await indexed(world, tmp_path)
        assert (await world.post("/index", {"path": str(other), "wait": True})).status_code == 200
        codebases = {one["root"]: one["id"] for one in (await world.get("/codebases")).json()["codebases"]}
        ids = [codebases[str(root)], codebases[str(other)]]
        first = await ask(world, codebase=ids[0])
        conversation = first["conversation_id"]
        second = await ask(world, "other_mail", codebase=ids[1], conversation_id=conversation)
        (root / "shop/mail.py").write_text("import smtplib\n" + MAIL)
        turns = await current(world, conversation)
        await world.http.delete(f"/codebases/{ids[0]}")
        without = await current(world, conversation)
        messages = (await world.get(f"/chat/conversation/{conversation}")).json()["messages"]
    assert [one["codebase"] for one in messages if one["role"] == "user"] == ids
    assert [one["status"] for one in second["citations"]] == ["stale"]  # source 1 is in the other codebase
    assert [[one["status"] for one in turn["citations"]] for turn in turns] == [["moved"], ["stale"]]
    assert without[0] == {"turn_id": first["turn_id"], "citations": first["citations"]}
    assert [turn["turn_id"] for turn in without] == [first["turn_id"], second["turn_id"]]


async def test_without_a_codebase_the_status_of_the_answer_stays(tmp_path: Path) -> None:
    selection = {"path": "notes.py", "text": "def send_receipt(address):\n    return address\n"}
    async with running(tmp_path / "data", scripted("`send_receipt` mails it [1].")) as world:
        answer = await ask(world, context=[selection])
        turns = await current(world, answer["conversation_id"])
    assert turns == [{"turn_id": answer["turn_id"], "citations": answer["citations"]}]
    assert [one["status"] for one in turns[0]["citations"]] == ["ok"]


async def test_an_unknown_conversation_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path / "data", scripted("")) as world:
        answer = await world.get("/chat/conversation/nobody/citations")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_an_answer_is_not_compared_with_a_later_version_of_its_lines(tmp_path: Path) -> None:
    async with running(tmp_path / "data", scripted("It is in shop/mail.py:1-3.")) as world:
        root = await indexed(world, tmp_path)
        first = await ask(world)
        conversation = first["conversation_id"]
        (root / "shop/mail.py").write_text(MAIL.replace("return address", "return None"))
        assert (await world.post("/index", {"path": str(root), "wait": True})).status_code == 200
        second = await ask(world, conversation_id=conversation)
        turns = await current(world, conversation)
    assert [one["status"] for one in first["citations"] + second["citations"]] == ["ok", "ok"]
    assert [[one["status"] for one in turn["citations"]] for turn in turns] == [["stale"], ["ok"]]


async def test_a_number_that_a_turn_without_an_answer_had_before_means_the_own_source(tmp_path: Path) -> None:
    async with running(tmp_path / "data", scripted("It is [1].")) as world:
        root = await indexed(world, tmp_path)
        listed = await ask(world, retrieval="only")
        second = await ask(world, "Cart total", conversation_id=listed["conversation_id"])
        (root / "shop/cart.py").write_text("TOTAL = 1\n")
        turns = await current(world, listed["conversation_id"])
    assert [answer["sources"][0]["path"] for answer in (listed, second)] == ["shop/mail.py", "shop/cart.py"]
    assert [one["status"] for one in second["citations"]] == ["ok"]
    assert [(turn["turn_id"], [one["status"] for one in turn["citations"]]) for turn in turns] == [
        (second["turn_id"], ["stale"])
    ]
