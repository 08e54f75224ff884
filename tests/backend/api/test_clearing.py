"""Deleting messages gives up if new questions keep arriving; who follows deleted events is told."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from backend.api import clearing
from backend.db.events import Event
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


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/query", {"query": "?"}),
        ("/chat/query", {"query": "?", "stream": True}),
        ("/v1/chat/completions", {"model": "scripted+repo", "messages": [{"role": "user", "content": "?"}]}),
        ("/v1/responses", {"model": "scripted+repo", "input": "?"}),
    ],
)
async def test_a_turn_whose_events_are_deleted_while_they_are_read_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    async def deleted(session: str, after: int) -> AsyncGenerator[Event]:
        raise ApiError("replay_gone", f"events after {after} cannot be replayed; the log holds 7..8")
        yield

    async with running(tmp_path, ScriptedEngine()) as world:
        monkeypatch.setattr(world.services.turns, "watch", deleted)
        answer = await world.post(path, body)
    assert answer.status_code == 410
    assert "events after 0 cannot be replayed" in answer.json()["error"]["message"]
