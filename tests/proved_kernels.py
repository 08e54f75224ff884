"""The kernels that llama.cpp may use inside pytest's own process, as proved by a separate process first.

A test that evaluates inside pytest must call `proved_kernels`; else a kernel that faults kills the worker.
"""

import asyncio
import os
from functools import cache
from pathlib import Path

from models.llama.engine import LlamaEngine
from models.llama.kernels import environment
from models.llama.options import LlamaOptions
from models.types import ModelSpec


@cache
def proved_kernels(path: Path) -> tuple[str, ...]:
    """The kernels that work here for a model file. Not to be called from an event loop."""

    async def load() -> tuple[str, ...]:
        engine = await LlamaEngine.start(ModelSpec(path.stem, ()), path, LlamaOptions(context_length=256, threads=1))
        os.environ.update(environment(engine.left_out))
        await engine.close()
        return engine.kernels

    return asyncio.run(load())
