"""Each test has a terminal of its own, on which nothing stands yet."""

from collections.abc import Iterator

import pytest

from backend.cli import output


@pytest.fixture(autouse=True)
def fresh_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(output, "_screen", output._Screen())
    monkeypatch.setenv("TERM", "xterm")
    output._console.cache_clear()
    yield
    output._console.cache_clear()
