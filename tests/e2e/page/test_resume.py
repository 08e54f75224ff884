"""No character is lost when the page's connection drops, or its server is killed and started again."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, WebSocketRoute, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, running
from tests.e2e.harness import serving
from tests.e2e.page.harness import Line, sign_in, visiting
from tests.tiny_gguf import tiny_dir

pytestmark = pytest.mark.process
SETTINGS = {"MODEL_NAME": "phi3-mini", "MODELS_DIR": tiny_dir(), "MAX_TOKENS": 4000, "EMBEDDING_MODEL": "none"}
WORDS = tuple(f"Word {number}. \U0001f9ed " for number in range(40))


@pytest.mark.parametrize("epoch", [None, "another"], ids=["the same log", "a restored log"])
async def test_a_dropped_connection_is_resumed_in_the_middle_of_an_answer(
    browser: Browser, tmp_path: Path, epoch: str | None
) -> None:
    engine = ScriptedEngine(WORDS, stall_after=20)
    engine.go_on = gate = Gate()
    routes: list[WebSocketRoute] = []
    afters: list[int | None] = []

    def through(route: WebSocketRoute) -> None:
        routes.append(route)
        server = route.connect_to_server()

        def forward(message: str | bytes) -> None:
            request = json.loads(message)
            if request["method"] == "session/open":
                afters.append(request["params"].get("after"))
            server.send(message)

        route.on_message(forward)

    async with running(tmp_path, engine) as world, visiting(browser, world.url) as visit:
        visit.dropped = True
        await sign_in(visit, world.token, through)
        await visit.send("Count")
        await gate.is_reached.wait()
        await expect(visit.page.locator(".markdown")).to_contain_text("Word 1.")
        if epoch is not None:
            object.__setattr__(world.services, "epoch", epoch)
        await routes[-1].close(code=3000)
        await visit.page.wait_for_function("() => document.querySelector('.connection:not(.open)')")
        gate.set()
        await visit.answered()
        turn = await visit.last()
        assert turn["text"] == "".join(WORDS)
        assert len(routes) > 1
        assert (afters[0], bool(afters[1])) == (None, epoch is None)  # what the page has is not sent again
        await expect(visit.page.locator(".connection.open")).to_have_count(1)
        await expect(visit.page.locator(".turn")).to_have_count(1)


@pytest.mark.parametrize("fault", ["twice", "lost"])
async def test_an_event_counts_once_and_a_lost_one_is_asked_for(browser: Browser, tmp_path: Path, fault: str) -> None:
    engine = ScriptedEngine(WORDS)
    seen: set[int] = set()

    def through(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def forward(message: str | bytes) -> None:
            event: dict[str, Any] = json.loads(message).get("params", {})
            is_first = event.get("type") == "sources" and event["seq"] not in seen
            seen.add(event.get("seq", 0))
            if not (is_first and fault == "lost"):
                route.send(message)
            if event and fault == "twice":
                route.send(message)

        server.on_message(forward)

    async with running(tmp_path, engine) as world, visiting(browser, world.url) as visit:
        await sign_in(visit, world.token, through)
        await visit.ask("Count")
        turn = await visit.last()
        assert turn["text"] == "".join(WORDS)
        assert seen >= set(range(1, turn["end"]["seq"] + 1))


async def test_answers_whose_events_are_gone_come_from_the_history(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(WORDS)) as world, visiting(browser, world.url, world.token) as visit:
        await visit.ask("The first")
        first = await visit.last()
        await visit.page.keyboard.press("Alt+n")
        await visit.ask("The second")
        second = await visit.last()
        assert (first["session"], first["conversation"]) != (second["session"], second["conversation"])
        assert first["session"] == second["session"]
        # The numbers of a log have no gaps: with these events it loses all before them.
        await world.http.delete("/chat/history", params={"conversation_id": second["conversation"]})
        wanted = {"session_id": first["session"], "conversation_id": first["conversation"]}
        await visit.page.evaluate(
            "(one) => import('/web/chat/actions.js').then((a) => a.openConversation(one))", wanted
        )
        await visit.page.reload()
        await expect(visit.page.locator(".turn h2")).to_have_text(["The first"])
        await visit.page.locator(".markdown").wait_for()
        kept = await visit.last()
        assert (kept["id"], kept["text"], kept["end"]["model"]) == (first["id"], first["text"], "scripted")
        assert (kept["end"]["ms"], kept["end"]["usage"]) == (first["end"]["ms"], first["end"]["usage"])
        await visit.page.get_by_role("button", name="Ask again").click()
        await visit.page.wait_for_function(f"() => !document.querySelector('[data-turn=\"{first['id']}\"]')")
        await visit.answered()
        await expect(visit.page.locator(".turn h2")).to_have_text(["The first"])
        await visit.ask("The third")
        await expect(visit.page.locator(".turn h2")).to_have_text(["The first", "The third"])
        assert (await visit.last())["conversation"] == first["conversation"]


async def test_a_question_that_was_sent_while_the_server_was_away_is_asked_once(
    browser: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path, **SETTINGS | {"MAX_TOKENS": 20}) as served:
        port = served.url.rpartition(":")[2]
        async with visiting(browser, served.url, served.token) as visit:
            visit.dropped = True
            await visit.ask("The first")
            served.process.send_signal(signal.SIGTERM)
            await visit.page.locator(".connection.lost").wait_for()
            await visit.send("The second")
            await expect(visit.page.locator(".waiting")).to_contain_text("The connection is lost")
            await asyncio.to_thread(served.process.wait, 60)
            with serving(tmp_path, **SETTINGS | {"MAX_TOKENS": 20, "PORT": port}) as again:
                await visit.answered()
                turn = await visit.last()
                stored = again.get(f"/chat/history?conversation_id={turn['conversation']}")["messages"]
                assert [one["content"] for one in stored[::2]] == ["The first", "The second"]
                assert turn["text"] == stored[-1]["content"]


async def test_a_question_that_is_stopped_while_the_server_is_away_is_not_asked(
    browser: Browser, tmp_path: Path
) -> None:
    engine = ScriptedEngine("Yes.")
    line = Line()
    async with running(tmp_path, engine) as world, visiting(browser, world.url) as visit:
        visit.dropped = True
        await sign_in(visit, world.token, line.through)
        await visit.ask("The first")
        await line.cut()
        await visit.page.locator(".connection.lost").wait_for()
        await visit.send("The second")
        await visit.page.get_by_role("button", name="Stop").click()
        await expect(visit.page.locator(".turn").last).to_contain_text("Stopped.")
        line.is_away = False
        await visit.page.locator(".connection.open").wait_for()
        await visit.ask("The third")
        turn = await visit.last()
        history = await world.http.get("/chat/history", params={"conversation_id": turn["conversation"]})
        stored = history.json()["messages"]
    assert [message["content"] for message in stored[::2]] == ["The first", "The third"]


async def test_a_question_that_is_too_long_is_refused_and_the_connection_stays(
    browser: Browser, tmp_path: Path
) -> None:
    # The server would close the connection, and again each time that the page sends the question again.
    pin = (
        "import('/web/lib/store.js').then((s) => { s.pins.value = [{ path: 'a.txt', text: '\u8a9e'.repeat(400000) }] })"
    )
    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url, world.token) as visit:
        await visit.page.evaluate(pin)
        await visit.ask("Why?")
        await expect(visit.page.get_by_role("alert")).to_contain_text("attach less")
        await expect(visit.page.locator(".connection.open")).to_have_count(1)
        attach = (
            "import('/web/chat/attach.js').then((a) => ['a', 'b'].map((n) => a.attachText(n, '\u8a9e'.repeat(100000))))"
        )
        assert await visit.page.evaluate(attach) == [False, False]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_the_text_is_complete_after_the_server_was_started_again(
    browser: Browser, tmp_path: Path, signum: signal.Signals
) -> None:
    with serving(tmp_path, **SETTINGS) as served:
        port = served.url.rpartition(":")[2]
        async with visiting(browser, served.url, served.token) as visit:
            visit.dropped = True
            await visit.send("Count")
            await visit.page.wait_for_function("() => document.querySelector('.markdown')?.textContent.length > 40")
            served.process.send_signal(signum)
            await visit.page.locator(".connection:not(.open)").wait_for()
            await asyncio.to_thread(served.process.wait, 60)
            with serving(tmp_path, **SETTINGS | {"PORT": port}) as again:
                await visit.answered()
                turn = await visit.last()
                stored = again.get(f"/chat/history?conversation_id={turn['conversation']}")["messages"][-1]
                assert (turn["text"], turn["end"]["reason"]) == (stored["content"], stored["status"])
                assert turn["text"]
                await expect(visit.page.get_by_role("alert")).to_be_visible()
                await expect(visit.page.get_by_role("button", name="Ask again")).to_be_visible()


async def test_a_server_that_takes_the_connection_and_says_nothing_is_tried_again(
    browser: Browser, tmp_path: Path
) -> None:
    lines: list[WebSocketRoute] = []

    async def through(route: WebSocketRoute) -> None:
        lines.append(route)
        if len(lines) > 1:
            route.connect_to_server()

    async with running(tmp_path, ScriptedEngine("Yes.")) as world, visiting(browser, world.url) as visit:
        page = visit.page
        await page.clock.install()
        await page.route_web_socket("**/v1/ws", through)
        await page.evaluate("WebSocket.prototype.close = () => {}")  # a silent server does not answer that either
        await page.fill("#token", world.token)
        await page.press("#token", "Enter")
        await page.locator(".connection.connecting").wait_for()
        await page.clock.run_for(14_000)
        assert len(lines) == 1
        await page.clock.run_for(2_000)
        await page.locator(".connection.open").wait_for()
        assert len(lines) == 2
