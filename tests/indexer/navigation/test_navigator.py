"""The limits of a lookup."""

from pathlib import Path

import pytest

from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask

pytestmark = pytest.mark.process


def test_more_files_than_the_limit_make_an_answer_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = {f"m{n}.py": "from core import work\n\nwork()\n" for n in range(4)}
    world = World(tmp_path, {"core.py": "def work():\n    ...\n"} | callers)
    world.refresh()
    monkeypatch.setattr("indexer.navigation.navigator._FILES", 3)
    found = ask(world.store, "who calls work?")
    assert found is not None
    assert (len(found.locations), found.is_complete) == (2, False)
