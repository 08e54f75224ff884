"""`make soak-engine`: loads, uses and closes a model fifty times, and checks that the process leaks nothing."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from models.llama.engine import LlamaEngine
from models.llama.options import LlamaOptions
from models.llama.wire import KvLimits
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_llama
from tests.processes import resident_bytes, workers

SWAPS, WARM = 50, 5
TOLERANCE = 0.05  # of the memory after the warm-up
_PROMPT = Prompt((Segment("Once upon a time. " * 20, False),), "?")


async def swap(path: Path) -> None:
    """Starts an engine, generates a few tokens, and closes it."""
    spec, storage = ModelSpec(path.stem, (path.name,), threads=1), KvLimits(1 << 24, 1 << 24, path.parent / "kv")
    engine = await LlamaEngine.start(spec, path, LlamaOptions(context_length=2048, kv_limits=storage))
    deltas = [delta async for delta in engine.stream(_PROMPT, Sampling(max_tokens=64, temperature=0))]
    assert deltas[-1].reason == "length"
    await engine.close()


def resources() -> tuple[int, int, list[int]]:
    """Open files, tasks and model processes."""
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()), workers(os.getpid())


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "minimal.gguf"
        write_minimal_llama(path)
        for _ in range(WARM):
            await swap(path)
        before, memory = resources(), resident_bytes(os.getpid())
        for _ in range(SWAPS):
            await swap(path)
        growth = resident_bytes(os.getpid()) / memory - 1
    print(f"{SWAPS} swaps: memory {growth:+.1%} of {memory / 1e6:.0f} MB")
    print(f"open files, tasks, processes: {before} before, {resources()} after")
    sys.exit(abs(growth) > TOLERANCE or resources() != before)


if __name__ == "__main__":
    asyncio.run(main())
