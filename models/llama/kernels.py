"""Which of llama.cpp's kernels a load uses where there is a choice, and in which order they are suspected of a fault.

Pure: knows names and what follows from them. A kernel faults where a processor, or the virtual machine around it, has
not what it reports.
"""

import signal
from collections.abc import Collection, Iterable

EXTRA_BUFFERS = "extra buffer types"  # copies of the weights in an order of their own: AMX tiles, repacked blocks
FLASH_ATTENTION = "flash attention"
TILED = "tiled kernels"  # matrices of quantised weights by many rows, ggml-cpu/tiled
FUSED = "fused operations"
# The first one in use is left out first: what needs the newest instructions, then what most steps run through.
SUSPECTS = (EXTRA_BUFFERS, FLASH_ATTENTION, TILED, FUSED)
CHOICES = (FLASH_ATTENTION, EXTRA_BUFFERS)  # which of them are faster depends on the model and the processor
# What ggml reads from the environment when it is loaded or first used; the others are parameters of model and context.
_SWITCHES = {TILED: ("GGML_CPU_TILED_MM", "0"), FUSED: ("GGML_CPU_DISABLE_FUSION", "1")}
FAULTS = frozenset({signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGFPE})
PROOF_ROWS = (1, 16, 64)  # of the steps that prove them: other kernels take over where more rows come together
# Stages of a load; in the first one nothing has been chosen yet, and both take as long as the disk does.
LIBRARY, READING = "its library was being loaded", "its file was being read"
MEASURING = "its speed was being measured"


def preferred(*, is_x86: bool, has_amx: bool, is_plain_cache: bool) -> tuple[str, ...]:
    """The kernels that a load begins with; `is_plain_cache`: f16, and read by the processor.

    Extra buffer types: on x86 without AMX they keep Q4_K from llama.cpp's tiled kernels: 128 rows take 1.35 times as
    long, one row 0.93 times, the model twice the memory. Flash attention: a quantised cache of values needs it; on a
    CPU a step takes twice as long behind 2,000 tokens, but skips the cells of other sequences.
    """
    chosen = {
        EXTRA_BUFFERS: has_amx or not is_x86,
        FLASH_ATTENTION: not is_plain_cache,
        TILED: is_x86,
        FUSED: True,
    }
    return tuple(name for name in SUSPECTS if chosen[name])


def environment(without: Collection[str]) -> dict[str, str]:
    """The variables that leave these out. To be set before llama.cpp is loaded."""
    return dict(switch for name, switch in _SWITCHES.items() if name in without)


def suspect(used: Iterable[str]) -> str | None:
    """What to leave out next after a fault; None: nothing is left that could be."""
    return next((name for name in SUSPECTS if name in set(used)), None)


def proof(rows: int) -> str:
    """The stage of a load that evaluates a step of so many rows."""
    return f"a step of {rows} row{'s' if rows > 1 else ''} was being tried"
