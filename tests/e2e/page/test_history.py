"""What the page takes from the history: what questions went with, and citations whose files have changed."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, running
from tests.e2e.page.harness import SHOP, visiting
from tests.e2e.page.test_conversation import ANSWER, QUESTION, shop

pytestmark = pytest.mark.process
TWICE = """async () => {
  const [{ turns, turnsOfMessages }, { signal }] = await Promise.all(
    ["chat/turns.js", "vendor/vendor.js"].map((name) => import(`/web/${name}`)));
  const stored = turnsOfMessages([{ turn_id: "t", role: "user", content: "Q", codebase: "", context: [] }], "s", "c");
  turns.apply({ type: "accepted", session: "s", turn: "t", text: "Q", conversation: "c" });
  return turns.in("s", "c", stored.map((turn) => signal(turn))).map((turn) => turn.peek().id);
}"""
ATTACH = "([name, text]) => import('/web/chat/attach.js').then((a) => a.attachText(name, text))"
RETURN = "dispatchEvent(new Event('focus'))"  # from another window


async def test_citations_follow_the_files_when_the_reader_comes_back(browser: Browser, tmp_path: Path) -> None:
    async with shop(browser, tmp_path, ScriptedEngine(ANSWER)) as (_, visit):
        page, file = visit.page, tmp_path / "code" / "shop" / "cart.py"
        await visit.ask(QUESTION)
        await expect(page.locator("button.cite.ok")).to_have_count(2)
        file.write_text(SHOP["shop/cart.py"].replace("sum(prices)", "0.0"))
        await page.evaluate(RETURN)
        await expect(page.locator("button.cite.stale")).to_have_count(2)
        await expect(page.locator(".cite.invented")).to_have_count(1)
        await expect(page.locator(".cite-legend")).to_contain_text("2 citations: the code has changed since")
        file.write_text("import math\n" + SHOP["shop/cart.py"])
        await page.reload()
        await expect(page.locator("button.cite.moved")).to_have_count(2)
        file.write_text(SHOP["shop/cart.py"])
        await page.evaluate(RETURN)
        await expect(page.locator("button.cite.ok")).to_have_count(2)


async def test_a_question_keeps_what_was_attached_when_the_page_is_loaded_again(
    browser: Browser, tmp_path: Path
) -> None:
    engine = ScriptedEngine(ANSWER)
    async with shop(browser, tmp_path, engine) as (_, visit):
        page = visit.page
        await page.evaluate(ATTACH, ["notes.txt", "The tax is 19 percent.\n"])
        await visit.ask(QUESTION)
        await page.reload()
        await expect(page.locator(".turn .question + p")).to_have_text("With notes.txt")
        await expect(page.locator(".source.open .line").first).to_have_text("The tax is 19 percent.\n")
        await page.get_by_role("button", name="Ask again").click()
        await expect(page.locator(".turn")).to_have_count(1)
        await visit.answered()
        again = await visit.last()
    assert [(one["path"], one["text"]) for one in again["context"]] == [("notes.txt", "The tax is 19 percent.\n")]
    assert "The tax is 19 percent." in engine.prompts[-1].text


async def test_a_turn_that_the_history_has_before_the_log_is_shown_once(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(ANSWER)) as world, visiting(browser, world.url, world.token) as visit:
        assert await visit.page.evaluate(TWICE) == ["t"]


async def test_a_running_answer_whose_beginning_is_gone_from_the_log_is_complete_at_its_end(
    browser: Browser, tmp_path: Path
) -> None:
    engine = ScriptedEngine(ANSWER, stall_after=1)
    engine.go_on = gate = Gate()
    async with running(tmp_path, engine) as world, visiting(browser, world.url, world.token) as visit:
        await visit.send(QUESTION)
        await gate.is_reached.wait()
        session = (await visit.last())["session"]
        async with world.socket() as socket:
            await socket.call("session/open", session=session)
            other = await socket.call("session/prompt", session=session, turn="other", text="Something else")
            await socket.call("session/cancel", session=session, turn="other")
            await socket.until("end")
        await world.http.delete("/chat/history", params={"conversation_id": other["conversation"]})
        async with visit.page.expect_response("**/citations"):
            await visit.page.reload()
        await expect(visit.page.locator(".turn[aria-busy=true]")).to_have_count(1)
        gate.set()
        await visit.answered()
        last = await visit.last()
        stored = (await world.get(f"/chat/conversation/{last['conversation']}")).json()["messages"]
    assert (last["text"], last["end"]["reason"]) == (stored[1]["content"], "stop")


async def test_many_returns_to_the_page_are_one_comparison_at_a_time(browser: Browser, tmp_path: Path) -> None:
    async with shop(browser, tmp_path, ScriptedEngine(ANSWER)) as (_, visit):
        page = visit.page
        await visit.ask(QUESTION)
        calls: list[str] = []
        page.on("request", lambda request: calls.append(request.url))
        async with page.expect_response("**/citations"):
            await page.evaluate(f"for (let n = 0; n < 30; n += 1) {RETURN}")
        async with page.expect_response("**/citations"):  # once more for those that came meanwhile
            pass
        async with page.expect_response("**/citations"):
            await page.evaluate(RETURN)
    assert len([url for url in calls if url.endswith("/citations")]) == 3
