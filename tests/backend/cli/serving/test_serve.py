"""What `lantern serve` prints when it is ready: the page's address, with a code only where a person sees it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.cli import output
from backend.cli.serving.serve import run_serve
from backend.config import Settings
from backend.signin import SignInCodes


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[SignInCodes]:
    """The codes of each server that was started; the server itself is only ready."""
    started: list[SignInCodes] = []

    async def serve(settings: Settings, on_ready: Callable[[str], None], *, codes: SignInCodes) -> None:
        started.append(codes)
        on_ready("http://127.0.0.1:8000")

    monkeypatch.setattr("backend.server.serve", serve)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return started


def test_a_terminal_is_shown_a_code_that_works(
    made: list[SignInCodes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    run_serve(None, None, None, None)
    found = re.search(r"^Open http://127\.0\.0\.1:8000/#code=(\w+)$", capsys.readouterr().err, re.MULTILINE)
    assert found
    assert made[0].redeem(found[1])


def test_a_log_is_not(made: list[SignInCodes], capsys: pytest.CaptureFixture[str]) -> None:
    run_serve(None, None, None, None)
    printed = capsys.readouterr().err
    assert "code=" not in printed
    assert "The page: http://127.0.0.1:8000/ (`lantern open` signs a browser in)" in printed
