"""Signing in to the page: the one-use code, the pasted token, what is left behind."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, WebSocketRoute, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import WithoutRefusals, new_code, visiting

pytestmark = pytest.mark.process
STORED = "JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"


async def test_a_code_signs_in_once_and_leaves_the_address(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        code = await new_code(world.url, world.token)
        async with visiting(browser, f"{world.url}/#code={code}") as visit:
            visit.dropped = True
            await visit.page.locator(".connection.open").wait_for()
            assert visit.page.url == f"{world.url}/"
            session, local, cookie = await visit.page.evaluate(f"JSON.parse({STORED})")
            assert (session["lantern.token"], cookie) == (f'"{world.token}"', "")
            assert world.token not in str(local)
            await visit.page.reload()
            await visit.page.locator(".connection.open").wait_for()
        async with visiting(browser, f"{world.url}/") as visit:
            await visit.page.get_by_label("Token").wait_for()
        async with visiting(browser, f"{world.url}/#code={code}") as visit:
            visit.problems = WithoutRefusals()
            await expect(visit.page.get_by_role("alert")).to_contain_text("used before")
            assert visit.page.url == f"{world.url}/"


async def test_a_pasted_token_is_checked(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        visit.problems = WithoutRefusals()
        visit.dropped = True  # a socket that is closed before it is open is an error of the console, too
        await visit.page.fill("#token", "wrong")
        await visit.page.press("#token", "Enter")
        await expect(visit.page.get_by_role("alert")).to_contain_text("not the server's token")
        await visit.page.goto(f"{world.url}/#code=used")
        await expect(visit.page.get_by_role("alert")).to_contain_text("used before")
        await visit.page.fill("#token", f" {world.token}\n")
        await visit.page.press("#token", "Enter")
        await visit.page.locator(".connection.open").wait_for()
        await visit.page.evaluate("sessionStorage.setItem('lantern.token', '\"old\"')")
        await visit.page.reload()
        await expect(visit.page.get_by_role("alert")).to_contain_text("does not accept this tab's token")


async def test_a_link_that_is_opened_in_the_same_tab_signs_in(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url) as visit:
        visit.problems = WithoutRefusals()
        await visit.page.get_by_label("Token").wait_for()
        await visit.page.goto(f"{world.url}/#code={await new_code(world.url, world.token)}")
        await visit.page.locator(".connection.open").wait_for()
        assert visit.page.url == f"{world.url}/"
        await visit.ask("Why?")
        await visit.page.evaluate("import('/web/lib/store.js').then((store) => store.signOut('Out.'))")
        await visit.page.get_by_label("Token").wait_for()
        await visit.page.goto(f"{world.url}/#code={await new_code(world.url, world.token)}")
        await expect(visit.page.locator(".turn h2")).to_have_text(["Why?"])
        await visit.page.locator(".connection.open").wait_for()
        await expect(visit.page.locator(".toast")).to_have_count(0)


async def test_a_browser_that_forbids_storage_shows_the_page(browser: Browser, tmp_path: Path) -> None:
    forbid = """for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, { get: () => { throw new DOMException("forbidden", "SecurityError"); } });
    }"""
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url) as visit:
        await visit.page.add_init_script(forbid)
        await visit.page.reload()
        await visit.page.fill("#token", world.token)
        await visit.page.press("#token", "Enter")
        await visit.page.locator(".connection.open").wait_for()
        await visit.ask("Why?")


async def test_the_page_works_below_a_path_of_a_proxy(browser: Browser, tmp_path: Path) -> None:
    sockets: list[str] = []

    async def forward(route: Route) -> None:
        server, below, path = route.request.url.partition("/proxy/8000/")
        if below:
            await route.fulfill(response=await route.fetch(url=f"{server}/{path}"))
        else:  # another program's, which the page must not ask
            await route.abort()

    async def take(route: WebSocketRoute) -> None:
        sockets.append(route.url)

    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        page = visit.page
        await page.route("**/*", forward)
        await page.route_web_socket("**/v1/ws", take)
        await page.goto(f"{world.url}/proxy/8000/#code={await new_code(world.url, world.token)}")
        await expect(page.get_by_role("region", name="Codebases")).to_contain_text("Nothing is indexed")
        await expect(page.locator(".connection.connecting")).to_be_visible()
        assert page.url == f"{world.url}/proxy/8000/"
        assert await page.evaluate("document.querySelector('.brand img').naturalWidth > 0")
        await page.keyboard.press("Alt+g")
        await expect(page.locator(".uplot").first).to_be_visible()
        assert await page.evaluate("[...document.styleSheets].at(-1).href") == f"{page.url}web/vendor/uplot.css"
    assert sockets == [f"{world.url.replace('http', 'ws', 1)}/proxy/8000/v1/ws"]
