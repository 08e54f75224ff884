"""Memory arithmetic, against figures worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from models import hardware
from models.errors import ModelUnavailable
from models.gguf.header import read_header
from models.hardware import check_fits, memory_free, memory_limit, memory_need, physical_cores
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
    mask = 552 * 4 * 2 * 8192
    assert memory_need(LLAMA_8B, 16384) - memory_need(LLAMA_8B, 8192) == (1 << 30) + mask
    less = memory_need(LLAMA_8B, 16384, "q8_0") - memory_need(LLAMA_8B, 8192, "q8_0")
    assert less == (1 << 30) * 34 // 64 + mask


def test_the_need_is_weights_cache_and_compute() -> None:
    compute = 4 * (552 * (2 * 14336 + 4 * 4096 + 2 * 8192) + 40 * 128256)
    assert memory_need(LLAMA_8B, 8192) == 4_912_898_304 + (1 << 30) + compute
    assert compute < 0.25 * (1 << 30)


def test_what_does_not_fit_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.hardware.memory_limit", lambda: 6_000_000_000)
    check_fits(LLAMA_8B, 512)
    with pytest.raises(ModelUnavailable, match=r"llama\.gguf needs 6\.14 GB .* 8192 tokens, this machine has 6 GB"):
        check_fits(LLAMA_8B, 8192)


def test_a_container_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = memory_limit()
    monkeypatch.setattr("models.hardware._CGROUPS", ((tmp_path, "limit", "use"),))
    monkeypatch.setattr("models.hardware._OWN_CGROUPS", tmp_path / "missing")
    (tmp_path / "use").write_text("1000\n")
    (tmp_path / "limit").write_text("max\n")
    assert memory_limit() >= whole
    (tmp_path / "limit").write_text("1048576\n")
    assert memory_limit() == 1 << 20


@pytest.mark.parametrize(
    ("mount", "files", "statistics"),
    [
        ("cgroup", ("memory.max", "memory.current"), "inactive_file 300\nactive_file 200\nanon 5"),
        ("memory", ("memory.limit_in_bytes", "memory.usage_in_bytes"), "total_inactive_file 500\nactive_file 7"),
    ],
)
def test_free_memory_is_limited_by_every_enclosing_cgroup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mount: str, files: tuple[str, str], statistics: str
) -> None:
    root = tmp_path / mount
    inner = root / "user" / "lantern"
    inner.mkdir(parents=True)
    for folder, limit, used in ((root, "max", 90_000), (inner.parent, "10000", 6000), (inner, "8000", 2000)):
        (folder / files[0]).write_text(f"{limit}\n")
        (folder / files[1]).write_text(f"{used}\n")
        (folder / "memory.stat").write_text("inactive_file 0\n" if folder == inner else statistics)
    (tmp_path / "own").write_text("4:memory:/user/lantern\n3:cpu:/other\n0::/user/lantern\n")
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable:       50 kB\n")
    monkeypatch.setattr("models.hardware._CGROUPS", ((root, *files),))
    monkeypatch.setattr("models.hardware._OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr("models.hardware._MEMINFO", tmp_path / "meminfo")
    # around it 10,000 less 6,000 in use, of which 500 are inactive cache and, where it is reported, 200 active cache
    assert memory_free() == 4000 + (500 if mount == "cgroup" else 507)
    (inner / files[1]).write_text("7999\n")
    assert memory_free() == 1
    (inner / files[1]).write_text("9000\n")
    assert memory_free() == 0
    monkeypatch.setattr("models.hardware._CGROUPS", ())
    assert memory_free() == 50 * 1024
    (tmp_path / "meminfo").unlink()
    assert memory_free() == memory_limit()


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {100_001, 100_002, 100_003}, raising=False)
    assert physical_cores() == 3  # unknown to the system, so none share a core


def test_a_graphics_processor_is_named_by_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hardware, "_GPUS", tmp_path)
    assert hardware.accelerator() == ""
    (tmp_path / "0000:01:00.0").mkdir()
    information = tmp_path / "0000:01:00.0" / "information"
    information.write_text("Model: \t\t NVIDIA H200\nIRQ:   \t\t 130\n")
    assert hardware.accelerator() == "NVIDIA H200"
