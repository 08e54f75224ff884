"""One llama.cpp context and the tokens its cache holds. Used by one thread only.

Knows evaluation, the cache and the choice of the next token; does not know text, queues or asyncio.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from models.capability import PREFILL_SLICE
from models.errors import EngineFailed, ModelUnavailable
from models.llama.library import last_complaint, library
from models.types import Sampling

_ABORTED = 2  # llama_decode
_SEQUENCE = 0
_RANDOM_SEED = 0xFFFFFFFF  # LLAMA_DEFAULT_SEED


class Cancel:
    """Set from any thread; stops an evaluation within milliseconds.

    llama.cpp asks its abort callback at every node of the graph. A Python callback would take the interpreter lock a
    thousand times a token; `strlen` of this two-byte buffer answers the same question without it.
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)

    def set(self) -> None:
        self.buffer[0] = b"\x01"

    def __bool__(self) -> bool:
        return self.buffer[0] != b"\x00"


class Context:
    def __init__(self, model: Any, n_ctx: int, threads: int) -> None:
        """Raises ModelUnavailable when llama.cpp cannot allocate the cache."""
        self._api = library()
        params = self._api.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = PREFILL_SLICE
        params.n_threads = params.n_threads_batch = threads
        last_complaint()
        self._context = self._api.llama_init_from_model(model, params)
        if not self._context:
            raise ModelUnavailable(f"no context of {n_ctx} tokens could be made: {last_complaint()}")
        self._memory = self._api.llama_get_memory(self._context)
        self._strlen = ctypes.cast(ctypes.CDLL(None).strlen, self._api.ggml_abort_callback)
        self.held: list[int] = []  # tokens in the cache, by position

    def keep_common(self, tokens: list[int]) -> int:
        """Empties the cache behind what it shares with `tokens`; returns how many of them need no evaluation.

        The last one always does: its evaluation gives the first choice.
        """
        shared = 0
        for ours, theirs in zip(self.held, islice(tokens, len(tokens) - 1), strict=False):
            if ours != theirs:
                break
            shared += 1
        self._cut(shared)
        return len(self.held)

    def evaluate(self, tokens: list[int], cancel: Cancel) -> bool:
        """Adds at most PREFILL_SLICE tokens to the cache. False: cancelled, nothing was added."""
        if cancel:
            return False
        self._api.llama_set_abort_callback(self._context, self._strlen, ctypes.addressof(cancel.buffer))
        array = (self._api.llama_token * len(tokens))(*tokens)
        status = self._api.llama_decode(self._context, self._api.llama_batch_get_one(array, len(tokens)))
        if status == 0:
            self.held += tokens
            return True
        self._cut(len(self.held))  # parts of the batch may have got in
        if status == _ABORTED:
            return False
        raise EngineFailed(f"llama.cpp could not go on (status {status}): {last_complaint()}")

    @contextmanager
    def chooser(self, sampling: Sampling) -> Iterator[Callable[[], int]]:
        """Chooses the next token after the last evaluation. The same seed and prompt give the same tokens."""
        api = self._api
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        if sampling.temperature <= 0:
            stages = [api.llama_sampler_init_greedy()]
        else:
            seed = _RANDOM_SEED if sampling.seed is None else sampling.seed % _RANDOM_SEED
            stages = [
                api.llama_sampler_init_top_p(sampling.top_p, 1),
                api.llama_sampler_init_temp(sampling.temperature),
                api.llama_sampler_init_dist(seed),
            ]
        for stage in stages:
            api.llama_sampler_chain_add(chain, stage)
        try:
            yield lambda: int(api.llama_sampler_sample(chain, self._context, -1))
        finally:
            api.llama_sampler_free(chain)

    def close(self) -> None:
        self._api.llama_free(self._context)

    def _cut(self, length: int) -> None:
        """Forgets all tokens from position `length` on; everything, where a model's memory cannot be cut."""
        if not self._api.llama_memory_seq_rm(self._memory, _SEQUENCE, length, -1):
            self._api.llama_memory_clear(self._memory, True)
            length = 0
        del self.held[length:]
