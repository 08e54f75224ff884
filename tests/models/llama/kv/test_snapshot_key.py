"""A snapshot is found by the model and the context that it was made with."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.llama.kernels import FLASH_ATTENTION
from models.llama.kv.snapshot_key import snapshot_key
from models.llama.wire import LoadRequest
from tests.minimal_models import write_minimal_llama


@pytest.mark.process
def test_another_context_or_model_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "minimal.gguf"
    write_minimal_llama(path)
    order = LoadRequest(str(path), 2048, 1, folder=str(tmp_path / "kv"))
    keys = {snapshot_key(order), snapshot_key(LoadRequest(str(path), 4096, 1, folder=order.folder))}
    keys |= {snapshot_key(LoadRequest(str(path), 2048, 1, kv_type="q8_0", folder=order.folder))}
    keys |= {snapshot_key(replace(order, kernels=(FLASH_ATTENTION,)))}
    path.write_bytes(path.read_bytes() + b"x")
    keys |= {snapshot_key(order)}
    assert len(keys) == 5
    (tmp_path / "kv" / "digests.json").write_text("{")
    assert snapshot_key(order) in keys
