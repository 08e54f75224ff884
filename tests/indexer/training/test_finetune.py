"""Fine-tuning a BERT of two tiny layers: what is trained, and that queries come near their codes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import BertConfig, BertModel

from indexer.training.finetune import Texts, TuneSettings, tune

PAIRS = 16


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    config = BertConfig(
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=64,
        max_position_embeddings=16,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def tuned(bert: Path, steps: int, share: float = 1.0) -> dict[str, np.ndarray]:
    """Query i is token i, twice or three times; its code is token 32 + i."""
    texts = Texts(
        queries=[np.array([i] * (2 + i % 2)) for i in range(PAIRS)],
        codes=[np.array([32 + i] * 4) for i in range(PAIRS)],
        answer=np.arange(PAIRS),
        query=np.arange(PAIRS),
        likeness=np.eye(PAIRS, dtype=np.float32),
    )
    return tune(bert, texts, [np.arange(PAIRS)] * steps, TuneSettings(frozen=1, rate=2e-3, share=share, seed=1))


def test_only_the_upper_layers_are_trained(bert: Path) -> None:
    before, after = load_file(bert / "model.safetensors"), tuned(bert, 3)
    assert {name.split(".")[2] for name in after} == {"1"}
    assert len(after) == 16  # weight and bias of six products and two norms
    assert all(after[name].shape == before[name].shape for name in after)
    matrix = "encoder.layer.1.output.dense.weight"
    assert 0 < np.abs(after[matrix] - before[matrix]).max() < 0.02


def test_only_a_share_of_the_change_is_taken(bert: Path) -> None:
    before, full, half = load_file(bert / "model.safetensors"), tuned(bert, 3), tuned(bert, 3, share=0.5)
    assert half.keys() == full.keys()
    assert all(np.allclose(value, (before[name] + full[name]) / 2, atol=1e-6) for name, value in half.items())


def test_the_loss_falls(bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tuned(bert, 40)
    losses = [float(line.split("loss")[1].split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 4
    assert losses[-1] < 0.5 * losses[0]
