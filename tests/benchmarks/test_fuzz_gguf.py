"""Damaged model files: each kind through the whole engine, many through the benchmark's quick run."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.fuzz_gguf import mutants
from models.errors import ModelUnavailable
from models.llama.engine import LlamaEngine
from models.llama.options import LlamaOptions
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_llama
from tests.processes import workers

pytestmark = pytest.mark.process

SPEC = ModelSpec("minimal", ("minimal.gguf",), context_length=8192, threads=1)


async def _finish_reason(engine: LlamaEngine) -> str | None:
    """The finish reason of a short answer."""
    prompt = Prompt((Segment("Hello.", False),), "Hello.")
    return [delta.reason async for delta in engine.stream(prompt, Sampling(max_tokens=4, temperature=0))][-1]


async def test_damaged_files_are_refused_or_answer(tmp_path: Path) -> None:
    """Each kind of damage through the whole engine; `make fuzz-gguf` does 2,000 of them through the process alone."""
    original = tmp_path / "minimal.gguf"
    write_minimal_llama(original)
    fates: Counter[str] = Counter()
    for number, (_, data) in zip(range(12), mutants(original, seed=7), strict=False):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(data)
        try:
            found = await LlamaEngine.start(SPEC, path, LlamaOptions(context_length=256))
            fates[str(await _finish_reason(found))] += 1
            await found.close()
        except ModelUnavailable:
            fates["refused"] += 1
    assert fates["refused"] >= 4
    assert set(fates) <= {"refused", "length", "stop"}
    assert workers(os.getpid()) == []


def test_many_damaged_files_neither_hang_nor_hurt() -> None:
    command = [sys.executable, "-m", "benchmarks.fuzz_gguf", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" 0 hung\n")
    assert "flip in the weights: answered" in done.stdout
