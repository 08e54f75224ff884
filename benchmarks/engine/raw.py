"""A bare llama.cpp loop: reads one prompt, then decodes a token at a time, in a process of its own.

`python -m benchmarks.engine.raw MODEL THREADS CONTEXT TOKENS OURS`: the first line of standard input is the prompt, as
JSON; for each further line it generates an answer of TOKENS. It prints figures as a line of JSON each. OURS is 0 for
llama.cpp's defaults, 1 for the parameters of Lantern's engine (no flash attention, weights as in the file), 2 for the
latter only.
"""

import asyncio
import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import llama_cpp

from benchmarks.engine.processes import resident_bytes
from models.llama.bindings import library

SILENT = llama_cpp.llama_log_callback(lambda *_: None)
_SLICE = 512


class Raw:
    """The client of the loop's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, line: str) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        figures: dict[str, float] = json.loads(await self._process.stdout.readline())
        return figures

    async def decode(self) -> float:
        """Tokens per second of one answer."""
        return (await self.ask(""))["decode"]


@asynccontextmanager
async def raw_loop(*options: object) -> AsyncIterator[Raw]:
    """`options`: MODEL, THREADS, CONTEXT, TOKENS and OURS, as above."""
    command = [sys.executable, "-m", "benchmarks.engine.raw", *map(str, options)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield Raw(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0, "the raw loop broke"


def runs_with_defaults(model: Path) -> bool:
    """Whether llama.cpp runs with its defaults: its AMX kernels fault on some virtual machines."""
    command = [sys.executable, "-m", "benchmarks.engine.raw", str(model), "1", "512", "2", "0"]
    lines = json.dumps("Hello " * 100) + "\n\n"
    return subprocess.run(command, input=lines, text=True, capture_output=True, timeout=120).returncode >= 0


def main(path: str, threads: int, n_ctx: int, n_tokens: int, ours: int) -> Iterator[dict[str, float]]:
    library()
    llama_cpp.llama_log_set(SILENT, ctypes.c_void_p(0))
    loading = llama_cpp.llama_model_default_params()
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_threads, params.n_threads_batch = n_ctx, threads, threads
    loading.use_extra_bufts = not ours
    if ours == 1:
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    model = llama_cpp.llama_model_load_from_file(path.encode(), loading)
    context = llama_cpp.llama_init_from_model(model, params)
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_greedy())
    evaluate(context, [1])  # loads the pages of the file
    memory = llama_cpp.llama_get_memory(context)
    llama_cpp.llama_memory_clear(memory, True)
    prompt = tokenized(model, json.loads(sys.stdin.readline()))
    start = time.perf_counter()
    for position in range(0, len(prompt), _SLICE):
        evaluate(context, prompt[position : position + _SLICE])
    token = llama_cpp.llama_sampler_sample(chain, context, -1)
    yield {"cold read": time.perf_counter() - start}
    for _ in sys.stdin:
        llama_cpp.llama_memory_seq_rm(memory, 0, len(prompt), -1)
        start = time.perf_counter()
        chosen = token
        for _ in range(n_tokens - 1):
            evaluate(context, [chosen])
            chosen = llama_cpp.llama_sampler_sample(chain, context, -1)
        rate = (n_tokens - 1) / (time.perf_counter() - start)
        yield {"decode": rate, "memory": resident_bytes(os.getpid())}


def tokenized(model: Any, text: str) -> list[int]:
    data = text.encode()
    buffer = (llama_cpp.llama_token * (len(data) + 2))()
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    n = llama_cpp.llama_tokenize(vocabulary, data, len(data), buffer, len(buffer), True, True)
    return list(buffer[:n])


def evaluate(context: Any, tokens: list[int]) -> None:
    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(tokens))) == 0


if __name__ == "__main__":
    for figures in main(sys.argv[1], *map(int, sys.argv[2:])):
        print(json.dumps(figures), flush=True)
