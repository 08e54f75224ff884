"""What a processor cannot run is told once in an answer, and for good in `/health` and `lantern doctor`."""

from pathlib import Path

import pytest

from backend.starting import left_out, verdicts_file
from models.capability import processor
from models.llama import child
from models.llama.kernels import EXTRA_BUFFERS, TILED
from models.llama.library import build
from models.llama.verdicts import Place, Verdicts
from tests.backend.worlds import running, settings_in
from tests.e2e.worlds import lantern
from tests.models.llama import faulty
from tests.speck import write_speck

ASKED = {"query": "?", "retrieval": "off", "max_tokens": 4}
TOLD = "SIGSEGV when a step of 16 rows was being tried"


async def test_it_is_told_with_the_first_answer_and_in_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_CODE", faulty.processor((EXTRA_BUFFERS, 16, "SIGSEGV")))
    write_speck(tmp_path / "speck.gguf", None)
    async with running(tmp_path, models_dir=tmp_path, model_name="speck", n_threads=1) as world:
        first, second = [(await world.post("/chat/query", ASKED)).json() for _ in range(2)]
        health = (await world.get("/health")).json()
    assert (
        first["notice"]
        == f"speck runs without extra buffer types here, which llama.cpp cannot use on this processor ({TOLD})."
    )
    assert "notice" not in second
    assert health["left_out"] == {"llama": {EXTRA_BUFFERS: TOLD}}


async def test_a_model_that_faults_whatever_is_left_out_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_CODE", faulty.processor((faulty.ANYTHING, 1, "SIGILL")))
    write_speck(tmp_path / "speck.gguf", None)
    async with running(tmp_path, models_dir=tmp_path, model_name="speck", n_threads=1) as world:
        refused = await world.post("/chat/query", ASKED)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (503, "model_unavailable")
    assert "SIGILL when a step of 1 row was being tried" in error["message"]
    assert "Choose another model" in error["message"]
    assert "ask again" not in error["message"]


def test_the_doctor_tells_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert left_out(settings) == {}
    verdicts = Verdicts(verdicts_file(settings))
    verdicts.keep(Place(processor(), build(), "qwen2"), {TILED: TOLD})
    verdicts.keep(Place(processor(), build(), "llama"), {})
    verdicts.keep(Place("another", build(), "phi3"), {TILED: TOLD})
    done = lantern(settings.data_dir, "doctor")
    assert f"processor     {processor()}" in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("left out")] == [
        f"left out      for models of qwen2, llama.cpp cannot use here: tiled kernels ({TOLD})"
    ]
