"""Every panel before axe, in light and dark, and on a narrow screen."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import SHOP, Visit, visiting, write
from tests.e2e.page.test_access import AXE, OVERFLOW, serious

pytestmark = pytest.mark.process
QUESTION = "How does total add the prices up?"
# Key of each panel, and what is on it once it is complete.
PANELS = {
    "k": ".hit .code-view",
    "p": ".pieces",
    "m": ".model",
    "g": ".plot canvas",
    "v": ".fact-list",
    "o": "#open-path",
    "h": ".shortcuts",
}
NARROW: dict[str, Any] = {"viewport": {"width": 320, "height": 740}, "has_touch": True}


async def opened(visit: Visit, key: str) -> None:
    await visit.page.keyboard.press(f"Alt+{key}")
    if key == "k":
        await visit.page.get_by_role("searchbox", name="Words, a name").fill("sum of all prices")
        await visit.page.keyboard.press("Enter")
    if key == "p":
        await visit.page.locator("#preview-question").fill(QUESTION)
    await visit.page.locator(PANELS[key]).first.wait_for()


@pytest.mark.parametrize("given", [{"color_scheme": "light"}, {"color_scheme": "dark"}, NARROW], ids=str)
async def test_every_panel_is_accessible(browser: Browser, tmp_path: Path, given: dict[str, Any]) -> None:
    if given != NARROW and not AXE.exists():
        pytest.skip("no axe-core: npm could not be reached (`make web` tries again)")
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await world.post("/index", {"path": str(write(tmp_path / "code", SHOP)), "wait": True})
        async with visiting(browser, world.url, world.token, **given) as visit:
            await visit.ask(QUESTION)
            world.services.history.sample()
            for key in PANELS:
                await opened(visit, key)
                assert (key, await visit.page.evaluate(OVERFLOW)) == (key, 0)
                if given != NARROW:
                    assert (key, await serious(visit)) == (key, [])
                await visit.page.keyboard.press(f"Alt+{key}")
                await expect(visit.page.locator(PANELS[key])).to_have_count(0)
            if given == NARROW:
                await visit.page.get_by_role("button", name="Sidebar").click()
                await expect(visit.page.locator(".entry-title")).to_have_text(["code", QUESTION])
            await visit.page.get_by_role("button", name=f"Delete “{QUESTION}”").click()
            await visit.page.get_by_role("button", name="Cancel").wait_for()
            if given != NARROW:
                assert await serious(visit) == []
