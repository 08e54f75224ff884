"""Deleting messages gives up if new questions keep arriving."""

from pathlib import Path

import pytest

from backend.api import clearing
from backend.errors import ApiError
from models.scripted import ScriptedEngine
from tests.backend.harness import running

pytestmark = pytest.mark.process


async def test_deleting_is_tried_again_and_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "CLEAR_PAUSE_S", 0.0)
    answers: list[int | None] = [None, None, 4]
    async with running(tmp_path, ScriptedEngine()) as world:
        assert await clearing.clear(world.services, [], lambda _: answers.pop(0)) == {"deleted": 4}
        with pytest.raises(ApiError, match="keep arriving") as refused:
            await clearing.clear(world.services, [], lambda _: None)
    assert refused.value.code.name == "rate_limited"
