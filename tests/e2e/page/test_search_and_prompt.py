"""Searching without a question, the prompt that would be sent, and what a codebase is, on the page."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import World, running
from tests.e2e.page.harness import SHOP, Visit, visiting, write

pytestmark = pytest.mark.process
TOTAL = "shop/cart.py:4-6"
TAX = {
    "tax.py": "RATE = 0.1\n"
    + "\n" * 39
    + 'def tax(price: float) -> float:\n    """The tax on a price."""\n    return price * RATE\n'
}
HOSTILE = {
    "x.py": 'def boom() -> str:\n    """<script>alert(1)</script>"""\n    return "<img src=x onerror=alert(2)>"\n'
}


async def indexed(world: World, folder: Path, files: dict[str, str]) -> None:
    reply = await world.post("/index", {"path": str(write(folder, files)), "wait": True})
    assert reply.json()["state"] == "done"


def place(path: str, start: int, end: int) -> str:
    return f"{path}:{start}" if start == end else f"{path}:{start}-{end}"


async def sources(visit: Visit) -> list[str]:
    return [place(one["path"], one["start"], one["end"]) for one in (await visit.last())["sources"]]


async def test_a_search_shows_places_with_reasons_and_pins_one(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await indexed(world, tmp_path / "code", SHOP | TAX)
        expected = (await world.post("/search", {"query": "the tax on a price"})).json()["hits"]
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await page.keyboard.press("Alt+k")
            await expect(page.get_by_role("searchbox", name="Words, a name")).to_be_focused()
            await page.keyboard.type("the tax on a price")
            await page.keyboard.press("Enter")
            hits = page.locator(".hit")
            await expect(hits).to_have_count(len(expected))
            places = [place(hit["path"], hit["start_line"], hit["end_line"]) for hit in expected]
            assert await hits.locator(".hit-place .mono").all_inner_texts() == places
            tax = hits.filter(has=page.get_by_role("button", name="Pin tax.py:41-43"))
            await expect(tax.locator(".hit-place")).to_contain_text("chosen for")
            await expect(tax.locator(".line")).to_have_count(3)
            await tax.get_by_role("button", name="More lines around").click()
            await expect(tax.locator(".line")).to_have_count(33)
            await expect(tax.locator("tr.marked .line").first).to_have_text("def tax(price: float) -> float:\n")
            await tax.get_by_role("button", name="Ask about this: tax.py:41-43").click()
            await expect(page.locator("#composer")).to_be_focused()
            await visit.ask("Why?")
            assert "tax.py:41-43" in await sources(visit)
            await page.keyboard.press("Alt+k")
            await expect(hits).to_have_count(len(expected))  # one comes back to the same results
            await page.get_by_label("Only below this folder").fill("nowhere")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("status").filter(has_text="Nothing like")).to_be_visible()


async def test_what_a_codebase_has_is_not_shown_of_another(browser: Browser, tmp_path: Path) -> None:
    choose = "(id) => import('/web/chat/actions.js').then((a) => a.chooseCodebase(id))"
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await indexed(world, tmp_path / "shop", SHOP)
        await indexed(world, tmp_path / "tax", TAX)
        bases = {Path(one["root"]).name: one["id"] for one in (await world.get("/codebases")).json()["codebases"]}
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await page.locator(".topbar-codebase", has_text="tax").wait_for()
            await page.keyboard.press("Alt+k")
            await page.keyboard.type("the tax on a price")
            await page.keyboard.press("Enter")
            await page.locator(".hit").first.wait_for()
            await page.evaluate(choose, bases["shop"])
            await expect(page.locator(".hit")).to_have_count(0)
            await page.evaluate(choose, bases["tax"])
            await page.locator(".hit").first.wait_for()
            await page.get_by_role("button", name="Overview of tax").click()
            await expect(page.locator(".languages")).to_contain_text("python1 file")
            await page.route(f"**/codebases/{bases['shop']}/overview", lambda route: None)  # it is not answered
            await page.get_by_role("button", name="Overview of shop").click()
            await expect(page.locator(".overview-root")).to_contain_text("shop")
            await expect(page.locator(".languages")).to_have_count(0)


async def test_the_prompt_is_read_in_its_order_and_copied(browser: Browser, tmp_path: Path) -> None:
    clipboard = ["clipboard-read", "clipboard-write"]
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await indexed(world, tmp_path / "code", {"a.py": "def check():\n    return 1  # \u202e } if admin\n"})
        async with visiting(browser, world.url, world.token, permissions=clipboard) as visit:
            page = visit.page
            await page.fill("#composer", "What does check return?")
            await page.keyboard.press("Alt+p")
            await expect(page.locator(".prompt-text")).to_contain_text("# \\u202e } if admin")
            await page.get_by_role("button", name="Copy").click()
            await expect(page.locator(".button[data-done]")).to_be_visible()
            assert "# \u202e } if admin" in await page.evaluate("navigator.clipboard.readText()")


async def test_the_prompt_is_shown_and_a_piece_left_out(browser: Browser, tmp_path: Path) -> None:
    engine = ScriptedEngine("It sums them.")
    async with running(tmp_path / "data", engine) as world:
        await indexed(world, tmp_path / "code", SHOP)
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await page.fill("#composer", "How does total add the prices up?")
            await page.keyboard.press("Alt+p")
            dialog = page.get_by_role("dialog", name="The prompt")
            prompt = dialog.get_by_label("The whole prompt", exact=True)
            await expect(prompt).to_contain_text("return sum(prices)")
            await dialog.get_by_role("button", name=f"Leave out {TOTAL}").click()
            await expect(prompt).not_to_contain_text("return sum(prices)")
            await expect(dialog.get_by_role("button", name=f"Take {TOTAL} back")).to_be_visible()
            shown = await prompt.inner_text()
            await page.keyboard.press("Escape")
            await page.press("#composer", "Enter")
            await visit.answered()
            assert TOTAL not in await sources(visit)
            assert "How does total add the prices up?" in shown
            await page.keyboard.press("Alt+p")
            await dialog.get_by_role("button", name=f"Take {TOTAL} back").click()
            await expect(dialog.get_by_text("No question yet")).to_be_visible()
            await dialog.get_by_label("Question", exact=True).fill("How does total add the prices up?")
            await expect(prompt).to_contain_text("return sum(prices)")


async def test_the_overview_leads_to_the_lines_it_rests_on(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await indexed(
            world, tmp_path / "code", SHOP | {"pyproject.toml": '[project]\nname = "shop"\nversion = "1.2.3"\n'}
        )
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await page.get_by_role("button", name="Overview of code").click()
            await expect(page.locator(".languages")).to_contain_text("python1 file")
            version = (
                page.locator(".fact-group").filter(has=page.get_by_role("heading", name="Version")).locator("li").first
            )
            await expect(version).to_contain_text("1.2.3")
            await version.get_by_role("button", name="pyproject.toml:3").click()
            await expect(version.locator(".line").nth(2)).to_have_text('version = "1.2.3"\n')


async def test_code_and_names_are_text_in_every_panel(browser: Browser, tmp_path: Path) -> None:
    """The harness fails on dialogs, on scripts that fail and on violations of the policy."""
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await indexed(world, tmp_path / "<b>code", HOSTILE | {'<img src="x" onerror="alert(3)">.py': HOSTILE["x.py"]})
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await page.keyboard.press("Alt+k")
            await page.keyboard.type("<script>alert(1)</script> boom")
            await page.keyboard.press("Enter")
            await expect(page.locator(".hit")).to_have_count(2)
            await expect(page.locator(".hit .line").filter(has_text="<script>alert(1)</script>")).to_have_count(2)
            await page.keyboard.press("Alt+v")
            await expect(page.locator(".overview-root")).to_contain_text("<b>code")
            await page.keyboard.press("Alt+p")
            await page.locator("#preview-question").fill("What does boom do?")
            await expect(page.locator(".prompt-text")).to_contain_text("<img src=x onerror=alert(2)>")
            assert await page.locator("img").evaluate_all("all => all.map(one => one.getAttribute('src'))") == [
                "web/icon.svg"
            ]
