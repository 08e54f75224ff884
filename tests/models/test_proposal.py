"""What a machine is proposed, by its memory, in words."""

from pathlib import Path

import pytest

from models.proposal import TIERS, advice, expectation, none_installed, not_installed, proposed
from models.registry import Registry
from models.types import ModelSpec


@pytest.mark.parametrize(
    ("memory", "name", "most"),
    [
        (0.5e9, None, ""),
        (1e9, "smollm2-135m", ""),
        (2e9, "qwen2.5-coder-0.5b", ""),
        (4e9, "qwen2.5-coder-1.5b", ""),
        (8e9, "qwen2.5-coder-1.5b", ""),
        (12e9, "qwen2.5-coder-1.5b", "phi3-mini"),
        (16e9, "qwen2.5-coder-1.5b", "llama3.1-8b"),
    ],
)
def test_the_proposed_model_depends_on_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: float, name: str | None, most: str
) -> None:
    monkeypatch.setattr("models.proposal.memory_limit", lambda: memory)
    spec_of = Registry(tmp_path).spec
    best, text = proposed(spec_of), advice(spec_of)
    assert (best.name if best else None) == name
    assert ("; " in text, f"; {most} fits, too" in text) == (bool(most), bool(most))
    assert (f"`lantern models pull {name}`" in text) == bool(name)


def test_a_proposal_has_size_and_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.proposal.memory_limit", lambda: 8e9)
    spec_of = Registry(tmp_path).spec
    one = "`lantern models pull qwen2.5-coder-1.5b` (1.12 GB, Apache-2.0)"
    assert none_installed(spec_of) == f"No model is installed: {one} adds one."
    assert not_installed(spec_of("smollm2-135m"), spec_of) == (
        "Model smollm2-135m is not installed: `lantern models pull smollm2-135m` (98.4 MB, Apache-2.0) adds it."
    )
    assert not_installed(spec_of("llama3.1-8b"), spec_of).endswith(
        f"adds it. It needs 6.2 GB of memory. 8 GB of memory here, half of it for a model: {one} is proposed."
    )
    monkeypatch.setattr("models.proposal.memory_limit", lambda: 3e8)
    assert none_installed(spec_of) == (
        "No model: 300 MB of memory here is too little: half of it may go to a model, and smollm2-135m needs 341 MB."
    )


def test_the_tiers_grow_in_memory(tmp_path: Path) -> None:
    needs = [Registry(tmp_path).spec(name).memory_bytes for name in TIERS]
    assert needs == sorted(needs)


@pytest.mark.parametrize(
    ("tier", "sentence"),
    [
        ("smollm2-135m", "Fits in memory; about 44 tokens a second, so an answer is written in 6 s."),
        ("qwen2.5-coder-0.5b", "Fits in memory; about 19 tokens a second, so an answer is written in 13 s."),
        ("qwen2.5-coder-1.5b", "Fits in memory; about 10 tokens a second, so an answer is written in 25 s."),
        ("phi3-mini", "Takes 5.7 GB of 6 GB of memory; about 5 tokens a second, so an answer is written in 50 s."),
        ("llama3.1-8b", "Too large: it needs 6.2 GB of memory, this machine has 6 GB."),
    ],
)
def test_each_tier_has_an_expectation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: str, sentence: str
) -> None:
    monkeypatch.setattr("models.proposal.memory_limit", lambda: 6e9)
    monkeypatch.setattr("models.proposal.physical_cores", lambda: 2)
    spec = Registry(tmp_path).spec(tier)
    assert expectation(spec, spec.size_bytes) == sentence


def test_what_was_measured_wins_and_what_is_not_known_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.proposal.memory_limit", lambda: 6e9)
    loose = ModelSpec("loose", ("loose.gguf",))
    assert expectation(loose, 0) == "Its need of memory is not known."
    assert expectation(loose, 0, 1.25) == (
        "Its need of memory is not known; 1.2 tokens a second, so an answer is written in 3 minutes."
    )
