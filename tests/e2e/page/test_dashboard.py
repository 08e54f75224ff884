"""The dashboard, the preferences and the words of the panels."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import SHOP, visiting, write

pytestmark = pytest.mark.process
NAMES = [
    "first_token_ms", "total_ms", "tokens_per_s", "promises_kept", "cache_hits",
    "turns_running", "process_bytes", "models_bytes", "loaded_models",
]  # fmt: skip
WORDS = "async ([module, name, ...given]) => (await import(`/web/panels/${module}.js`))[name](...given)"


async def test_the_dashboard_plots_what_the_server_measured(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world:
        await world.post("/index", {"path": str(write(tmp_path / "code", SHOP)), "wait": True})
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await page.keyboard.press("Alt+g")
            await expect(page.get_by_text("No answers yet")).to_be_visible()
            await page.keyboard.press("Alt+g")
            await visit.ask("How does total add the prices up?")
            history = world.services.history
            history.sample()
            assert history.wire(3600)["names"] == NAMES
            await page.keyboard.press("Alt+g")
            times = page.locator(".chart").filter(has=page.get_by_role("heading", name="Response time"))
            await expect(times.locator("canvas")).to_be_visible()
            await expect(times.locator("p.visually-hidden")).to_contain_text("First token: ")
            await expect(page.get_by_text("No answers yet")).to_have_count(0)
            await page.get_by_role("button", name="As tables").click()
            await expect(times.locator("canvas")).to_have_count(0)
            await expect(times.get_by_role("columnheader")).to_have_text(["Time", "First token", "Whole answer"])
            memory = page.get_by_role("region", name="Memory, table").get_by_role("cell").first
            await expect(memory).to_have_text(re.compile(r"^\d[\d.,]* [MG]B$"))


async def test_the_plots_are_loaded_again_after_they_could_not_be(browser: Browser, tmp_path: Path) -> None:
    async with (
        running(tmp_path / "data", ScriptedEngine("Yes.")) as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        page = visit.page
        await page.route("**/vendor/uplot.js", lambda route: route.abort())
        await page.keyboard.press("Alt+g")
        await page.get_by_role("alert").wait_for()
        visit.problems.clear()  # the browser reports the request
        await page.unroute("**/vendor/uplot.js")
        await page.get_by_role("button", name="15 min").click()
        await expect(page.locator(".plot canvas").first).to_be_visible()
        await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_browser_with_an_odd_language_sees_the_plots(browser: Browser, tmp_path: Path) -> None:
    async with (
        running(tmp_path / "data", ScriptedEngine("Yes.")) as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        await visit.page.evaluate(
            "Object.defineProperty(navigator, 'language', { value: 'en-US@posix', configurable: true })"
        )
        await visit.page.keyboard.press("Alt+g")
        await expect(visit.page.locator(".plot canvas").first).to_be_visible()


async def test_the_theme_is_chosen_and_remembered(browser: Browser, tmp_path: Path) -> None:
    async with (
        running(tmp_path / "data", ScriptedEngine("Yes.")) as world,
        visiting(browser, world.url, world.token, color_scheme="light") as visit,
    ):
        page = visit.page
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await page.evaluate(ground)
        await page.keyboard.press("Alt+h")
        await page.get_by_role("radio", name="Dark").check()
        dark = await page.evaluate(ground)
        await page.reload()
        await page.locator(".connection.open").wait_for()
        assert light != dark == await page.evaluate(ground)
        await page.keyboard.press("Alt+h")
        await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
        await expect(page.get_by_role("row", name="Alt+M Models")).to_be_visible()


async def test_the_words_on_jobs_and_downloads(browser: Browser, tmp_path: Path) -> None:
    running_job = {"state": "running", "done": 1200, "total": 4000, "files_per_s": 151.3, "eta_s": 18.5}
    report = {"files": 24, "chunks": 634, "changed": 24, "removed": 0, "seconds": 1.37, "skipped": {"binary": 2}}
    pull = {"state": "running", "done_bytes": 412e6, "total_bytes": 1117320768, "bytes_per_s": 11_200_000, "eta_s": 63}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("jobLine", {"state": "queued", "total": 0}, "Waiting for another index job"),
        ("jobLine", {"state": "running", "total": 0}, "Looking for files"),
        ("jobLine", running_job, "1,200 of 4,000 files · 151 a second · 19 s left"),
        ("jobLine", {"state": "done", "report": report}, "24 files read in 1.4 s, 2 left out."),
        ("jobLine", {"state": "done", "report": report | {"changed": 0}}, "Up to date: nothing changed in 24 files."),
        ("jobLine", {"state": "done", "report": report | {"files": 0}}, "No file of this folder can be indexed."),
        ("jobLine", {"state": "failed", "error": {"message": "the disk is full"}}, "the disk is full"),
        ("pullLine", pull, "412 MB of 1.1 GB · 11.2 MB a second · 1 min 3 s left"),
        ("pullLine", pull | {"state": "paused"}, "Paused at 412 MB of 1.1 GB"),
        ("pullLine", pull | {"state": "failed", "error": "no network"}, "Stopped: no network"),
    ]
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world, visiting(browser, world.url) as visit:
        for name, given, words in cases:
            assert await visit.page.evaluate(WORDS, ["wording", name, given]) == words


async def test_a_history_becomes_columns_sentences_and_rows(browser: Browser, tmp_path: Path) -> None:
    chart = {
        "unit": "seconds",
        "series": [{"name": "a", "label": "A"}, {"name": "b", "label": "B"}, {"name": "c", "label": "C"}],
    }
    history = {
        "names": ["a", "b", "c"],
        "samples": [[10, 1000, None, None], [20, None, 500, None], [30, 4000, 12_400, None]],
    }
    async with running(tmp_path / "data", ScriptedEngine("Yes.")) as world, visiting(browser, world.url) as visit:
        found = await visit.page.evaluate(WORDS, ["series", "columns", history, chart])
        assert found["data"] == [[10, 20, 30], [1, None, 4], [None, 0.5, 12.4]]
        assert [one["label"] for one in found["series"]] == ["A", "B"]
        words = await visit.page.evaluate(WORDS, ["series", "summary", chart, found])
        assert words == "A: 4 s now, 1 s to 4 s. B: 12 s now, 0.5 s to 12 s."
        rows = await visit.page.evaluate(WORDS, ["series", "rows", chart, found, 2])
        assert rows == [[30, "4 s", "12 s"], [10, "1 s", "–"]]
        empty = history | {"samples": []}
        assert await visit.page.evaluate(WORDS, ["series", "columns", empty, chart]) is None
