"""The models of the page: downloaded with their licence shown, paused, resumed, loaded, chosen in mid-conversation."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from models.gguf.header import read_header
from tests.backend.engines.harness import Machine, machine, serving  # noqa: F401 - a fixture
from tests.backend.engines.test_downloads import Origin, origin, registry  # noqa: F401 - a fixture
from tests.backend.harness import running
from tests.e2e.page.harness import SHOP, visiting, write
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process


async def test_a_download_shows_its_licence_and_is_paused_and_resumed(
    browser: Browser,
    tmp_path: Path,
    origin: Origin,  # noqa: F811
) -> None:
    registry(tmp_path, origin.url)
    async with (
        running(tmp_path, models_dir=tmp_path / "models", model_name="extractive") as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        page = visit.page
        await page.keyboard.press("Alt+m")
        dialog = page.get_by_role("dialog", name="Models")
        device = (await world.get("/device")).json()
        words = re.sub("`lantern models pull ([^`]+)`", r"\1", device["words"])
        await expect(dialog.locator(".device")).to_have_text(f"{words}.")
        tiny = dialog.locator(".model").filter(has_text="tiny")
        await expect(tiny).to_contain_text("Not installed")
        await tiny.get_by_role("button", name="Download tiny").click()
        await expect(tiny.get_by_role("group")).to_contain_text("LicenceMIT")
        assert origin.ranges == []  # nothing is fetched before that was answered
        await tiny.get_by_role("button", name="Download", exact=True).click()
        await expect(tiny.get_by_role("progressbar")).to_be_visible()
        await expect(tiny.locator(".progress")).to_contain_text(" of ")
        await tiny.get_by_role("button", name="Pause tiny").click()
        await expect(tiny.locator(".progress")).to_contain_text("Paused at")
        origin.go_on.set()
        await tiny.get_by_role("button", name="Resume tiny").click()
        await expect(page.get_by_text("tiny is downloaded.")).to_be_visible()
        await expect(tiny.get_by_role("progressbar")).to_have_count(0)
        await expect(tiny).not_to_contain_text("Not installed")
    assert (tmp_path / "models" / "tiny.gguf").is_file()


async def test_a_failed_download_says_why(browser: Browser, tmp_path: Path, origin: Origin) -> None:  # noqa: F811
    registry(tmp_path, origin.url, sha256="0" * 64)
    origin.go_on.set()
    async with (
        running(tmp_path, models_dir=tmp_path / "models", model_name="extractive") as world,
        visiting(browser, world.url, world.token) as visit,
    ):
        await visit.page.keyboard.press("Alt+m")
        tiny = visit.page.locator(".model").filter(has_text="tiny")
        await tiny.get_by_role("button", name="Download tiny").click()
        await tiny.get_by_role("button", name="Download", exact=True).click()
        await expect(tiny.get_by_role("alert")).to_contain_text("published is 0000")
        await expect(tiny.get_by_role("button", name="Resume tiny")).to_be_visible()


async def test_a_model_is_chosen_in_mid_conversation(
    browser: Browser,
    tmp_path: Path,
    machine: Machine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    header = read_header(PHI3.path)
    monkeypatch.setattr("models.registry.read_header", lambda path: replace(header, path=path))
    async with serving(machine, model_name="extractive") as world:
        await world.post("/index", {"path": str(write(tmp_path / "code", SHOP)), "wait": True})
        async with visiting(browser, world.url, world.token) as visit:
            page = visit.page
            await visit.ask("How does total add the prices up?")
            await page.keyboard.press("Alt+m")
            ant = page.locator(".model").filter(has_text="ant").filter(has=page.get_by_role("button", name="Use ant"))
            await ant.get_by_role("button", name="Use ant").click()
            chosen = page.locator(".model[aria-current]")
            await expect(chosen).to_contain_text("ant")
            await expect(chosen).to_contain_text("In memory")
            assert machine.starts == ["ant"]
            await page.keyboard.press("Escape")
            await expect(page.get_by_text("From here on ant answers.")).to_be_visible()
            await visit.ask("And the discount?")
            assert (await visit.last())["end"]["model"] == "ant"
            await page.reload()
            await page.keyboard.press("Alt+h")
            await expect(page.get_by_role("dialog", name="Preferences")).to_contain_text("ant")
