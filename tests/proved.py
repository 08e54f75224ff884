"""What llama.cpp may use in the process of the tests itself: what a process that may die of it has proved.

A test that evaluates beside pytest must begin here, else a processor that cannot run a kernel costs a worker.
"""

import asyncio
import os
from functools import cache
from pathlib import Path

from models.llama.engine import LlamaEngine, LlamaOptions
from models.llama.kernels import environment
from models.types import ModelSpec


@cache
def proved(path: Path) -> tuple[str, ...]:
    """The kernels that hold here for a model file. To be called without a running event loop."""

    async def load() -> tuple[str, ...]:
        engine = await LlamaEngine.start(ModelSpec(path.stem, ()), path, LlamaOptions(context_length=256, threads=1))
        os.environ.update(environment(engine.left_out))
        await engine.close()
        return engine.kernels

    return asyncio.run(load())
