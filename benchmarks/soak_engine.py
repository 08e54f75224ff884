"""`make soak-engine`: fifty loads, answers and closes of a model, and what they leave in the process that asked."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from models.llama.engine import LlamaEngine
from models.llama.kv.snapshots import KvLimits
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.processes import resident_bytes, workers
from tests.speck import write_speck

SWAPS, WARM = 50, 5
WITHIN = 0.05  # of the memory after the first few
_PROMPT = Prompt((Segment("Once upon a time. " * 20, False),), "?")


async def swap(path: Path) -> None:
    """One life of an engine."""
    spec, storage = ModelSpec(path.stem, (path.name,), threads=1), KvLimits(1 << 24, 1 << 24, path.parent / "kv")
    engine = await LlamaEngine.start(spec, path, context_length=2048, storage=storage)
    deltas = [delta async for delta in engine.stream(_PROMPT, Sampling(max_tokens=64, temperature=0))]
    assert deltas[-1].reason == "length"
    await engine.close()


def left() -> tuple[int, int, list[int]]:
    """Open files, tasks and processes of models."""
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()), workers(os.getpid())


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "speck.gguf"
        write_speck(path)
        for _ in range(WARM):
            await swap(path)
        before, memory = left(), resident_bytes(os.getpid())
        for _ in range(SWAPS):
            await swap(path)
        share = resident_bytes(os.getpid()) / memory - 1
    print(
        f"{SWAPS} swaps: memory {share:+.1%} of {memory / 1e6:.0f} MB; open files, tasks, processes {before}, {left()}"
    )
    sys.exit(abs(share) > WITHIN or left() != before)


if __name__ == "__main__":
    asyncio.run(main())
