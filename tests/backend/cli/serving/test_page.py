"""`lantern open`: the browser gets an address with a fresh code; without a browser the address is printed."""

import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backend.cli.serving import page

ADDRESS = "http://127.0.0.1:1/#code=c0de"


class ClientDouble:
    url = "http://127.0.0.1:1"

    def call(self, *call: Any) -> dict[str, str]:
        assert call == ("POST", "/signin/codes", {})
        return {"code": "c0de"}


class BrowserDouble:
    def __init__(self, name: str, opens: bool) -> None:
        self.name, self.opens = name, opens
        self.opened: list[str] = []

    def open(self, address: str) -> bool:
        self.opened.append(address)
        return self.opens


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def open_running(_: object) -> Iterator[ClientDouble]:
        yield ClientDouble()

    monkeypatch.setattr(page, "open_running", open_running)
    monkeypatch.setattr(page, "command_settings", lambda: None)


def test_the_browser_opens_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    browser = BrowserDouble("firefox", opens=True)
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    page.run_open(browser=True)
    printed = capsys.readouterr()
    assert browser.opened == [ADDRESS]
    assert (printed.out, "c0de" in printed.err) == ("", False)


@pytest.mark.parametrize("browser", [BrowserDouble("firefox", opens=False), BrowserDouble("w3m", opens=True)])
def test_the_address_is_printed_where_it_cannot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], browser: BrowserDouble
) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    page.run_open(browser=True)
    printed = capsys.readouterr()
    assert printed.out == f"{ADDRESS}\n"
    assert "works once" in printed.err


def test_without_any_browser(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def none() -> None:
        raise webbrowser.Error

    monkeypatch.setattr(webbrowser, "get", none)
    page.run_open(browser=True)
    page.run_open(browser=False)
    assert capsys.readouterr().out == f"{ADDRESS}\n{ADDRESS}\n"
