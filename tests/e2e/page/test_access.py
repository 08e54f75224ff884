"""The page by keyboard only, on a narrow screen, and before axe."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import SHOP, Line, Visit, sign_in, visiting, write

pytestmark = pytest.mark.process
AXE = Path(__file__).parents[3] / "build/web/node_modules/axe-core/axe.min.js"
ANSWER = (
    "`total` in `shop/cart.py:4-6` [1] adds.\n\n",
    "```python\nprint(1)\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n",
)
QUESTION = "How does total add the prices up?"
FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def tab_to(visit: Visit, name: str) -> None:
    """Presses Tab until the element with that name has the focus."""
    seen = []
    for _ in range(60):
        await visit.page.keyboard.press("Tab")
        seen.append(await visit.page.evaluate(FOCUSED))
        if seen[-1].startswith(name):
            return
    raise AssertionError(f"Tab does not reach {name!r}; it reaches {seen}")


async def test_everything_works_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    root = write(tmp_path / "code", SHOP)
    async with running(tmp_path / "data", ScriptedEngine(ANSWER)) as world:
        await world.post("/index", {"path": str(root), "wait": True})
        async with visiting(browser, world.url) as visit:
            keys = visit.page.keyboard
            await visit.page.locator("#token").wait_for()
            await tab_to(visit, "")
            await keys.type(world.token)
            await keys.press("Enter")
            await visit.page.get_by_role("heading", name="Ask about code").wait_for()
            await keys.press("/")
            await keys.type(QUESTION)
            await keys.press("Enter")
            await visit.page.locator(".turn").wait_for()
            await visit.answered()
            await keys.press("Alt+s")
            await expect(visit.page.locator("#sources-title")).to_be_focused()
            await tab_to(visit, "1Source 1:")
            await keys.press("Enter")
            await expect(visit.page.locator(".source.open")).to_have_count(0)
            await keys.press("Enter")
            await visit.page.locator(".source.open .code-view").wait_for()
            await tab_to(visit, "Pin")
            outline = await visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
            await keys.press("Space")
            await expect(visit.page.locator(".chip")).to_have_count(1)
            await visit.page.evaluate("document.activeElement.blur()")
            await keys.press("/")
            await keys.press("ArrowUp")
            assert await visit.page.input_value("#composer") == QUESTION
            await keys.press("Escape")
            assert await visit.page.input_value("#composer") == ""
            await keys.press("Alt+n")
            await visit.page.get_by_role("heading", name="Ask about code").wait_for()


async def test_a_narrow_screen_shows_everything(browser: Browser, tmp_path: Path) -> None:
    root = write(tmp_path / "code", SHOP)
    narrow: dict[str, Any] = {"viewport": {"width": 320, "height": 740}, "has_touch": True}
    async with running(tmp_path / "data", ScriptedEngine(ANSWER)) as world:
        await world.post("/index", {"path": str(root), "wait": True})
        async with visiting(browser, world.url, world.token, **narrow) as visit:
            page = visit.page
            assert await page.evaluate(OVERFLOW) == 0
            await visit.ask(QUESTION + " " + "verylongword" * 12)
            assert await page.evaluate(OVERFLOW) == 0
            await page.locator("button.cite.ok").first.click()
            await expect(page.locator(".source.open .code-view")).to_be_visible()
            assert await page.evaluate(OVERFLOW) == 0
            await page.get_by_role("button", name="Close the sources").click()
            await expect(page.locator(".sources")).not_to_be_visible()
            small = (
                "[...document.querySelectorAll('button')].filter((b) => b.checkVisibility({visibilityProperty: true})"
            )
            small += " && !b.matches('.cite, .copy')).map((b) => [b.textContent, b.getBoundingClientRect()])"
            small += ".filter(([, r]) => r.width && Math.min(r.width, r.height) < 24).map(([t]) => t)"
            assert await page.evaluate(small) == []


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core: npm could not be reached (`make web` tries again)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    root = write(tmp_path / "code", SHOP)
    engine = ScriptedEngine((*ANSWER, "And [9] too.\n"))
    async with (
        running(tmp_path / "data", engine) as world,
        visiting(browser, world.url, color_scheme=scheme) as visit,
    ):
        page = visit.page
        await page.locator("#token").wait_for()
        assert await serious(visit) == []
        await page.fill("#token", world.token)
        await page.press("#token", "Enter")
        await page.get_by_role("heading", name="Nothing is indexed").wait_for()
        assert await serious(visit) == []
        await world.post("/index", {"path": str(root), "wait": True})
        await page.reload()
        await page.get_by_role("heading", name="Ask about code").wait_for()
        assert await serious(visit) == []
        await visit.ask(QUESTION)
        await page.locator("button.cite.ok").first.click()
        await page.locator(".source.open .code-view").wait_for()
        assert await serious(visit) == []
        await page.get_by_role("button", name="Open the file").click()
        await page.get_by_role("dialog").locator(".code-view").wait_for()
        assert await serious(visit) == []


async def serious(visit: Visit) -> list[Any]:
    """What axe finds that is serious or critical: rule and elements."""
    await visit.page.evaluate(AXE.read_text("utf-8"))
    found = await visit.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


async def test_on_a_mac_alt_and_a_letter_type_a_character_in_a_field(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(ANSWER)) as world, visiting(browser, world.url) as visit:
        await visit.page.add_init_script("Object.defineProperty(navigator, 'platform', {value: 'MacIntel'})")
        await visit.page.reload()
        await sign_in(visit, world.token, Line().through)
        is_left = """(key) => document.getElementById("composer").dispatchEvent(
            new KeyboardEvent("keydown", {key, code: "KeyH", altKey: true, bubbles: true, cancelable: true}))"""
        assert await visit.page.evaluate(is_left, "˙") is True  # nothing prevents that it is typed
        dialog = visit.page.get_by_role("dialog", name="Preferences")
        await expect(dialog).to_have_count(0)
        await visit.page.evaluate("document.activeElement.blur()")
        await visit.page.keyboard.press("Alt+h")
        await expect(dialog).to_be_visible()
