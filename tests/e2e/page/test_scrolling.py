"""What scrolls: the conversation follows its end until the reader goes back; the page itself is fixed."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import visiting

pytestmark = pytest.mark.process
LONG = "A paragraph.\n\n" * 60 + "And [9] is nowhere."
# The text grows, the page scrolls itself, and the text has grown once more before the browser reports that scroll.
GROW_TWICE = """async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const grow = () => {
        const block = document.createElement("pre");
        block.textContent = "more\\n".repeat(20);
        document.querySelector(".turns").append(block);
    };
    grow();
    await frame();
    await new Promise((resolve) => setTimeout(resolve));
    grow();
    for (let n = 0; n < 4; n += 1) await frame();
}"""
FROM_END = "() => { const box = document.querySelector('.turns-frame');" + (
    " return box.scrollHeight - box.clientHeight - box.scrollTop; }"
)


async def test_the_page_itself_does_not_scroll(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(LONG)) as world, visiting(browser, world.url, world.token) as visit:
        await visit.ask("Tell me")
        assert await visit.page.evaluate("document.documentElement.scrollHeight - innerHeight") == 0


async def test_a_text_that_grows_quickly_is_followed_until_the_reader_goes_back(
    browser: Browser, tmp_path: Path
) -> None:
    async with running(tmp_path, ScriptedEngine(LONG)) as world, visiting(browser, world.url, world.token) as visit:
        page = visit.page
        await visit.ask("Tell me")
        to_end = page.get_by_role("button", name="To the end")
        await page.evaluate(GROW_TWICE)
        assert await page.evaluate(FROM_END) < 2
        await expect(to_end).to_have_count(0)
        await page.locator(".turns-frame").hover()
        await page.mouse.wheel(0, -500)
        await expect(to_end).to_be_visible()
        await page.evaluate(GROW_TWICE)
        assert await page.evaluate(FROM_END) > 500
        await to_end.click()
        await expect(to_end).to_have_count(0)
