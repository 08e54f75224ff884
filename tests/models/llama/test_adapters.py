"""LoRA adapters of a catalogue entry change the answer as their weights say, or are refused where they do not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from models.errors import ModelUnavailable
from models.llama.engine import LlamaEngine
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.tiny_gguf import CODELLAMA, N_EMBD, N_LAYERS

pytestmark = pytest.mark.process

SPEC = ModelSpec("codellama-7b", (CODELLAMA.filename,), context_length=512, threads=1)
RANK = 4


def write_adapter(path: Path, strength: float, architecture: str = "llama", width: int = N_EMBD) -> str:
    """A LoRA of random directions on the queries of every layer."""
    random = np.random.default_rng(1)
    writer = GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer in range(N_LAYERS):
        name = f"blk.{layer}.attn_v.weight"
        writer.add_tensor(f"{name}.lora_a", random.standard_normal((RANK, width), np.float32))
        writer.add_tensor(f"{name}.lora_b", strength * random.standard_normal((N_EMBD, RANK), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return str(path)


async def answer_of(*adapters: str) -> str:
    engine = await LlamaEngine.start(replace(SPEC, adapters=adapters), CODELLAMA.path)
    try:
        prompt = Prompt((Segment("[INST] What is a hit? [/INST]", parse_special=True),), "")
        return "".join([delta.text async for delta in engine.stream(prompt, Sampling(max_tokens=16, temperature=0))])
    finally:
        await engine.close()


async def test_an_adapter_changes_the_answer_and_an_empty_one_does_not(tmp_path: Path) -> None:
    plain = await answer_of()
    assert await answer_of(write_adapter(tmp_path / "none.gguf", 0.0)) == plain
    changed = await answer_of(write_adapter(tmp_path / "strong.gguf", 1.0))
    assert changed != plain
    assert await answer_of(str(tmp_path / "none.gguf"), str(tmp_path / "strong.gguf")) == changed


@pytest.mark.parametrize("wrong", ["missing", "architecture", "shape"])
async def test_an_adapter_that_does_not_fit_is_reported(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "wrong.gguf"
    if wrong == "architecture":
        write_adapter(path, 1.0, architecture="phi3")
    elif wrong == "shape":
        write_adapter(path, 1.0, width=2 * N_EMBD)
    with pytest.raises(ModelUnavailable, match=r"adapter wrong\.gguf cannot be loaded"):
        await answer_of(str(path))
