"""Where the focus is, what Escape ends, what can be reached while a dialog is open, and what is attached."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, running
from tests.e2e.page.harness import SHOP, visiting, write

pytestmark = pytest.mark.process
NARROW: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
QUESTION = "How does total add the prices up?"
SAID = ".chat > .visually-hidden[role=status]"  # to a screen reader
COMPOSING = (
    "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true, isComposing: true}))"
)
STORE = "import('/web/lib/store.js')"


async def test_escape_ends_the_nearest_thing_only(browser: Browser, tmp_path: Path) -> None:
    engine = ScriptedEngine(("One in `shop/cart.py:4-6` [1]. ", "Two. ", "Three."), stall_after=2)
    engine.go_on = gate = Gate()
    async with running(tmp_path / "data", engine) as world:
        await world.post("/index", {"path": str(write(tmp_path / "code", SHOP)), "wait": True})
        async with visiting(browser, world.url, world.token, **NARROW) as visit:
            page = visit.page
            await visit.send(QUESTION)
            await gate.is_reached.wait()
            await page.locator("#composer").focus()
            await page.keyboard.press("Alt+s")
            await expect(page.locator("#sources-title")).to_be_focused()
            await page.keyboard.press("Escape")
            await expect(page.locator(".sources")).not_to_be_visible()
            await expect(page.locator("#composer")).to_be_focused()
            await page.get_by_role("button", name="Sidebar").click()
            await page.get_by_label("Search conversations").fill("no such")
            await page.keyboard.press("Escape")
            await expect(page.get_by_label("Search conversations")).to_have_value("")
            await page.keyboard.press("Escape")
            await expect(page.locator(".sidebar")).not_to_be_visible()
            await expect(page.get_by_role("button", name="Sidebar")).to_be_focused()
            await page.evaluate(COMPOSING)
            assert (await visit.last())["end"] is None
            await page.locator("#composer").focus()
            await page.keyboard.press("Escape")
            await visit.answered()
            assert (await visit.last())["end"]["reason"] == "cancelled"
            await expect(page.locator(SAID)).to_have_text("The answer is stopped.")


async def test_sources_that_are_closed_give_the_focus_back(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("It is in `shop/cart.py:4-6` [1].")) as world:
        await world.post("/index", {"path": str(write(tmp_path / "code", SHOP)), "wait": True})
        async with visiting(browser, world.url, world.token, **NARROW) as visit:
            await visit.ask(QUESTION)
            cite = visit.page.locator("button.cite").first
            await cite.focus()
            await visit.page.keyboard.press("Enter")
            await expect(visit.page.locator("#sources-title")).to_be_focused()
            await visit.page.get_by_role("button", name="Close the sources").click()
            await expect(cite).to_be_focused()


async def test_a_deleted_row_and_a_page_leave_the_focus_near(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await world.post("/index", {"path": str(write(tmp_path / "code", SHOP)), "wait": True})
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await visit.ask("The first")
            await page.keyboard.press("Alt+n")
            await page.get_by_role("button", name="Delete “The first”").focus()
            await page.keyboard.press("Enter")
            await page.keyboard.press("Shift+Tab")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("button", name="Delete “The first”")).to_have_count(0)
            await expect(page.get_by_role("button", name="New conversation")).to_be_focused()
            await page.focus("#composer")
            await page.keyboard.press("Alt+v")
            await expect(page.get_by_role("heading", name="Overview")).to_be_focused()
            await page.get_by_role("button", name="Back to the conversation").press("Enter")
            await expect(page.locator(".turns-frame")).to_be_focused()


async def test_a_message_can_be_read_and_dismissed_while_a_dialog_is_open(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        page = visit.page
        await page.get_by_role("button", name="Attach a selection or a diff").click()
        await page.get_by_role("button", name="Attach", exact=True).click()
        toast = page.locator(".toast", has_text="is empty")
        await toast.get_by_role("button", name="Dismiss").click()
        await expect(toast).to_have_count(0)
        await page.evaluate("document.querySelector('dialog').close()")  # as the browser does at a second Escape
        await expect(page.locator("dialog")).to_have_count(0)
        await expect(page.locator(".toasts")).to_have_count(1)


async def test_a_text_that_is_selected_beyond_the_dialog_does_not_close_it(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        page = visit.page
        await page.get_by_role("button", name="Attach a selection or a diff").click()
        await page.get_by_label("Code, a log").fill("one\ntwo")
        await page.get_by_label("Code, a log").hover()
        await page.mouse.down()
        await page.mouse.move(20, 400, steps=4)
        await page.mouse.up()
        await expect(page.get_by_label("Code, a log")).to_have_value("one\ntwo")
        await page.mouse.click(20, 400)
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def attach(page: Page, files: str) -> list[str]:
    """Attaches files, given as JavaScript; answers the messages that are shown."""
    await page.evaluate(f"import('/web/chat/attach.js').then((a) => a.attachFiles({files}))")
    texts: list[str] = await page.evaluate(f"{STORE}.then((s) => s.toasts.value.map((one) => one.text))")
    return texts


async def test_what_cannot_be_attached_is_named(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        folder = "[{ name: 'folder', size: 4096, text: () => Promise.reject(new Error('not a file')) }]"
        assert await attach(visit.page, folder) == ["folder cannot be read: attach files, not folders."]
        many = "Array.from({ length: 21 }, (_, n) => new File(['text'], `${n}.txt`))"
        assert (await attach(visit.page, many))[-1] == "Only the first 20 of the 21 files are attached."
        await expect(visit.page.locator(".chip")).to_have_count(20)


async def test_a_pasted_text_without_room_in_the_question_is_attached(browser: Browser, tmp_path: Path) -> None:
    paste = """() => {
        const data = new DataTransfer();
        data.setData("text", "long ".repeat(8000));
        const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
        return document.getElementById("composer").dispatchEvent(event);
    }"""
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        assert await visit.page.evaluate(paste) is False  # the browser does not cut it into the field
        await expect(visit.page.locator(".chip")).to_have_text(["pasted.txt"])


async def test_a_tab_that_is_shown_again_has_the_new_conversations(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        titles = visit.page.get_by_role("region", name="Conversations").locator(".entry-title")
        await visit.ask("Mine")
        await expect(visit.page.locator(SAID)).to_have_text("The answer has ended: 1 word, 0 sources.")
        await expect(titles).to_have_text(["Mine"])
        await world.post("/chat/query", {"query": "Another program's"})
        await visit.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(titles).to_have_text(["Another program's", "Mine"])


async def test_a_question_from_right_to_left_is_shown_so(browser: Browser, tmp_path: Path) -> None:
    answer = "\u05e9\u05dc\u05d5\u05dd `src/a.py`\n\n```python\n# \u05e9\u05dc\u05d5\u05dd\n```\n"
    direction = "(all) => all.map((one) => getComputedStyle(one).direction)"
    async with running(tmp_path, ScriptedEngine(answer)) as world, visiting(browser, world.url, world.token) as visit:
        await visit.ask("\u05e9\u05dc\u05d5\u05dd?")
        shown = visit.page.locator(".turn h2, .markdown p, .markdown code, #composer")
        assert await shown.evaluate_all(direction) == ["rtl", "rtl", "ltr", "ltr", "ltr"]
