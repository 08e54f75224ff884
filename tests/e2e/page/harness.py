"""What the tests of the web page share: a signed-in page that must stay free of errors, and the steps of a user."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, ConsoleMessage, Page, WebSocketRoute, expect
from playwright.async_api import Error as PlaywrightError

PATIENCE_MS = 30_000  # of a wait for something that happens in milliseconds on an idle machine
# Numbers the violations of the page's policy; the browser reports them to the console, too.
WATCH = "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI));"
LAST = "import('/web/lib/store.js').then((store) => store.turns.value.at(-1)?.peek() ?? null)"
SHOP = {
    "shop/cart.py": '"""The cart."""\n\n\ndef total(prices: list[float]) -> float:\n    """The sum of all prices."""\n'
    "    return sum(prices)\n\n\ndef discount(price: float) -> float:\n    return price * 0.9\n",
    "README.md": "# Shop\n\nSells things: `total` adds the prices up.\n",
}

expect.set_options(timeout=PATIENCE_MS)


@dataclass(slots=True)
class Visit:
    """A page of the browser. `problems`: errors of the console and of scripts, dialogs, violations of the policy."""

    page: Page
    problems: list[str] = field(default_factory=list)
    dropped: bool = False  # a lost connection is expected: the browser reports it as an error

    async def ask(self, text: str) -> None:
        """Asks and returns when the answer is complete."""
        await self.send(text)
        await self.answered()

    async def send(self, text: str) -> None:
        before = await self.page.locator(".turn").count()
        await self.page.fill("#composer", text)
        await self.page.press("#composer", "Enter")
        await self.page.wait_for_function(
            "([n, text]) => document.querySelectorAll('.turn').length > n"
            " || document.querySelector('.turn:last-of-type h2')?.textContent === text",
            arg=[before, text],
        )

    async def answered(self) -> None:
        await self.page.locator(".turn[aria-busy=false]").last.wait_for()
        await self.page.wait_for_function("() => !document.querySelector('.turn[aria-busy=true]')")

    async def last(self) -> dict[str, Any]:
        """The last turn as the page has it: `text`, `cites`, `sources`, `end`, ..."""
        turn: dict[str, Any] = await self.page.evaluate(LAST)
        return turn

    def _on_console(self, message: ConsoleMessage) -> None:
        is_loss = self.dropped and ("WebSocket" in message.text or "ERR_CONNECTION" in message.text)
        if message.type in ("error", "warning") and not is_loss:
            self.problems.append(f"{message.type}: {message.text}")


class WithoutRefusals(list[str]):
    """Problems of a page whose requests are refused: the browser reports each 401 as an error."""

    def append(self, problem: str) -> None:
        if "401" not in problem:
            super().append(problem)


@asynccontextmanager
async def visiting(browser: Browser, url: str, token: str | None = None, **options: Any) -> AsyncIterator[Visit]:
    """Opens the page, signed in with a one-use code if there is a token. Leaves only if the page had no problems."""
    context = await browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 800}} | options)
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(WATCH)
    page = await context.new_page()
    visit = Visit(page)
    page.on("console", lambda message: visit._on_console(message))
    page.on("pageerror", lambda error: visit.problems.append(f"script: {error}"))
    page.on("dialog", lambda dialog: visit.problems.append(f"dialog: {dialog.message}"))
    await page.goto(f"{url}/#code={await new_code(url, token)}" if token else url)
    try:
        if token:
            await page.locator(".connection.open").wait_for()
        yield visit
    except PlaywrightError as error:
        error.add_note(f"problems of the page: {visit.problems}; its text: {await page.inner_text('body')}")
        raise
    await context.close()
    assert visit.problems == [], visit.problems


@dataclass  # without slots: playwright puts a mark on the object whose method it is given
class Line:
    """The sockets between a page and its server, to give to `sign_in`. They can be cut."""

    is_away: bool = False  # no new socket gets through
    routes: list[WebSocketRoute] = field(default_factory=list)

    async def through(self, route: WebSocketRoute) -> None:
        self.routes.append(route)
        if self.is_away:
            await route.close(code=3000)
        else:
            route.connect_to_server()

    async def cut(self) -> None:
        """Closes the socket, and keeps the server away."""
        self.is_away = True
        await self.routes[-1].close(code=3000)


async def sign_in(visit: Visit, token: str, through: Callable[[WebSocketRoute], object]) -> None:
    """Signs in with the token, with a connection that goes through a function."""
    await visit.page.route_web_socket("**/v1/ws", through)
    await visit.page.fill("#token", token)
    await visit.page.press("#token", "Enter")
    await visit.page.locator(".connection.open").wait_for()


async def new_code(url: str, token: str) -> str:
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE_MS / 1000) as client:
        reply = await client.post(f"{url}/signin/codes", json={}, headers={"Authorization": f"Bearer {token}"})
    code: str = json.loads(reply.text)["code"]
    return code


def write(folder: Path, files: dict[str, str]) -> Path:
    """Writes the files of a codebase; answers its folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
