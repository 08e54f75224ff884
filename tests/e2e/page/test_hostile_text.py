"""Text of files, file names, questions and models is text: no script of it runs, the page's policy finds nothing."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import visiting, write

pytestmark = pytest.mark.process
RUN = "window.ran=(window.ran||0)+1;alert(1)"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror='{RUN}'>",
    f"<svg onload='{RUN}'></svg>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<details open ontoggle='{RUN}'>x</details>",
    f"<input autofocus onfocus='{RUN}'>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={RUN}&gt;'>",
    "<style>@import url(http://127.0.0.1:9/x.css);</style>",
    "<form action='http://127.0.0.1:9/'><button>Sign in</button></form>",
    "<base href='http://127.0.0.1:9/'>",
    "<meta http-equiv='refresh' content='0;url=http://127.0.0.1:9/'>",
    f"[click](javascript:{RUN})",
    f"[click](data:text/html,<script>{RUN}</script>)",
    f"<javascript:{RUN}>",
    "![picture](http://127.0.0.1:9/pixel.png)",
    f'[title](http://127.0.0.1:9/ "\\" onmouseover=\\"{RUN}")',
    f"```\"><img src=x onerror='{RUN}'>\ncode</code></pre><script>{RUN}</script>\n```",
    f"| a |\n|---|\n| <img src=x onerror='{RUN}'> |",
    "\ue000\ue100<b>private characters</b>\ue001 \ue000\uf8ff",
    "\u202eevil \u0000 \x1b]0;title\x07 </textarea></title></template><plaintext>",
)
TAGS = {"DIV", "P", "A", "CODE", "PRE", "SPAN", "FIGURE", "FIGCAPTION", "BUTTON", "TABLE", "THEAD", "TBODY", "TR"}
TAGS |= {"TH", "TD"}
BAD_NAMES = ("<img src=x onerror=window.ran=1>.py", "a'\"><script>window.ran=1<!--.py", "javascript:alert(1).py")


async def test_an_answer_with_markup_is_text(browser: Browser, tmp_path: Path) -> None:
    engine = ScriptedEngine([part for payload in PAYLOADS for part in (payload[:7], payload[7:] + "\n\n")])
    async with running(tmp_path, engine) as world, visiting(browser, world.url, world.token) as visit:
        for question in PAYLOADS[:3]:
            await visit.ask(question)
        page = visit.page
        for payload in PAYLOADS[:3]:
            await expect(page.locator(".question h2", has_text=payload)).to_have_count(1)
            await expect(page.locator(".markdown").last).to_contain_text(payload)
        assert (await visit.last())["text"].startswith(PAYLOADS[0])
        tags = await page.evaluate("[...new Set([...document.querySelectorAll('.markdown *')].map((e) => e.tagName))]")
        assert set(tags) <= TAGS
        links = await page.evaluate("[...document.querySelectorAll('.markdown a')].map((a) => a.protocol)")
        assert set(links) == {"http:"}
        attributes = "[...document.querySelectorAll('.markdown *')].flatMap((e) => e.getAttributeNames())"
        assert not {name for name in await page.evaluate(attributes) if name.startswith("on") or name == "style"}
        await page.hover(".markdown a")
        assert await page.evaluate("window.ran ?? 0") == 0


async def test_code_and_file_names_with_markup_are_text(browser: Browser, tmp_path: Path) -> None:
    code = "\n".join(f"# {payload!r}" for payload in PAYLOADS)
    files = {name: f"def harmless_{n}():\n    return {n}\n\n{code}\n" for n, name in enumerate(BAD_NAMES)}
    root = write(tmp_path / "code", files | {"README.md": "\n\n".join(PAYLOADS).replace("\x00", "")})
    # No model: the answer quotes the code.
    async with (
        running(tmp_path / "data", model_name="extractive") as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        await world.post("/index", {"path": str(root), "wait": True})
        page = visit.page
        await page.reload()
        await page.get_by_role("heading", name="Ask about code").wait_for()
        for number in range(len(BAD_NAMES)):
            await visit.ask(f"What does harmless_{number} return?")
            assert BAD_NAMES[number] in {one["path"] for one in (await visit.last())["sources"]}
            for head in await page.locator(".source-head").all():
                if await head.get_attribute("aria-expanded") == "false":
                    await head.click()
                await page.locator(".source.open .code-view, .source.open .muted").first.wait_for()
        await visit.ask("What is this project about?")
        await page.get_by_role("button", name="Open the file").click()
        await page.get_by_role("dialog").locator(".code-view").wait_for()
        assert await page.evaluate("window.ran ?? 0") == 0
        assert await page.locator("script:not([src]), iframe, base, form[action], img[src=x]").count() == 0


async def test_code_is_shown_in_the_order_in_which_it_runs(browser: Browser, tmp_path: Path) -> None:
    # Trojan source: the comment below looks like code where the browser turns its direction.
    root = write(tmp_path / "code", {"a.py": "def check():\n    return 1  # \u202e } \u2066if admin\u2069 \u2066 x\n"})
    async with (
        running(tmp_path / "data", ScriptedEngine("Turned: \u202eabc")) as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        await world.post("/index", {"path": str(root), "wait": True})
        await visit.page.reload()
        await visit.ask("What does check return?")
        await expect(visit.page.locator(".source.open .code-view")).to_contain_text("# \\u202e } \\u2066if admin")
        await expect(visit.page.locator(".markdown")).to_have_text("Turned: \ufffdabc")
        assert (await visit.last())["text"] == "Turned: \u202eabc"
