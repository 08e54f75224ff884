"""Completion at the cursor where no model can do it. `test_prefetch.py` has real models."""

from pathlib import Path
from typing import Any

import pytest

from tests.backend.harness import Socket, running

AROUND: dict[str, Any] = {"prefix": "x = ", "suffix": "\n"}


async def notice_of_a_question(socket: Socket) -> str:
    session = (await socket.call("session/open"))["session"]
    await socket.call("session/prompt", session=session, turn="t", text="What is this?", retrieval="off")
    return str((await socket.until("end", "t"))["notice"])


@pytest.mark.process
@pytest.mark.parametrize("model", ["", "phi3-mini", "auto"])
async def test_a_missing_model_is_named_as_in_an_answer(tmp_path: Path, model: str) -> None:
    given: dict[str, Any] = {"models_dir": tmp_path / "models", "model_name": model}
    async with running(tmp_path / "data", **given) as world, world.socket() as socket:
        notice = await notice_of_a_question(socket)
        refused = (await socket.answer("complete", **AROUND))["error"]
        infill = await world.post("/infill", {"input_prefix": "x = ", "input_suffix": ""})
    assert "is installed" in notice or "is not installed" in notice
    assert (refused["data"]["code"], refused["message"]) == ("model_unavailable", notice)
    assert (infill.status_code, infill.json()["error"]["message"]) == (503, notice)


@pytest.mark.process
async def test_an_engine_that_was_chosen_cannot_fill_in(tmp_path: Path) -> None:
    async with running(tmp_path, model_name="extractive") as world, world.socket() as socket:
        refused = (await socket.answer("complete", **AROUND))["error"]
    assert refused["message"] == "extractive cannot fill in the middle: set MODEL_NAME to one that can"
