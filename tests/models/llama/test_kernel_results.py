"""The file of unusable and of fastest kernels."""

import json
from pathlib import Path
from types import SimpleNamespace

from models.llama.kernel_results import Choice, KernelResult, KernelResultKey, KernelResults
from models.llama.kernels import FUSED, TILED
from models.llama.proving import KernelProver
from models.llama.wire import LoadRequest

PLAIN_CHOICE = Choice((TILED, FUSED), 2, 2)


def test_a_later_fault_keeps_the_measured_choices(tmp_path: Path) -> None:
    results, key = KernelResults(tmp_path / "kernels.json"), KernelResultKey("p", "b", "llama")
    results.store(key, KernelResult({}, "", {"a": PLAIN_CHOICE, "b": PLAIN_CHOICE}))
    prover = KernelProver("mine", LoadRequest("", 1, 2, most_threads=2), results, key, "a")
    for _ in range(2):
        prover.record_break(SimpleNamespace(fault="SIGILL", kernels=(TILED, FUSED)))  # type: ignore[arg-type]
    what = {TILED: "SIGILL in 2 answers in a row"}
    assert results.find(key) == KernelResult(what, "", {"a": PLAIN_CHOICE, "b": PLAIN_CHOICE})


def test_a_damaged_choice_is_measured_again(tmp_path: Path) -> None:
    results, key = KernelResults(tmp_path / "kernels.json"), KernelResultKey("p", "b", "llama")
    kept = KernelResult({}, "", {"a": PLAIN_CHOICE})
    results.store(key, kept)
    assert KernelResults(tmp_path / "kernels.json").find(key) == kept
    damaged = json.loads((tmp_path / "kernels.json").read_text())
    damaged["p"]["b"]["llama"]["fastest"]["a"]["threads"] = "many"
    (tmp_path / "kernels.json").write_text(json.dumps(damaged))
    assert results.find(key) == KernelResult()
