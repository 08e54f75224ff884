"""Kernels that the processor cannot run: a notice in the first answer, and lines in `/health` and `lantern doctor`."""

import os
from pathlib import Path

import pytest

from backend.engines.loader import kernel_results, kernel_results_file
from models.hardware import processor
from models.llama import supervisor
from models.llama.bindings import build
from models.llama.kernel_results import Choice, KernelResult, KernelResultKey, KernelResults
from models.llama.kernels import EXTRA_BUFFERS, FUSED, TILED
from tests.backend.harness import running, settings_in
from tests.e2e.harness import lantern
from tests.minimal_models import write_minimal_llama
from tests.models.llama import faulty

pytestmark = pytest.mark.process

QUERY = {"query": "?", "retrieval": "off", "max_tokens": 4}
REASON = "SIGSEGV when a step of 16 rows was being tried"


async def test_a_notice_is_in_the_first_answer_and_in_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_CODE", faulty.faulting((EXTRA_BUFFERS, 16, "SIGSEGV")))
    write_minimal_llama(tmp_path / "minimal.gguf", None)
    async with running(tmp_path, models_dir=tmp_path, model_name="minimal", n_threads=1) as world:
        first, second = [(await world.post("/chat/query", QUERY)).json() for _ in range(2)]
        health = (await world.get("/health")).json()
    assert (
        first["notice"]
        == f"minimal runs without extra buffer types here, which llama.cpp cannot use on this processor ({REASON})."
    )
    assert "notice" not in second
    of_llama = health["kernels"]["llama"]
    assert (of_llama["left_out"], of_llama["failed"]) == ({EXTRA_BUFFERS: REASON}, "")


async def test_the_error_of_a_model_that_always_faults_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_CODE", faulty.faulting((faulty.ANYTHING, 1, "SIGILL")))
    write_minimal_llama(tmp_path / "minimal.gguf", None)
    async with running(tmp_path, models_dir=tmp_path, model_name="minimal", n_threads=1) as world:
        refused = await world.post("/chat/query", QUERY)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (503, "model_unavailable")
    assert "SIGILL when a step of 1 row was being tried" in error["message"]
    assert "Choose another model" in error["message"]
    assert "ask again" not in error["message"]


def test_the_doctor_lists_kernels_by_architecture(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert kernel_results(settings) == {}
    file = KernelResults(kernel_results_file(settings))
    file.store(KernelResultKey(processor(), build(), "qwen2"), KernelResult({TILED: REASON}))
    file.store(KernelResultKey(processor(), build(), "gemma"), KernelResult(failed="mine cannot be used"))
    file.store(KernelResultKey(processor(), build(), "llama"), KernelResult())
    file.store(
        KernelResultKey(processor(), build(), "phi3"), KernelResult(fastest={"32 x 3072": Choice((TILED, FUSED), 4, 8)})
    )
    file.store(KernelResultKey("another", build(), "phi3"), KernelResult({TILED: REASON}))
    done = lantern(settings.data_dir, "doctor")
    assert f"processor     {processor()}" in done.stderr
    assert [
        line for line in done.stderr.splitlines() if line.startswith(("left out", "failed", "fastest", "llama.cpp"))
    ] == [
        "llama.cpp     installed",
        "failed        mine cannot be used",
        "fastest       tiled kernels, fused operations; 4 threads, 8 to read: phi3, 32 x 3072",
        f"left out      tiled kernels, which llama.cpp cannot use here with models of qwen2: {REASON}",
    ]


def test_the_doctor_of_models_lists_what_each_runs_without(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.models_dir.mkdir(parents=True)
    write_minimal_llama(settings.models_dir / "minimal.gguf", None)
    KernelResults(kernel_results_file(settings)).store(
        KernelResultKey(processor(), build(), "llama"), KernelResult({TILED: REASON})
    )
    done = lantern(settings.data_dir, "models", "doctor")
    assert f"  runs without tiled kernels, which llama.cpp cannot use on this processor: {REASON}\n" in done.stdout


def test_the_doctor_names_a_library_that_was_compiled_for_another_processor(tmp_path: Path) -> None:
    (tmp_path / "llama_cpp.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    ours = os.environ.get("PYTHONPATH", "")
    done = lantern(tmp_path / "data", "doctor", PYTHONPATH=os.pathsep.join(filter(None, (str(tmp_path), ours))))
    assert (
        "llama.cpp     compiled for another processor (SIGILL): `rm -f .venv/stamps/llama; make setup`" in done.stderr
    )
