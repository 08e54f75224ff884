"""States of the page that one can leave: a refused question, an edited one, a codebase chosen without a server."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Route, WebSocketRoute, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, running
from tests.e2e.page.harness import SHOP, Line, WithoutRefusals, new_code, sign_in, visiting, write

pytestmark = pytest.mark.process
STORE = "import('/web/lib/store.js')"
ACTIONS = "import('/web/chat/actions.js')"
REFUSED = (
    "import('/web/lib/store.js').then((s) => { s.pins.value = [{ path: 'a.txt', text: '\u8a9e'.repeat(400000) }] })"
)
# What was attached to the last question is short enough now.
WITHOUT_CONTEXT = """import('/web/lib/store.js').then(({ pins, turns }) => {
    pins.value = [];
    const last = turns.value.at(-1);
    last.value = { ...last.peek(), context: [] };
})"""


async def test_an_answer_is_there_once_after_signing_in_again(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        await visit.ask("Why?")
        turn = await visit.last()
        await visit.page.evaluate("import('/web/lib/store.js').then((store) => store.signOut('Out.'))")
        code = await new_code(world.url, world.token)
        async with visit.page.expect_response("**/chat/conversation/*"):  # comes after the events of the log
            await visit.page.goto(f"{world.url}/#code={code}")
        await expect(visit.page.locator(".turn h2")).to_have_text(["Why?"])
        assert await visit.last() == turn


async def test_another_token_connects_anew(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        visit.dropped, visit.problems = True, WithoutRefusals()
        async with visit.page.expect_websocket():
            await visit.page.evaluate("import('/web/lib/store.js').then((store) => store.signIn('another'))")
        await expect(visit.page.get_by_role("alert")).to_contain_text("does not accept this tab's token")


async def test_a_refused_question_goes_when_it_is_asked_again_or_left(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        page = visit.page
        questions = page.locator(".turn h2")
        await page.evaluate(REFUSED)
        await visit.ask("Why?")
        await page.keyboard.press("Alt+n")
        await expect(page.locator(".turn")).to_have_count(0)
        await page.evaluate("import('/web/lib/store.js').then((s) => { s.pins.value = [] })")
        await visit.ask("First")
        first = await visit.last()
        await page.evaluate(REFUSED)
        await page.get_by_role("button", name="Edit the question").click()
        await page.fill("#composer", "Second")
        await page.press("#composer", "Enter")
        await expect(page.get_by_role("alert")).to_contain_text("attach less")
        await page.evaluate(WITHOUT_CONTEXT)
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("alert")).to_have_count(0)
        await visit.answered()
        await expect(questions).to_have_text(["Second"])  # it took the place of the first
        reply = await world.get("/chat/history", conversation_id=first["conversation"])
        assert [one["content"] for one in reply.json()["messages"]] == ["Second", "Yes."]


async def test_an_edited_question_stays_with_its_conversation(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        page = visit.page
        await visit.ask("First")
        first = await visit.last()
        await page.get_by_role("button", name="Edit the question").click()
        await expect(page.locator(".composer-editing")).to_be_visible()
        await page.keyboard.press("Alt+n")
        await expect(page.locator(".composer-editing")).to_have_count(0)
        await visit.ask("Second")
        assert (await visit.last())["conversation"] != first["conversation"]
        reply = await world.get("/chat/history", conversation_id=first["conversation"])
        assert [one["content"] for one in reply.json()["messages"]] == ["First", "Yes."]


async def test_a_double_click_on_an_example_asks_once(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await world.post("/index", {"path": str(write(tmp_path / "code", SHOP)), "wait": True})
        async with visiting(browser, world.url, world.token) as visit:
            await visit.page.locator(".example").first.wait_for()
            await visit.page.evaluate("[1, 2].forEach(() => document.querySelector('.example').click())")
            await visit.answered()
            await expect(visit.page.locator(".turn")).to_have_count(1)
        listed = (await world.get("/chat/conversations")).json()
        assert listed["total_count"] == 1


async def test_a_codebase_that_is_chosen_without_a_connection_is_asked(browser: Browser, tmp_path: Path) -> None:
    line = Line()
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        files = {"first": "def one() -> int:\n    return 1\n", "other": "def two() -> int:\n    return 2\n"}
        bases = [
            (
                await world.post("/index", {"path": str(write(tmp_path / name, {f"{name}.py": text})), "wait": True})
            ).json()
            for name, text in files.items()
        ]
        async with visiting(browser, world.url) as visit:
            visit.dropped = True
            await sign_in(visit, world.token, line.through)
            choose = f"(id) => {ACTIONS}.then((a) => a.chooseCodebase(id))"
            await visit.page.evaluate(choose, bases[0]["codebase"])
            await visit.ask("What does one return?")
            await line.cut()
            await visit.page.locator(".connection.lost").wait_for()
            await visit.page.evaluate(choose, bases[1]["codebase"])
            await expect(visit.page.locator(".remark")).to_contain_text("From here on the questions are about")
            line.is_away = False
            await visit.page.locator(".connection.open").wait_for()
            await visit.ask("What does two return?")
            assert {one["path"] for one in (await visit.last())["sources"]} == {"other.py"}
            # The open codebase is forgotten: the page shows the other one, and asks it.
            await world.http.delete(f"/codebases/{bases[1]['codebase']}")
            await visit.page.evaluate(f"{ACTIONS}.then((a) => a.loadCodebases())")
            await expect(visit.page.locator(".topbar-codebase")).to_have_text("first")
            await expect(visit.page.locator(".remark")).to_have_count(2)
            await visit.ask("What does one return?")
            assert {one["path"] for one in (await visit.last())["sources"]} == {"first.py"}


async def test_a_question_of_another_tab_that_the_history_has_first_is_shown_once(
    browser: Browser, tmp_path: Path
) -> None:
    held: list[str | bytes] = []
    is_held = False
    pages: list[WebSocketRoute] = []

    def through(route: WebSocketRoute) -> None:
        pages.append(route)
        server = route.connect_to_server()

        def forward(message: str | bytes) -> None:
            if is_held and json.loads(message).get("params", {}).get("seq"):
                held.append(message)
            else:
                route.send(message)

        server.on_message(forward)

    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url) as visit:
        await sign_in(visit, world.token, through)
        await visit.ask("First")
        first = await visit.last()
        is_held = True
        conversation = {"session_id": first["session"], "conversation_id": first["conversation"]}

        async def meanwhile(route: Route) -> None:
            body: dict[str, Any] = conversation | {"query": "Second"}
            await world.post("/chat/query", body)
            await route.continue_()

        await visit.page.route("**/chat/conversation/*", meanwhile)
        open_it = f"(one) => {ACTIONS}.then((a) => a.openConversation(one))"
        await visit.page.evaluate(open_it, conversation)
        is_held = False
        assert held
        for message in held:
            pages[-1].send(message)
        await expect(visit.page.locator(".turn h2")).to_have_text(["First", "Second"])


async def test_an_answer_whose_beginning_is_gone_comes_when_it_has_ended(browser: Browser, tmp_path: Path) -> None:
    engine = ScriptedEngine(("One. ", "Two."), stall_after=1)
    engine.go_on = gate = Gate()
    async with running(tmp_path, engine) as world, visiting(browser, world.url, world.token) as visit:
        page = visit.page
        await visit.send("First")
        await gate.is_reached.wait()
        first = await visit.last()
        await page.keyboard.press("Alt+n")
        await expect(page.locator(".turn")).to_have_count(0)
        await visit.send("Second")
        await page.wait_for_function(f"() => {STORE}.then((s) => s.conversation.value)")
        # The numbers of a log have no gaps: with the events of the second it loses the beginning of the first.
        second = (await visit.last())["conversation"]
        await world.http.delete(f"/chat/conversation/{second}")
        await page.evaluate(
            "(one) => sessionStorage.setItem('lantern.place', JSON.stringify(one))",
            {"session": first["session"], "conversation": first["conversation"]},
        )
        await page.reload()
        await expect(page.locator(".turn[aria-busy=true] h2")).to_have_text(["First"])
        gate.set()
        await visit.answered()
        await expect(page.locator(".markdown")).to_have_text("One. Two.")


async def test_files_named_as_properties_of_objects_are_shown(browser: Browser, tmp_path: Path) -> None:
    names = ("constructor", "a.constructor", "__proto__", "toString")
    language = "(names) => import('/web/lib/code.js').then((code) => names.map(code.languageOf))"
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        assert await visit.page.evaluate(language, names) == [""] * len(names)


async def test_keys_without_a_name_and_keys_before_signing_in_do_nothing(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        await visit.page.locator("#token").wait_for()
        await visit.page.evaluate(
            "document.getElementById('token').dispatchEvent(new Event('keydown', { bubbles: true }))"
        )
        await visit.page.keyboard.press("Alt+m")
        assert await visit.page.evaluate("import('/web/lib/store.js').then((s) => s.panel.value)") is None


async def test_a_hidden_tab_does_not_paint_each_token(browser: Browser, tmp_path: Path) -> None:
    render = """async () => {
        const { html, render } = await import("/web/vendor/vendor.js");
        const { Markdown } = await import("/web/lib/markdown.js");
        Object.defineProperty(document, "hidden", { value: true });
        const root = document.createElement("div");
        render(html`<${Markdown} text="a" isLive=${true} />`, root);
        const first = root.textContent;
        render(html`<${Markdown} text="a b" isLive=${false} />`, root);
        return [first, root.textContent.trim()];
    }"""
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        assert await visit.page.evaluate(render) == ["", "a b"]


async def test_the_highlighter_is_loaded_again_after_it_could_not_be(browser: Browser, tmp_path: Path) -> None:
    load = "import('/web/lib/markdown.js').then(async (m) => (await m.loadHighlighter(), !!m.highlighter.value))"
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        await visit.page.route("**/vendor/highlight.js", lambda route: route.abort())
        assert await visit.page.evaluate(load) is False
        visit.problems.clear()  # the browser reports the request
        await visit.page.unroute("**/vendor/highlight.js")
        assert await visit.page.evaluate(load) is True
