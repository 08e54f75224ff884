"""What this machine can carry: memory, cores, and what a model needs of them.

Pure arithmetic over a GGUF header, and two looks at the operating system. Does not know llama.cpp.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from models.errors import ModelUnavailable
from models.gguf_file import GgufHeader
from models.gguf_format import human_bytes

PREFILL_SLICE = 128  # tokens evaluated in one go: what the compute buffers are sized for
_F16, _F32 = 2, 4  # bytes
_MEMINFO, _OWN_CGROUPS = Path("/proc/meminfo"), Path("/proc/self/cgroup")
# The two versions of control groups: where they are mounted, and the files of limit and use.
_CGROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


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
    """Raises ModelUnavailable, with the numbers and the way out, when this machine can never hold it."""
    need, have = memory_need(header, n_ctx), memory_limit()
    if need > have:
        raise ModelUnavailable(
            f"{header.path.name} needs {human_bytes(need)} of memory with a context of {n_ctx} tokens, this machine "
            f"has {human_bytes(have)}: set a smaller CONTEXT_LENGTH or choose a smaller model"
        )


def memory_limit() -> int:
    """Bytes this process may use at most: the machine's memory, or the container's limit where that is lower."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([total, *(limit for limit, _ in _cgroups())])


def memory_free() -> int:
    """Bytes that can be taken now: page cache counts as free, what models and other programs hold does not.

    A model file that is mapped into memory is page cache, too. Where the system does not tell, the limit.
    """
    told = _numbers(_MEMINFO).get("MemAvailable:")
    machine = told * 1024 if told is not None else memory_limit()
    return max(0, min([machine, *(limit - used for limit, used in _cgroups())]))


def _cgroups() -> Iterator[tuple[int, int]]:
    """Limit and use in bytes, without page cache, of every control group that this process is in."""
    for mount, limit_file, use_file in _CGROUPS:
        for folder in _own_folders(mount):
            try:
                limit, used = int((folder / limit_file).read_text()), int((folder / use_file).read_text())
            except (OSError, ValueError):  # no such controller, or "max"
                continue
            told = _numbers(folder / "memory.stat")
            cache = sum(told.get(f"total_{name}", told.get(name, 0)) for name in ("inactive_file", "active_file"))
            yield limit, used - cache


def _own_folders(mount: Path) -> Iterator[Path]:
    """The mount itself, which inside a container is the container's own group, and the folders down to ours."""
    yield mount
    try:
        lines = _OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return
    wanted = "memory" if mount.name == "memory" else ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == wanted:
            below = [part for part in path.split("/") if part not in ("", "..")]
            yield from (mount.joinpath(*below[:depth]) for depth in range(1, len(below) + 1))


def _numbers(file: Path) -> dict[str, int]:
    """The first number of each line of a file of the kernel, by the line's first word."""
    try:
        fields = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in fields if len(words) > 1 and words[1].isdigit()}


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
