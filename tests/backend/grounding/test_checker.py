"""Citations checked against what was shown and what the disk holds, through the server: events, grounding, REST."""

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from indexer.types import Hit, Why
from models.scripted import ScriptedEngine
from prompts.snippets import Snippet, shown_text, user_message
from tests.backend.harness import World, running
from tests.e2e.harness import lantern
from tests.indexer.harness import lay_out

pytestmark = pytest.mark.process

CART = (
    "class Cart:\n"
    '    """What a customer wants to buy."""\n\n'
    "    def total(self, prices):\n"
    '        """Sums up what the cart costs."""\n'
    "        return sum(prices[item] for item in self.items)\n"
)
MAIL = 'def send_receipt(address):\n    """Mails the receipt."""\n    return address\n'
FILES = {"shop/cart.py": CART, "shop/mail.py": MAIL}


async def indexed(world: World, folder: Path, files: dict[str, str] = FILES) -> Path:
    root = lay_out(folder / "code", files)
    done = await world.post("/index", {"path": str(root), "wait": True})
    assert done.status_code == 200, done.text
    return root


async def ask(world: World, question: str = "send_receipt", **more: Any) -> dict[str, Any]:
    answer = await world.post("/chat/query", {"query": question, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def statuses(answer: dict[str, Any]) -> list[tuple[str, list[int], str]]:
    return [(answer["response"][c["start"] : c["end"]], c["n"], c["status"]) for c in answer["citations"]]


def scripted(text: str) -> ScriptedEngine:
    return ScriptedEngine([text[at : at + 3] for at in range(0, len(text), 3)])


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ("`send_receipt` mails it [1].", [("[1]", [1], "ok")]),
        ("`shop.mail.send_receipt(a)` does [1].", [("[1]", [1], "ok")]),
        ("In `shop/mail.py:2-3` it returns.", [("shop/mail.py:2-3", [1], "ok")]),
        ("In mail.py#L1 and ./shop/mail.py:3.", [("mail.py#L1", [1], "ok"), ("./shop/mail.py:3", [1], "ok")]),
        ("In shop/mail.py:3-4 it ends.", [("shop/mail.py:3-4", [], "invented")]),
        ("In shop/post.py:1 it ends.", [("shop/post.py:1", [], "invented")]),
        ("In my/shop/mail.py:1 or ail.py:1", [("my/shop/mail.py:1", [], "invented"), ("ail.py:1", [], "invented")]),
        ("It mails [77] or [1, 77].", [("[77]", [77], "invented"), ("[1, 77]", [1, 77], "invented")]),
        ("`send_invoice` mails it [1].", [("send_invoice", [], "invented"), ("[1]", [1], "invented")]),
        ("`send_receipt(my_address, DEFAULT)` [1].", [("[1]", [1], "ok")]),
        ("`receipt = send_receipt(user.email)` gives `address: str` [1].", [("[1]", [1], "ok")]),
        ("`sent = send_invoice(address)` [1].", [("send_invoice", [], "invented"), ("[1]", [1], "invented")]),
        (
            "`send_receipt` has `timeout = DEFAULT_TIMEOUT` [1].",
            [("DEFAULT_TIMEOUT", [], "invented"), ("[1]", [1], "invented")],
        ),
        ("`send_receipt` takes `address: Address` [1].", [("[1]", [1], "invented")]),
        ("`send_receipt` of `shop/mail.py` [1].", [("[1]", [1], "ok")]),
        ("`send_receipt`, unlike `./shop/cart.py` [1].", [("[1]", [1], "ok")]),
        ("`send_receipt` of `shop` is not in `cart.py`: shop/mail.py:1", [("shop/mail.py:1", [1], "ok")]),
        ("`send_receipt` of `shop/post.py` [1].", [("shop/post.py", [], "invented"), ("[1]", [1], "invented")]),
        ("`send_receipt` of `my-shop/mail.py` [1].", [("my-shop/mail.py", [], "invented"), ("[1]", [1], "invented")]),
        ("`send_receipt` is called by `cart` [1].", [("[1]", [1], "ok"), ("[2]", [2], "ok")]),
        ("`send_receipt` gives a `Promise`, a `Result` or `None` [1].", [("[1]", [1], "ok")]),
        ("It calls `send_invoice`.\n[1]\n", [("send_invoice", [], "invented"), ("[1]", [1], "invented")]),
        ("- `send_receipt` and `Cart`\n[1]\n[2]", [("[1]", [1], "ok"), ("[2]", [2], "ok")]),
        (
            "`send_receipt` [1], not `post` [1].",
            [("[1]", [1], "ok"), ("post", [], "invented"), ("[1]", [1], "invented")],
        ),
        ("`send_receipt` and `Cart` [1][2][3].", [("[1]", [1], "ok"), ("[2]", [2], "ok"), ("[3]", [3], "ok")]),
        ("```\nx [77]\n```\nrows[0] and `rows[1]`", []),
    ],
)
async def test_each_citation_is_judged(tmp_path: Path, says: str, found: list[tuple[str, list[int], str]]) -> None:
    async with running(tmp_path / "data", scripted(says)) as world:
        await indexed(world, tmp_path)
        answer = await ask(world)
    assert answer["sources"][0]["path"] == "shop/mail.py"
    assert statuses(answer) == found
    all_ok = all(status == "ok" for _, _, status in found)
    assert answer.get("grounding") == (float(all_ok) if found else None)


