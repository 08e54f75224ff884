"""What the kernel allows a worker process: CPU time for each call, memory for its whole life. Knows no calls."""

import ctypes
import fcntl
import math
import os
import resource
import signal
import sys

MEMORY = 900 << 20  # bytes of address space: what is mapped, so resident memory is always below it


def limit_process(lifeline: int) -> None:
    """Bounds the memory of this process, forbids core dumps, and lets it end with the process that started it.

    `lifeline`: the read end of a pipe whose write end that process holds. When it ends, however it ends, the kernel
    sends SIGIO, which ends this process even inside native code.
    """
    _set(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":  # macOS knows the limit, but counts the shared libraries of the system too
        _set(resource.RLIMIT_AS, MEMORY)
    if sys.platform == "darwin":  # where SIGIO is ignored, unless a function of C, which needs no interpreter, takes it
        system = ctypes.CDLL(None)
        system.signal(signal.SIGIO, system._exit)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def limit_cpu(seconds: float) -> None:
    """From now on this process may use so much CPU time; then the kernel ends it with SIGXCPU. Counts whole seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))


def _set(kind: int, soft: int) -> None:
    """Sets the soft limit: the hard one stays, so that the next call can raise it again."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
