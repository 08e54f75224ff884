"""Settings of the C library's memory allocator. Applied before a thread is started."""

import ctypes

_M_ARENA_MAX = -8  # from glibc's malloc.h
_ARENAS = 2


def share_arenas() -> bool:
    """Lets all threads share two of glibc's arenas; by default they have up to eight for each core.

    An arena keeps what was freed in it, up to 64 MB, and each thread of an index job or of a search would keep as much
    as its largest file needed. False where the library has no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, _ARENAS))