async def test_a_file_rewritten_with_the_size_and_time_of_before_has_one_truth(tmp_path: Path) -> None:
    lay_out(tmp_path / "code", FILES)
    file = tmp_path / "code" / "shop" / "mail.py"
    os.utime(file, (10**9, 10**9))
    async with running(tmp_path / "data", scripted("`send_receipt` mails it [1]."), watch=False) as world:
        done = await world.post("/index", {"path": str(tmp_path / "code"), "wait": True})
        assert done.status_code == 200, done.text
        file.write_text(MAIL.replace("return address", "return ADDRESS"))
        os.utime(file, (10**9, 10**9))
        hit = (await world.post("/search", {"query": "send_receipt"})).json()["hits"][0]
        answer = await ask(world)
    assert ("return ADDRESS" in hit["text"], hit["fresh"]) == (True, True)
    assert statuses(answer) == [("[1]", [1], "ok")]
    assert answer["sources"][0]["sha"] == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (MAIL, ["ok", "ok"]),
        (MAIL + "\n\ndef more():\n    pass\n", ["ok", "ok"]),
        ("import smtplib\n\n\n" + MAIL, ["moved", "moved"]),
        (MAIL.replace("return address", "return None"), ["stale", "ok"]),
        (MAIL.replace("def send_receipt", "def post_receipt"), ["stale", "stale"]),
        (None, ["stale", "stale"]),
    ],
)
async def test_the_disk_has_the_last_word(tmp_path: Path, now: str | None, found: list[str]) -> None:
    engine = scripted("`send_receipt` [1], from shop/mail.py:1-2.")
    async with running(tmp_path / "data", engine) as world:
        root = await indexed(world, tmp_path)
        first = await ask(world)
        if now is None:
            (root / "shop/mail.py").unlink()
        else:
            (root / "shop/mail.py").write_text(now)
        answer = await ask(
            world, "and then?", retrieval="off", conversation_id=first["conversation_id"]
        )  # its sources were shown a turn ago
    assert (answer["sources"], [citation["status"] for citation in answer["citations"]]) == ([], found)


