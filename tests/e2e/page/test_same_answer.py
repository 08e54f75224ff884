"""The page has the text and the sources that REST gives. `tests/e2e/test_same_answer.py` has the other interfaces."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.harness import serving, wait_for_embedder
from tests.e2e.page.harness import SHOP, visiting, write
from tests.e2e.ways import Asked, by_rest, with_sources

pytestmark = pytest.mark.process

QUESTIONS = ("How does total add the prices up?", "Where is discount defined?", "What is an elephant?")


async def test_the_page_gives_the_answer_of_rest(browser: Browser, tmp_path: Path) -> None:
    root = write(tmp_path / "code", SHOP)
    with serving(tmp_path / "data", MODEL_NAME="extractive") as served:
        served.post("/index", {"path": str(root), "wait": True})
        wait_for_embedder(served)  # it re-ranks
        asked = Asked(served, root, tmp_path / "data")
        for question in QUESTIONS:
            async with visiting(browser, served.url, served.token) as visit:
                await expect(visit.page.get_by_role("heading", name="Ask about code")).to_be_visible()
                await visit.ask(question)
                turn = await visit.last()
            assert with_sources(turn["text"], turn["sources"]) == await by_rest(asked, question)
