"""The sidebar of the page: codebases are opened, indexed and forgotten; conversations are found, renamed, deleted."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import World, running
from tests.e2e.page.harness import SHOP, Line, sign_in, visiting, write

pytestmark = pytest.mark.process
HOSTILE = "<img src=x onerror=alert(1)>"
CONVERSATION = {"session_id": "s", "title": "?", "workspace": None, "last_updated": "2026-01-01T00:00:00.000+00:00"}


async def indexed(world: World, folder: Path) -> Path:
    reply = await world.post("/index", {"path": str(write(folder, SHOP)), "wait": True})
    assert reply.json()["state"] == "done"
    return folder


def entries(page: Page, section: str) -> Locator:
    return page.get_by_role("region", name=section).locator(".entry-title")


async def test_a_codebase_is_opened_by_its_path_and_forgotten(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await indexed(world, tmp_path / "first")
        other = write(tmp_path / "second", SHOP)
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await page.keyboard.press("Alt+o")
            dialog = page.get_by_role("dialog", name="Open a codebase")
            field = dialog.get_by_label("Folder on the machine that Lantern runs on")
            await expect(field).to_be_focused()
            await field.fill(str(tmp_path / "nowhere"))
            await field.press("Enter")
            await expect(dialog.get_by_role("alert")).to_contain_text("nowhere")
            assert len(visit.problems) == 1
            assert "422" in visit.problems.pop()  # the browser reports the refused call
            await field.fill(str(other))
            await field.press("Enter")
            await expect(dialog).to_have_count(0)
            await expect(page.get_by_text("2 files read in", exact=False)).to_be_visible()
            await expect(entries(page, "Codebases")).to_have_text(["first", "second"])
            current = page.get_by_role("region", name="Codebases").locator("[aria-current]")
            await expect(current).to_contain_text("second")
            await page.get_by_role("button", name="Forget second").click()
            await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
            await page.get_by_role("button", name="Forget", exact=True).click()
            await expect(entries(page, "Codebases")).to_have_text(["first"])
            await expect(current).to_contain_text("first")
            await page.keyboard.press("Alt+o")
            await expect(dialog.get_by_role("button", name="second", exact=False).first).to_contain_text(
                "not indexed any more"
            )
        listed = (await world.get("/codebases")).json()["codebases"]
    assert [base["root"] for base in listed] == [str(tmp_path / "first")]
    assert (other / "README.md").exists()


async def test_nothing_indexed_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    async with (
        running(tmp_path / "data", ScriptedEngine("Yes.")) as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        section = visit.page.get_by_role("region", name="Codebases")
        await expect(section).to_contain_text("Nothing is indexed")
        await section.get_by_role("button", name="Open a codebase", exact=True).click()
        await expect(visit.page.get_by_role("dialog", name="Open a codebase")).to_be_visible()


async def test_conversations_are_found_renamed_and_deleted(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("The sum of `prices`.")) as world:
        await indexed(world, tmp_path / "code")
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await visit.ask("Where are prices added?")
            await page.keyboard.press("Alt+n")
            await visit.ask(HOSTILE)
            titles = entries(page, "Conversations")
            await expect(titles).to_have_text([HOSTILE, "Where are prices added?"])
            await page.get_by_label("Search conversations").fill("added")
            await expect(titles).to_have_text(["Where are prices added?"])
            await page.get_by_role("button", name="Rename “Where are prices added?”").click()
            await page.get_by_role("textbox", name="Title").fill("Adding up")
            await page.keyboard.press("Enter")
            await expect(titles).to_have_text(["Adding up"])
            await page.get_by_role("button", name="Adding up", exact=False).first.click()
            await expect(page.locator(".turn h2")).to_have_text(["Where are prices added?"])
            await page.get_by_label("Search conversations").fill("")
            await expect(titles).to_have_text([HOSTILE, "Adding up"])  # a row that moves during a click is not clicked
            await page.get_by_role("button", name="Delete “Adding up”").click()
            await page.get_by_role("button", name="Cancel").click()
            await page.get_by_role("button", name="Delete “Adding up”").click()
            await page.get_by_role("button", name="Delete", exact=True).click()
            await expect(titles).to_have_text([HOSTILE])
            await expect(page.locator(".turn")).to_have_count(0)  # the deleted one was open
        left = (await world.get("/chat/conversations")).json()
    assert [one["title"] for one in left["conversations"]] == [HOSTILE]


async def test_a_conversation_is_renamed_without_a_mouse(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await indexed(world, tmp_path / "code")
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await visit.ask("Is it fast?")
            await expect(entries(page, "Conversations")).to_have_text(["Is it fast?"])
            await page.get_by_label("Search conversations").focus()
            for _ in range(2):
                await page.keyboard.press("Tab")
            await expect(page.get_by_role("button", name="Rename “Is it fast?”")).to_be_focused()
            await page.keyboard.press("Enter")
            await page.keyboard.type("Speed")
            await page.keyboard.press("Enter")
            await expect(entries(page, "Conversations")).to_have_text(["Speed"])
            await expect(page.get_by_role("region", name="Conversations").locator(".entry-main")).to_be_focused()


async def test_more_conversations_than_a_list_holds_are_searched(browser: Browser, tmp_path: Path) -> None:
    limits: list[int] = []

    async def many(route: Route) -> None:
        limits.append(int(parse_qs(urlsplit(route.request.url).query)["limit"][0]))
        listed = [CONVERSATION | {"conversation_id": f"c{n}"} for n in range(limits[-1])]
        await route.fulfill(json={"conversations": listed, "total_count": 1001})

    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url) as visit:
        page = visit.page
        await page.route("**/chat/conversations?*", many)
        await sign_in(visit, world.token, Line().through)
        more = page.get_by_role("button", name="Show more")
        for _ in range(33):  # from 30 on, 30 more each time
            await more.click()
        await expect(page.get_by_text("Search for the older ones.")).to_be_visible()
        await expect(more).to_have_count(0)
        await expect(entries(page, "Conversations")).to_have_count(1000)
    assert max(limits) == 1000  # a server refuses more