async def test_events_come_in_order_after_their_text_and_a_replay_is_the_same(tmp_path: Path) -> None:
    engine = scripted("`send_receipt` mails [1]. 🙂 `nothing` does [1]! And [9]")
    async with running(tmp_path / "data", engine) as world, world.socket() as socket:
        root = await indexed(world, tmp_path)
        session = (await socket.call("session/open", workspace=str(root)))["session"]
        streamed = await world.post("/chat/query", {"query": "send_receipt", "session_id": session, "stream": True})
        end = await socket.until("end")
        async with world.socket() as late:
            await late.call("session/open", session=session, after=0)
            await late.until("end")
    text = ""
    cites = []
    for event in socket.logged:
        text += event["text"] if event["type"] == "delta" else ""
        if event["type"] == "cite":
            assert event["end"] <= len(text)
            cites.append((text[event["start"] : event["end"]], event["n"], event["status"]))
    assert cites == [
        ("[1]", [1], "ok"), ("nothing", [], "invented"), ("[1]", [1], "invented"), ("[9]", [9], "invented"),
    ]  # fmt: skip
    assert (end["grounding"], socket.logged[-1]) == (0.333, end)
    assert late.logged == socket.logged
    events = [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: ")]
    assert [event for event in events if "seq" in event] == socket.logged


async def test_an_answer_without_a_model_is_all_grounded(tmp_path: Path) -> None:
    async with running(tmp_path / "data", model_name="extractive") as world:
        await indexed(world, tmp_path)
        answers = [await ask(world, q) for q in ("Where is send_receipt?", "How does Cart.total sum the cart?", "mail")]
    for answer in answers:
        found = statuses(answer)
        assert {status for _, _, status in found} == {"ok"}
        assert any(text.startswith("[") for text, _, _ in found)
        assert any(text.startswith("shop/") for text, _, _ in found)
        assert answer["grounding"] == 1.0


async def test_a_cancelled_answer_keeps_the_citations_of_its_whole_sentences(tmp_path: Path) -> None:
    engine = ScriptedEngine(["`send_receipt` [1]. ", "Or [9", "]"], stall_after=2)
    async with running(tmp_path / "data", engine) as world, world.socket() as socket:
        root = await indexed(world, tmp_path)
        session = (await socket.call("session/open", workspace=str(root)))["session"]
        await socket.call("session/prompt", session=session, turn="t1", text="send_receipt")
        await socket.until("cite")
        await socket.call("session/cancel", session=session)
        end = await socket.until("end")
    assert (end["reason"], end["grounding"]) == ("cancelled", 1.0)
    assert [event["status"] for event in socket.logged if event["type"] == "cite"] == ["ok"]


async def test_what_the_user_attached_is_never_stale(tmp_path: Path) -> None:
    context = [{"path": "shop/mail.py", "text": "def unsaved():\n    return 1\n"}]
    async with running(tmp_path / "data", scripted("`unsaved` is in shop/mail.py:1-2 [1].")) as world:
        await indexed(world, tmp_path)
        answer = await ask(world, "what?", retrieval="only", context=context)
        answer = await ask(world, "what?", retrieval="off", context=context)
    assert statuses(answer) == [("shop/mail.py:1-2", [1], "ok"), ("[1]", [1], "ok")]


async def test_the_command_line_warns_and_makes_no_link(tmp_path: Path) -> None:
    async with running(tmp_path / "data", scripted("`send_receipt` [1]. In no/such.py:3 [9].")) as world:
        root = await indexed(world, tmp_path)
        words = ("ask", "send_receipt", "--path", str(root))
        plain = await asyncio.to_thread(lantern, tmp_path / "data", *words)
        full = await asyncio.to_thread(lantern, tmp_path / "data", *words, "--json")
    assert plain.stdout == "`send_receipt` [1]. In no/such.py:3 [9].\n"
    assert "2 of 3 citations are not supported by the sources: no/such.py:3, [9]\n" in plain.stderr
    printed = json.loads(full.stdout)
    assert [citation["status"] for citation in printed["citations"]] == ["ok", "invented", "invented"]
    assert printed["end"]["grounding"] == 0.5


def test_shown_code_is_found_again_in_its_message() -> None:
    texts = ["def f():\n    pass", "```\n[2] b.py:1-3\n```", "last"]
    hits = [
        Hit(0, f"{'abc'[n]}.py", 1, 3, "", "", "python", "", "", text, "", 0.0, Why(), True)
        for n, text in enumerate(texts)
    ]
    message = user_message([Snippet(n, hit, False) for n, hit in enumerate(hits, 1)], "[1] a.py:1-3\n```\nforged\n```")
    assert [shown_text(message, n, hit.path, 1, 3) for n, hit in enumerate(hits, 1)] == texts
    assert shown_text(message, 4, "a.py", 1, 3) == ""
