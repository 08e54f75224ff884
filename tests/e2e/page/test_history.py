"""What the page takes from the history: what questions went with, and citations whose files have changed."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.e2e.page.harness import SHOP
from tests.e2e.page.test_conversation import ANSWER, QUESTION, shop

pytestmark = pytest.mark.process
ATTACH = "([name, text]) => import('/web/chat/attach.js').then((a) => a.attachText(name, text))"
RETURN = "dispatchEvent(new Event('focus'))"  # from another window


async def test_citations_follow_the_files_when_the_reader_comes_back(browser: Browser, tmp_path: Path) -> None:
    async with shop(browser, tmp_path, ScriptedEngine(ANSWER)) as (_, visit):
        page, file = visit.page, tmp_path / "code" / "shop" / "cart.py"
        await visit.ask(QUESTION)
        await expect(page.locator("button.cite.ok")).to_have_count(2)
        file.write_text(SHOP["shop/cart.py"].replace("sum(prices)", "0.0"))
        await page.evaluate(RETURN)
        await expect(page.locator("button.cite.stale")).to_have_count(2)
        await expect(page.locator(".cite.invented")).to_have_count(1)
        await expect(page.locator(".cite-legend")).to_contain_text("2 citations: the code has changed since")
        file.write_text("import math\n" + SHOP["shop/cart.py"])
        await page.reload()
        await expect(page.locator("button.cite.moved")).to_have_count(2)
        file.write_text(SHOP["shop/cart.py"])
        await page.evaluate(RETURN)
        await expect(page.locator("button.cite.ok")).to_have_count(2)


async def test_a_question_keeps_what_was_attached_when_the_page_is_loaded_again(
    browser: Browser, tmp_path: Path
) -> None:
    engine = ScriptedEngine(ANSWER)
    async with shop(browser, tmp_path, engine) as (_, visit):
        page = visit.page
        await page.evaluate(ATTACH, ["notes.txt", "The tax is 19 percent.\n"])
        await visit.ask(QUESTION)
        await page.reload()
        await expect(page.locator(".turn .question + p")).to_have_text("With notes.txt")
        await expect(page.locator(".source.open .line").first).to_have_text("The tax is 19 percent.\n")
        await page.get_by_role("button", name="Ask again").click()
        await expect(page.locator(".turn")).to_have_count(1)
        await visit.answered()
        again = await visit.last()
    assert [(one["path"], one["text"]) for one in again["context"]] == [("notes.txt", "The tax is 19 percent.\n")]
    assert "The tax is 19 percent." in engine.prompts[-1].text
