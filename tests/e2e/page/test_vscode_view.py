"""The view of the VS Code extension in a browser: its own document and script, with messages in place of the editor."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.page.harness import PATIENCE_MS
from tests.e2e.test_vscode import EXTENSION, NODE, compiled  # noqa: F401 - a fixture

pytestmark = pytest.mark.process
URL = "http://127.0.0.1:9"  # nothing is there: every file comes from the folder of the extension
DOCUMENT = "const { viewPage } = require(process.argv[1]); process.stdout.write(viewPage(JSON.parse(process.argv[2])))"
HOST = """window.sent = [];
window.acquireVsCodeApi = () => ({ postMessage: (one) => sent.push(one), getState: () => undefined,
  setState: () => {} });
"""
POST = "(message) => dispatchEvent(new MessageEvent('message', { data: message }))"
TURN: dict[str, Any] = {"id": "t", "question": "Why?", "attached": [], "text": "", "sources": [], "citations": []} | {
    "status": "Reads the code 10 of 40 tokens, about 3 s left …",
    "notice": "",
    "problem": "",
    "footer": "",
}


@asynccontextmanager
async def viewing(browser: Browser, compiled: Path) -> AsyncIterator[Page]:  # noqa: F811
    """The view after it has said that it is ready. Leaves only if its script had no errors."""
    document = '{"nonce": "N", "script": "/out/view/view.js", "style": "/media/view.css", "source": "' + URL + '"}'
    command: list[str | Path] = [NODE / "bin" / "node", "-e", DOCUMENT, compiled / "src" / "core" / "page.js", document]
    html = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    async def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{URL}/")
        await route.fulfill(path=EXTENSION / name) if name else await route.fulfill(body=html, content_type="text/html")

    page = await browser.new_page(viewport={"width": 320, "height": 600})
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.add_init_script(HOST)
    await page.route(f"{URL}/**", serve)
    await page.goto(f"{URL}/")
    assert await page.evaluate("sent") == [{"type": "ready"}]
    yield page
    await page.close()
    assert errors == []


async def test_a_conversation_in_the_view(browser: Browser, compiled: Path) -> None:  # noqa: F811
    async with viewing(browser, compiled) as page:
        ask, stop = page.locator("#ask"), page.locator("#stop")
        await page.evaluate(POST, {"type": "turns", "turns": []})
        await expect(page.locator("#empty")).to_be_visible()
        await page.evaluate(POST, {"type": "turn", "turn": TURN})
        await expect(stop).to_be_visible()
        await expect(page.locator("#empty")).to_be_hidden()
        await page.evaluate(POST, {"type": "delta", "id": "t", "text": "A paragraph in `a.py:3-9`.\n\n" * 60})
        await expect(page.locator(".answer p")).to_have_count(60)
        rest = "(log) => log.scrollHeight - log.clientHeight - log.scrollTop"
        assert await page.locator("#log").evaluate(rest) < 2
        await page.locator(".place").last.click()
        assert (await page.evaluate("sent"))[-1] == {"type": "open", "turn": "t", "path": "a.py", "start": 3, "end": 9}
        await page.fill("#question", "A question for later")
        await page.evaluate(POST, {"type": "turns", "turns": []})  # “New”, while the answer comes
        await page.evaluate(POST, {"type": "focus"})
        await expect(page.locator("#question")).to_have_value("A question for later")
        await expect(ask).to_be_visible()
        await expect(stop).to_be_hidden()
        await expect(page.locator("#empty")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


async def test_a_screen_reader_hears_stages_and_the_end(browser: Browser, compiled: Path) -> None:  # noqa: F811
    async with viewing(browser, compiled) as page:
        said = page.get_by_role("status")
        await page.evaluate(POST, {"type": "turn", "turn": TURN})
        await expect(said).to_have_text("Reads the code")
        await page.evaluate(POST, {"type": "delta", "id": "t", "text": "Because."})
        await expect(said).to_have_text("Writes …")
        await page.evaluate(POST, {"type": "turn", "turn": TURN | {"text": "Because.", "footer": "qwen", "status": ""}})
        await expect(said).to_have_text("The answer has ended.")
        assert await page.locator("[aria-live]").count() == 0


async def test_a_long_answer_is_drawn_less_often(browser: Browser, compiled: Path) -> None:  # noqa: F811
    draws = "() => { window.frames_ = 0; window.requestAnimationFrame = (draw) => { frames_ += 1; setTimeout(draw) } }"
    async with viewing(browser, compiled) as page:
        await page.evaluate(POST, {"type": "turn", "turn": TURN | {"text": "word " * 20_000}})
        await page.locator(".answer p").wait_for()
        await page.evaluate(draws)
        frames = f"() => {{ ({POST})({{ type: 'delta', id: 't', text: 'more' }}); return frames_ }}"
        assert await page.evaluate(frames) == 0
        await expect(page.locator(".answer")).to_contain_text("more")
