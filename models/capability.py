"""What this machine can carry: memory, cores, and what a model needs of them.

Pure arithmetic over a GGUF header, and two looks at the operating system. Does not know llama.cpp.
"""

import os
from pathlib import Path

from models.errors import ModelUnavailable
from models.gguf_file import GgufHeader
from models.gguf_format import human_bytes

PREFILL_SLICE = 128  # tokens evaluated in one go: what the compute buffers are sized for
_F16, _F32 = 2, 4  # bytes
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_need(header: GgufHeader, n_ctx: int) -> int:
    """Bytes of memory to run a model with a context of `n_ctx` tokens: weights, key-value cache, compute buffers.

    Cache: every token keeps one key and one value per layer and key-value head, in half precision (llama.cpp's default
    `type_k`, `type_v`). Compute, an upper estimate in single precision for one slice of tokens: the logits, the two
    widest activations (feed-forward, and three of the embedding's width), and the attention scores of every head.
    """
    cache = n_ctx * header.n_layers * header.n_head_kv * (header.key_dim + header.value_dim) * _F16
    per_token = header.n_vocab + 2 * header.n_ff + 3 * header.n_embd + header.n_head * n_ctx
    return header.tensor_bytes + cache + PREFILL_SLICE * per_token * _F32


def check_fits(header: GgufHeader, n_ctx: int) -> None:
    """Raises ModelUnavailable, with the numbers and the way out, when a load would exhaust the memory."""
    need, have = memory_need(header, n_ctx), memory_limit()
    if need > have:
        raise ModelUnavailable(
            f"{header.path.name} needs {human_bytes(need)} of memory with a context of {n_ctx} tokens, this machine "
            f"has {human_bytes(have)}: set a smaller CONTEXT_LENGTH or choose a smaller model"
        )


def memory_limit() -> int:
    """Bytes this process may use at most: the machine's memory, or the container's limit where that is lower."""
    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _CGROUP_LIMITS:
        try:
            limit = min(limit, int(path.read_text()))
        except (OSError, ValueError):  # no such controller, or "max"
            continue
    return limit


def physical_cores() -> int:
    """Cores this process may run on, hyper-threads counted once: more threads than that slow llama.cpp down."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = set()
    for cpu in mine:
        try:
            cores.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            cores.add(str(cpu))
    return len(cores)
