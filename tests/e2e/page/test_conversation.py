"""A conversation on the page: what a user does, and what the server stores of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, FilePayload, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, World, running
from tests.e2e.page.harness import LAST, SHOP, Visit, visiting, write

pytestmark = pytest.mark.process
ANSWER = (
    "The sum is made in ",
    "`shop/cart.py:4-6` [1].\n\n",
    "```python\nprint(total([1, 2]))\n```\n\nAnd [9] is nowhere.\n",
)
QUESTION = "How does total add the prices up?"


@asynccontextmanager
async def shop(
    browser: Browser, folder: Path, engine: ScriptedEngine, **options: Any
) -> AsyncIterator[tuple[World, Visit]]:
    root = write(folder / "code", SHOP)
    async with running(folder / "data", engine) as world:
        reply = await world.post("/index", {"path": str(root), "wait": True})
        assert reply.json()["state"] == "done"
        async with visiting(browser, world.url, world.token, **options) as visit:
            await expect(visit.page.get_by_role("heading", name="Ask about code")).to_be_visible()
            yield world, visit


async def stored(world: World, visit: Visit) -> str:
    """The last answer as `GET /chat/history` has it."""
    turn = await visit.last()
    reply = await world.get("/chat/history", conversation_id=turn["conversation"])
    return str(reply.json()["messages"][-1]["content"])


async def test_an_answer_is_shown_with_code_citations_and_sources(browser: Browser, tmp_path: Path) -> None:
    async with shop(browser, tmp_path, ScriptedEngine(ANSWER), permissions=["clipboard-read", "clipboard-write"]) as (
        world,
        visit,
    ):
        page = visit.page
        await visit.ask(QUESTION)
        turn = await visit.last()
        assert turn["text"] == await stored(world, visit)
        assert [cite["status"] for cite in turn["cites"]] == ["ok", "ok", "invented"]
        code = page.locator(".code-block")
        await expect(code.locator("code")).to_have_text("print(total([1, 2]))\n")
        await expect(code.locator(".hljs-built_in, .hljs-title").first).to_be_visible()
        await code.get_by_role("button", name="Copy").click()
        await expect(code.locator(".copy[data-done]")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "print(total([1, 2]))\n"
        await page.get_by_role("button", name="Copy the answer").click()
        assert await page.evaluate("navigator.clipboard.readText()") == turn["text"]
        await expect(page.locator(".cite.invented")).to_have_text("[9] (not confirmed by the sources)")
        await expect(page.locator(".cite-legend")).to_have_text("1 citation: not confirmed by the sources")
        await page.locator("button.cite.ok").first.click()
        opened = page.locator(".source.open")
        await expect(opened).to_contain_text("shop/cart.py:4-6")
        await expect(opened).to_contain_text("Why: chosen for")
        await expect(opened.locator(".line").nth(2)).to_have_text("    return sum(prices)\n")
        await opened.get_by_role("button", name="Open the file").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator("tr.marked")).to_have_count(3)
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)


async def test_a_conversation_goes_on_after_the_page_is_loaded_again(browser: Browser, tmp_path: Path) -> None:
    engine = ScriptedEngine(ANSWER)
    async with shop(browser, tmp_path, engine) as (world, visit):
        await visit.ask(QUESTION)
        await visit.ask("And what of an empty list?")
        before = await visit.last()
        await visit.page.reload()
        await expect(visit.page.locator(".turn")).to_have_count(2)
        await visit.answered()
        await visit.page.wait_for_function(f"() => {LAST}.then((turn) => turn.codebase !== null)")
        assert await visit.last() == before
        await visit.ask("And a discount?")
        assert (await visit.last())["conversation"] == before["conversation"]
        listed = (await world.get("/chat/conversations")).json()["conversations"]
        assert [(one["title"], one["message_count"]) for one in listed] == [(QUESTION, 6)]


async def test_the_last_question_is_asked_again_and_edited(browser: Browser, tmp_path: Path) -> None:
    async with shop(browser, tmp_path, ScriptedEngine(ANSWER)) as (world, visit):
        page = visit.page
        await visit.ask(QUESTION)
        first = await visit.last()
        await page.get_by_role("button", name="Ask again").click()
        await page.wait_for_function(f"() => !document.querySelector('[data-turn=\"{first['id']}\"]')")
        await visit.answered()
        await expect(page.locator(".turn")).to_have_count(1)
        await page.focus("#composer")
        await page.keyboard.press("ArrowUp")
        assert await page.input_value("#composer") == QUESTION
        await visit.ask("How does discount work?")
        await expect(page.locator(".turn h2")).to_have_text(["How does discount work?"])
        last = await visit.last()
        messages = (await world.get("/chat/history", conversation_id=last["conversation"])).json()["messages"]
        assert [one["content"] for one in messages] == ["How does discount work?", last["text"]]


async def test_pins_exclusions_and_attachments_reach_the_prompt(browser: Browser, tmp_path: Path) -> None:
    engine = ScriptedEngine(ANSWER)
    async with shop(browser, tmp_path, engine) as (_, visit):
        page = visit.page
        await visit.ask(QUESTION)
        await page.get_by_role("button", name="Without this piece").click()
        out = (await visit.last())["sources"][0]
        diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+brand_new_line\n"
        await page.get_by_role("button", name="Attach a selection or a diff").click()
        await page.get_by_label("Code, a log").fill(diff)
        await page.get_by_role("button", name="Attach", exact=True).click()
        await page.locator("input[type=file]").set_input_files(
            FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"a_note_of_mine")
        )
        await expect(page.locator(".chip")).to_have_count(3)
        await visit.ask("Does total work?")
        prompt = "".join(segment.text for segment in engine.prompts[-1].segments)
        assert "brand_new_line" in prompt
        assert "a_note_of_mine" in prompt
        places = {(one["path"], one["start"]) for one in (await visit.last())["sources"]}
        assert (out["path"], out["start"]) not in places
        await expect(page.locator(".chip")).to_have_count(1)  # texts go with one question


async def test_an_attached_text_goes_again_with_its_question_and_stays_when_it_is_pinned(
    browser: Browser, tmp_path: Path
) -> None:
    engine = ScriptedEngine(ANSWER)
    async with shop(browser, tmp_path, engine) as (_, visit):
        page = visit.page
        await page.locator("input[type=file]").set_input_files(
            FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"a_note_of_mine")
        )
        chip = page.locator(".chip").filter(has_text="notes.txt")
        await expect(chip).to_have_count(1)
        await visit.ask("Does total work?")
        await expect(chip).to_have_count(0)
        first = await visit.last()
        await page.get_by_role("button", name="Ask again").click()
        await page.wait_for_function(f"() => !document.querySelector('[data-turn=\"{first['id']}\"]')")
        await visit.answered()
        assert [one["path"] for one in (await visit.last())["context"]] == ["notes.txt"]
        assert "a_note_of_mine" in "".join(segment.text for segment in engine.prompts[-1].segments)
        await page.get_by_role("button", name="Edit the question").click()
        await expect(chip).to_have_count(1)
        await page.keyboard.press("Alt+p")
        await page.get_by_role("button", name="Pin notes.txt:1").click()
        await expect(page.locator(".piece-place").filter(has_text="notes.txt")).to_have_count(1)
        await page.keyboard.press("Escape")
        await visit.ask("Does total work well?")
        await expect(chip).to_have_count(1)
        await page.keyboard.press("Alt+p")
        await page.locator("#preview-question").fill("And now?")
        await page.get_by_role("button", name="Leave out notes.txt:1").click()
        await expect(page.locator(".chip")).to_have_count(0)


async def test_a_source_says_that_its_file_has_changed_since_the_answer(browser: Browser, tmp_path: Path) -> None:
    async with shop(browser, tmp_path, ScriptedEngine(ANSWER)) as (world, visit):
        await visit.ask(QUESTION)
        source = visit.page.locator(".source.open")
        await expect(source).to_contain_text("return sum(prices)")
        await expect(source).not_to_contain_text("has changed")
        file = tmp_path / "code/shop/cart.py"
        file.write_text(file.read_text("utf-8").replace("return sum(prices)", "return 0"), "utf-8")
        await world.post("/index", {"path": str(tmp_path / "code"), "wait": True})
        await expect(source).to_contain_text("The file has changed since the answer")
        await expect(source).to_contain_text("return 0")


@pytest.mark.parametrize("way", ["button", "key"])
async def test_stop_keeps_what_was_written(browser: Browser, tmp_path: Path, way: str) -> None:
    engine = ScriptedEngine(("One sentence. ", "Two sentences. ", "Three."), stall_after=2)
    engine.go_on = gate = Gate()
    async with shop(browser, tmp_path, engine) as (world, visit):
        await visit.send("Count, please")
        await gate.is_reached.wait()
        await expect(visit.page.locator(".waiting")).to_contain_text("Writing")
        if way == "button":
            await visit.page.get_by_role("button", name="Stop").click()
        else:
            await visit.page.keyboard.press("Escape")
        await visit.answered()
        turn = await visit.last()
        assert turn["end"]["reason"] == "cancelled"
        assert turn["text"] == await stored(world, visit)
        await expect(visit.page.locator(".answer")).to_contain_text("Stopped.")


async def test_an_error_says_what_to_do_and_asks_again(browser: Browser, tmp_path: Path) -> None:
    engine = ScriptedEngine(ANSWER, fail_after=1)
    async with shop(browser, tmp_path, engine) as (_, visit):
        await visit.ask(QUESTION)
        await expect(visit.page.get_by_role("alert")).to_be_visible()
        engine._fail_after = None
        await visit.page.get_by_role("button", name="Try again").click()
        await visit.page.locator(".code-block").wait_for()
        await visit.answered()
        assert (await visit.last())["end"]["reason"] == "stop"
        await expect(visit.page.locator(".turn")).to_have_count(1)


async def test_without_a_codebase_the_page_opens_one(browser: Browser, tmp_path: Path) -> None:
    root = write(tmp_path / "code", SHOP)
    async with (
        running(tmp_path / "data", ScriptedEngine(ANSWER)) as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        await expect(visit.page.get_by_role("heading", name="Nothing is indexed yet")).to_be_visible()
        await visit.page.fill("#folder", str(root))
        await visit.page.press("#folder", "Enter")
        await expect(visit.page.get_by_role("heading", name="Ask about code")).to_be_visible()
        await visit.ask(QUESTION)
        assert {one["path"] for one in (await visit.last())["sources"]} == set(SHOP)


async def test_a_source_shows_the_codebase_that_the_answer_is_about(browser: Browser, tmp_path: Path) -> None:
    first = write(tmp_path / "first", SHOP)
    other = write(tmp_path / "other", {"shop/cart.py": "def other() -> None: ...\n"})
    async with running(tmp_path / "data", ScriptedEngine(ANSWER)) as world:
        bases = [(await world.post("/index", {"path": str(root), "wait": True})).json() for root in (first, other)]
        async with visiting(browser, world.url, world.token) as visit:
            choose = "(id) => import('/web/chat/actions.js').then((a) => a.chooseCodebase(id))"
            await visit.page.evaluate(choose, bases[0]["codebase"])
            await visit.ask("How does total add the prices up?")
            await expect(visit.page.locator(".source.open .code-view")).to_contain_text("sum(prices)")
            await visit.page.evaluate(choose, bases[1]["codebase"])
            await visit.page.get_by_text("From here on the questions are about").wait_for()
            await visit.page.get_by_role("button", name="Open the file").first.click()
            await expect(visit.page.locator("dialog .code-view")).to_contain_text("sum(prices)")
            await expect(visit.page.locator(".source.open")).not_to_contain_text("has changed since the answer")


async def test_a_deleted_conversation_does_not_close_the_one_that_was_opened_after_it(
    browser: Browser, tmp_path: Path
) -> None:
    gone = {"session_id": "gone", "conversation_id": "gone"}
    both = "(two) => import('/web/chat/actions.js').then((a) => Promise.all(two.map((one) => a.openConversation(one))))"
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        await visit.ask("Is it here?")
        turn = await visit.last()
        here = {"session_id": turn["session"], "conversation_id": turn["conversation"]}
        await visit.page.evaluate(both, [gone, here])
        await expect(visit.page.locator(".turn h2")).to_have_text(["Is it here?"])
        await expect(visit.page.locator(".toast")).to_have_count(0)
