"""Memory arithmetic, against figures worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.capability import check_fits, memory_limit, memory_need, physical_cores
from models.errors import ModelUnavailable
from models.gguf_file import read_header
from tests.tiny_gguf import LLAMA3

# Llama 3.1 8B in Q4_K_M, from its published configuration.
LLAMA_8B = replace(
    read_header(LLAMA3.path),
    path=Path("llama.gguf"),
    tensor_bytes=4_912_898_304,
    n_layers=32,
    n_embd=4096,
    n_ff=14336,
    n_head=32,
    n_head_kv=8,
    key_dim=128,
    value_dim=128,
)


def test_the_cache_of_llama_8b_takes_one_gib_per_8192_tokens() -> None:
    assert memory_need(LLAMA_8B, 16384) - memory_need(LLAMA_8B, 8192) == (1 << 30) + 128 * 4 * 32 * 8192


def test_the_need_is_weights_cache_and_compute() -> None:
    compute = 128 * 4 * (128256 + 2 * 14336 + 3 * 4096 + 32 * 8192)
    assert memory_need(LLAMA_8B, 8192) == 4_912_898_304 + (1 << 30) + compute
    assert compute < 0.25 * (1 << 30)


def test_what_does_not_fit_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.capability.memory_limit", lambda: 6_000_000_000)
    check_fits(LLAMA_8B, 512)
    with pytest.raises(ModelUnavailable, match=r"llama\.gguf needs 6\.21 GB .* 8192 tokens, this machine has 6 GB"):
        check_fits(LLAMA_8B, 8192)


def test_a_container_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = memory_limit()
    (tmp_path / "none").write_text("max\n")
    (tmp_path / "low").write_text("1048576\n")
    monkeypatch.setattr("models.capability._CGROUP_LIMITS", (tmp_path / "none", tmp_path / "missing"))
    assert memory_limit() >= whole
    monkeypatch.setattr("models.capability._CGROUP_LIMITS", (tmp_path / "none", tmp_path / "low"))
    assert memory_limit() == 1 << 20


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {100_001, 100_002, 100_003}, raising=False)
    assert physical_cores() == 3  # unknown to the system, so none share a core
