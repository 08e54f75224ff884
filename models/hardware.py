"""Memory and cores of this machine, and the memory that a model needs.

Arithmetic over a GGUF header, and queries to the operating system. Does not know llama.cpp.
"""

import hashlib
import os
import platform
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from models.errors import ModelUnavailable
from models.gguf.header import GgufHeader
from models.gguf.reader import human_bytes

ROWS = 552  # most tokens of one batch (models.llama.worker.loading)
CHOICES = 40  # most tokens of one batch that have logits
KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32}  # of one element; q8_0 holds 32 in 34
_F32 = 4  # bytes
_GPUS = Path("/proc/driver/nvidia/gpus")
_MEMINFO, _OWN_CGROUPS, _CPUINFO = Path("/proc/meminfo"), Path("/proc/self/cgroup"), Path("/proc/cpuinfo")
# The two versions of control groups: where they are mounted, and the files of limit and use.
_CGROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def memory_need(header: GgufHeader, n_ctx: int, kv_type: str = "f16") -> int:
    """Bytes of memory to run a model with a context of `n_ctx` tokens: weights, key-value cache, compute buffers.

    Cache: every token keeps one key and one value per layer and key-value head. Compute, an upper estimate in single
    precision for one batch: the two widest activations (feed-forward, and four of the embedding's width), the mask of
    the attention, and the logits.
    """
    elements = n_ctx * header.n_layers * header.n_head_kv * (header.key_dim + header.value_dim)
    per_row = 2 * header.n_ff + 4 * header.n_embd + 2 * n_ctx
    compute = (ROWS * per_row + CHOICES * header.n_vocab) * _F32
    return header.tensor_bytes + int(elements * KV_BYTES[kv_type]) + compute


def check_fits(header: GgufHeader, n_ctx: int) -> None:
    """Raises ModelUnavailable, with the numbers and the fix, when the model exceeds the memory of this machine."""
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

    A model file that is mapped into memory is page cache, too. Where the system gives no number it is the limit.
    """
    available = _numbers(_MEMINFO).get("MemAvailable:")
    machine = available * 1024 if available is not None else memory_limit()
    return max(0, min([machine, *(limit - used for limit, used in _cgroups())]))


def resident_bytes(pid: int | None = None) -> int:
    """Resident set size of a process, this one if none is named; 0 where the system gives no number."""
    try:
        return int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _cgroups() -> Iterator[tuple[int, int]]:
    """Limit and use in bytes, without page cache, of every control group that this process is in."""
    for mount, limit_file, use_file in _CGROUPS:
        for folder in _own_folders(mount):
            try:
                limit, used = int((folder / limit_file).read_text()), int((folder / use_file).read_text())
            except (OSError, ValueError):  # no such controller, or "max"
                continue
            stat = _numbers(folder / "memory.stat")
            cache = sum(stat.get(f"total_{name}", stat.get(name, 0)) for name in ("inactive_file", "active_file"))
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
    cores = set()
    for cpu in _processors():
        try:
            cores.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            cores.add(str(cpu))
    return len(cores)


def logical_cores() -> int:
    """Processors this process may run on, each hyper-thread one."""
    return len(_processors())


def accelerator() -> str:
    """The name of a graphics processor with NVIDIA's driver; "" if there is none. Whether llama.cpp was compiled for it
    is another question.
    """
    for file in sorted(_GPUS.glob("*/information")):
        with suppress(OSError):
            for line in file.read_text("utf-8", "replace").splitlines():
                name, _, value = line.partition(":")
                if name.strip() == "Model":
                    return value.strip()
    return ""


def _processors() -> Collection[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


@cache
def processor() -> str:
    """The processor's name, and a digest of the instruction sets that it reports: a virtual machine may hide some."""
    try:
        lines = [line.partition(":") for line in _CPUINFO.read_text().split("\n\n")[0].splitlines()]
    except OSError:
        lines = []
    fields = {name.strip(): value.strip() for name, _, value in lines}
    name = fields.get("model name") or platform.processor() or platform.machine()
    sets = " ".join(sorted(fields.get("flags", fields.get("Features", "")).split()))
    return f"{name} ({platform.machine()}, {hashlib.sha256(sets.encode()).hexdigest()[:12]})"
