"""REST calls of the page: answers that break off, and tokens that are refused."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import visiting

pytestmark = pytest.mark.process
# A call whose answer begins and then fails in the given way; answers the name and the code of what the call throws.
BROKEN = """async (name) => {
    const { get } = await import("/web/lib/api.js");
    const broken = name === "AbortError" ? new DOMException("", name) : Object.assign(new Error("broken"), { name });
    window.fetch = async () => ({ ok: true, status: 200, json: () => Promise.reject(broken) });
    return get("/x").then(() => "answered", (failure) => [failure.name, failure.code ?? null]);
}"""
REFUSED = """async (now) => {
    const { get } = await import("/web/lib/api.js");
    const { token } = await import("/web/lib/store.js");
    token.value = "old";
    window.fetch = async () => {
        token.value = now;
        return new Response('{"error": {"code": "unauthorized", "message": "no"}}', { status: 401 });
    };
    await get("/x").catch(() => {});
    return token.value;
}"""


@pytest.mark.parametrize(
    ("failure", "thrown"),
    [
        ("AbortError", ["AbortError", 20]),  # what asked for it does not want it any more
        ("TypeError", ["Error", "unreachable"]),
        ("SyntaxError", ["Error", "internal"]),
    ],
)
async def test_an_answer_that_breaks_off_is_none(
    browser: Browser, tmp_path: Path, failure: str, thrown: object
) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        assert await visit.page.evaluate(BROKEN, failure) == thrown


async def test_a_refused_token_signs_out_only_the_tab_that_still_has_it(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        visit.dropped = True  # the page connects with tokens that are none
        assert await visit.page.evaluate(REFUSED, "new") == "new"
        await visit.page.reload()
        assert await visit.page.evaluate(REFUSED, "old") is None
