"""Renders the web page with a real model in a real browser into WebP pictures.

Nothing in the pictures is written by hand: the script indexes the httpx package of this virtual environment, starts a
server, signs a browser in, asks, and takes the pictures while the page is used.

    python docs/picture/page.py [--model NAME] [--models FOLDER] [--chromium PATH] [OUTPUT FOLDER]
"""

import argparse
import io
import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from render import LANTERN, READY_S, environment, sample, serving

QUESTIONS = (
    "Who calls encode_multipart_data?",
    "What does the Timeout class do?",
    "Where are cookies kept between requests?",
    "How does the client follow redirects?",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
WIDE, PHONE = (1280, 800), (390, 844)
SCALE = 2  # pixels of the picture for one of the page
QUALITY = 76
ENOUGH_CHARS = 620  # of an answer that is still being written
WRITING = """most => {
  const turn = [...document.querySelectorAll(".turn")].at(-1);
  return turn && (turn.innerText.length > most || turn.getAttribute("aria-busy") === "false");
}"""
ANSWER_MS = 240_000


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and how a browser signs in."""

    url: str
    token: str

    def code(self) -> str:
        """A one-use code, as `lantern open` makes one."""
        return str(self._call("/signin/codes", b"{}")["code"])

    def wait_for_samples(self, answers: int) -> None:
        """Until the history of the metrics has that many answers."""
        while True:
            history = self._call("/metrics/history")
            at = 1 + history["names"].index("total_ms")
            if sum(sample[at] is not None for sample in history["samples"]) >= answers:
                return
            time.sleep(1)

    def _call(self, path: str, body: bytes | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310 - a local server
        with urllib.request.urlopen(request) as reply:  # noqa: S310 - a local server
            return json.load(reply)


def main() -> None:
    """Takes all pictures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("output", nargs="?", type=Path, default=Path(__file__).parent)
    options.add_argument("--model", default="qwen2.5-coder-0.5b")
    options.add_argument("--models", type=Path, default=Path.home() / ".cache" / "lantern" / "models")
    options.add_argument("--chromium", default="/usr/bin/chromium")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lantern-picture-") as name:
        folder = Path(name)
        env = environment(folder / "data", chosen.models, chosen.model)
        with serving(env, folder / "data"):
            subprocess.run([LANTERN, "index", sample(folder)], env=env, check=True, timeout=READY_S)
            lock = json.loads((folder / "data" / "server.json").read_text())
            server = Server(lock["url"], (folder / "data" / "token").read_text().strip())
            take_all(server, chosen.chromium, chosen.output)


def take_all(server: Server, chromium: str, output: Path) -> None:
    """One conversation in a wide window, then the other sizes and colours of what it left."""
    with signed_in(server, chromium, WIDE, "light") as page:
        for question in QUESTIONS[:-1]:
            ask(page, question)
            answered(page)
            page.keyboard.press("Alt+n")
        ask(page, QUESTIONS[-1])
        page.wait_for_function(WRITING, arg=ENOUGH_CHARS)
        take(page, output / "page-asking.webp")
        answered(page)
        page.locator(".turn .cite").first.click()
        page.locator(".source.open .code-view").wait_for()
        take(page, output / "page-sources.webp")
        server.wait_for_samples(len(QUESTIONS))
        page.keyboard.press("Alt+g")
        page.locator(".plot canvas").first.wait_for()
        take(page, output / "page-dashboard.webp")
    with signed_in(server, chromium, WIDE, "dark") as page:
        reopen(page)
        page.locator(".turn .cite").first.click()
        page.locator(".source.open .code-view").wait_for()
        take(page, output / "page-sources-dark.webp")
        page.keyboard.press("Alt+g")
        page.locator(".plot canvas").first.wait_for()
        take(page, output / "page-dashboard-dark.webp")
    for colours in ("light", "dark"):
        with signed_in(server, chromium, PHONE, colours) as page:
            page.get_by_role("button", name="Sidebar").click()
            reopen(page)
            take(page, output / f"page-phone{'' if colours == 'light' else '-dark'}.webp")


@contextmanager
def signed_in(server: Server, chromium: str, size: tuple[int, int], colours: str) -> Iterator[Page]:
    """A page that used a one-use code, in a browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(
            viewport={"width": size[0], "height": size[1]},
            device_scale_factor=SCALE,
            color_scheme="dark" if colours == "dark" else "light",
            locale="en-US",
            has_touch=size == PHONE,
        )
        page.set_default_timeout(ANSWER_MS)
        page.goto(f"{server.url}/#code={server.code()}")
        page.locator(".connection.open").wait_for()
        yield page
        browser.close()


def ask(page: Page, question: str) -> None:
    page.fill("#composer", question)
    page.keyboard.press("Enter")


def answered(page: Page) -> None:
    """Waits until the newest answer is complete."""
    page.locator(".turn[aria-busy=false]").last.wait_for()
    page.wait_for_function("() => !document.querySelector('.turn[aria-busy=true]')")


def reopen(page: Page) -> None:
    """Opens the conversation of the last question from the sidebar."""
    page.get_by_role("region", name="Conversations").get_by_role("button", name=QUESTIONS[-1]).first.click()
    answered(page)


def take(page: Page, file: Path) -> None:
    """A picture without a pointer over it, once nothing moves."""
    page.mouse.move(0, 0)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    picture.convert("RGB").save(file, quality=QUALITY, method=6)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
