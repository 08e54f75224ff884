"""The limits of a lookup, lifted for tests of what is found."""

import pytest


@pytest.fixture(autouse=True)
def no_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine leaves no file out."""
    monkeypatch.setattr("indexer.navigation.navigator._CPU_S", 10.0)
    monkeypatch.setattr("indexer.navigation.navigator._WALL_S", 20.0)
    monkeypatch.setattr("indexer.navigation.names.aliases._SECONDS", 10.0)
    monkeypatch.setattr("indexer.navigation.usages._HELPER_S", 10.0)
