"""A whole conversation on the page with a real model: what is shown is what is stored, stage by stage."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.harness import serving
from tests.e2e.page.harness import visiting
from tests.real.harness import MAX_WAIT_S, SETTINGS, lay_out
from tests.real.models import LARGE, cache_dir, found

MODEL = found(LARGE)
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(MODEL.path is None, reason=f"no real model: {MODEL.problem} (`make test-models`)"),
    pytest.mark.timeout(2 * MAX_WAIT_S),
]
STAGES = (
    "window.stages = new Set(); new MutationObserver(() => {"
    " const now = document.querySelector('.waiting')?.textContent;"
    " if (now) window.stages.add(now.replace(/[\\d,]+/g, 'N')); })"
    ".observe(document.body, { subtree: true, childList: true, characterData: true })"
)


async def test_a_whole_conversation(browser: Browser, tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    with serving(tmp_path / "data", MODEL_NAME=LARGE, MODELS_DIR=cache_dir(), **SETTINGS) as served:
        served.post("/index", {"path": str(root), "wait": True})
        async with visiting(browser, served.url, served.token) as visit:
            page = visit.page
            page.set_default_timeout(MAX_WAIT_S * 1000)
            await page.evaluate(STAGES)
            await visit.ask("What does expire_sessions do?")
            first = await visit.last()
            await visit.ask("Why would a cart have a discount?")
            await page.get_by_role("button", name="Ask again").click()
            await page.locator(".turn[aria-busy=true]").wait_for()
            await visit.answered()
            last = await visit.last()
            stored = served.get(f"/chat/history?conversation_id={last['conversation']}")["messages"]
            assert [one["content"] for one in stored[1::2]] == [first["text"], last["text"]]
            assert (first["end"]["model"], last["end"]["model"]) == (LARGE, LARGE)
            assert {one["path"] for one in first["sources"]} >= {"sessions.py"}
            assert "expire_sessions" in await page.locator(".markdown").first.inner_text()
            await expect(page.locator(".turn-summary").last).to_contain_text(
                re.compile(rf"{LARGE} · .* s · \d+ tokens")
            )
            stages = await page.evaluate("[...window.stages]")
            assert any(stage.startswith(("Reading", "Loading")) for stage in stages), stages
            await page.locator(".turn").first.locator("button.cite").first.click()
            await expect(page.locator(".source.open .line").first).to_have_text("def expire_sessions(now):\n")
