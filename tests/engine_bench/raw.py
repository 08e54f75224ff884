"""llama.cpp and nothing else: one prompt read, then a batch of one token at a time; a process of its own.

`python -m tests.engine_bench.raw MODEL THREADS CONTEXT TOKENS ROUNDS OURS < PROMPT` prints its figures as JSON. OURS is
0 for llama.cpp as it comes, 1 with the choices of Lantern's engine: no flash attention, weights as the file has them.
"""

import ctypes
import json
import os
import sys
import time
from typing import Any

import llama_cpp

from tests.engine_bench.processes import resident_bytes

SILENT = llama_cpp.llama_log_callback(lambda *_: None)
_SLICE = 512


def main(path: str, threads: int, n_ctx: int, n_tokens: int, rounds: int, ours: int) -> None:
    llama_cpp.llama_log_set(SILENT, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    loading = llama_cpp.llama_model_default_params()
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_threads, params.n_threads_batch = n_ctx, threads, threads
    if ours:
        loading.use_extra_bufts = False
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    model = llama_cpp.llama_model_load_from_file(path.encode(), loading)
    context = llama_cpp.llama_init_from_model(model, params)
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_greedy())
    evaluate(context, [1])  # the pages of the file
    memory = llama_cpp.llama_get_memory(context)
    llama_cpp.llama_memory_clear(memory, True)
    prompt = tokenized(model, sys.stdin.read())
    began = time.perf_counter()
    for at in range(0, len(prompt), _SLICE):
        evaluate(context, prompt[at : at + _SLICE])
    token = llama_cpp.llama_sampler_sample(chain, context, -1)
    cold_s, rates = time.perf_counter() - began, []
    for _ in range(rounds):
        llama_cpp.llama_memory_seq_rm(memory, 0, len(prompt), -1)
        after = time.perf_counter()
        chosen = token
        for _ in range(n_tokens - 1):
            evaluate(context, [chosen])
            chosen = llama_cpp.llama_sampler_sample(chain, context, -1)
        rates.append((n_tokens - 1) / (time.perf_counter() - after))
    print(json.dumps({"cold read": cold_s, "decode": max(rates), "memory": resident_bytes(os.getpid())}))


def tokenized(model: Any, text: str) -> list[int]:
    said = text.encode()
    room = (llama_cpp.llama_token * (len(said) + 2))()
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    n = llama_cpp.llama_tokenize(vocabulary, said, len(said), room, len(room), True, True)
    return list(room[:n])


def evaluate(context: Any, tokens: list[int]) -> None:
    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(tokens))) == 0


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
