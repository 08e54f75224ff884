"""The optional kernels of llama.cpp: which ones a load uses, and in which order they are suspected of a fault.

Pure. A kernel faults where a processor, or the virtual machine around it, lacks an instruction that it reports.
"""

import signal
from collections.abc import Collection, Iterable

EXTRA_BUFFERS = "extra buffer types"  # copies of the weights in another layout: AMX tiles, repacked blocks
FLASH_ATTENTION = "flash attention"
TILED = "tiled kernels"  # products of quantised weights with many rows, ggml-cpu/tiled
FUSED = "fused operations"
# The first one in use is left out first: those with the newest instructions, then those that most steps run.
SUSPECTS = (EXTRA_BUFFERS, FLASH_ATTENTION, TILED, FUSED)
CHOICES = (FLASH_ATTENTION, EXTRA_BUFFERS)  # which of them are faster depends on the model and the processor
# Variables that ggml reads when it is loaded or first used; the other kernels are parameters of model and context.
_SWITCHES = {TILED: ("GGML_CPU_TILED_MM", "0"), FUSED: ("GGML_CPU_DISABLE_FUSION", "1")}
FAULTS = frozenset({signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGFPE})
PROOF_ROWS = (1, 16, 64)  # of the steps that prove them: more rows use other kernels
# Stages of a load; in the first no kernel has been chosen yet, and both last as long as the disk needs.
LIBRARY, READING = "its library was being loaded", "its file was being read"
MEASURING = "its speed was being measured"


def preferred(*, is_x86: bool, has_amx: bool, is_plain_cache: bool) -> tuple[str, ...]:
    """The kernels that a load starts with. `is_plain_cache`: the KV cache is f16 and read by the processor.

    Extra buffer types: on x86 without AMX they keep Q4_K from llama.cpp's tiled kernels: 128 rows take 1.35 times as
    long, one row 0.93 times, the model twice the memory. Flash attention: a quantised cache of values needs it; on a
    CPU a step takes twice as long after 2,000 tokens, but skips the cells of other sequences.
    """
    chosen = {
        EXTRA_BUFFERS: has_amx or not is_x86,
        FLASH_ATTENTION: not is_plain_cache,
        TILED: is_x86,
        FUSED: True,
    }
    return tuple(name for name in SUSPECTS if chosen[name])


def environment(without: Collection[str]) -> dict[str, str]:
    """The variables that leave these kernels out, to set before llama.cpp is loaded."""
    return dict(switch for name, switch in _SWITCHES.items() if name in without)


def suspect(used: Iterable[str]) -> str | None:
    """The kernel to leave out after a fault; None: no suspect is left."""
    return next((name for name in SUSPECTS if name in set(used)), None)


def proof(rows: int) -> str:
    """The stage of a load that evaluates a step of so many rows."""
    return f"a step of {rows} row{'s' if rows > 1 else ''} was being tried"
