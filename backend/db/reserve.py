"""A file beside the database that holds space on the disk, so that the end of an accepted turn can be stored.

Knows bytes and files, not what they are kept for.
"""

import os
from pathlib import Path

from backend.data_folder import open_own

# The end of a turn rewrites its row and adds an event: 20 to 100 kB with the pages of the log. 16 turns may wait.
RESERVE_BYTES = 1 << 20


def hold(file: Path) -> None:
    """Takes the space if it is not held yet. Raises OSError where the disk does not have it; then nothing is held."""
    with os.fdopen(open_own(file, os.O_RDWR | os.O_CREAT), "r+b") as held:
        if os.fstat(held.fileno()).st_size >= RESERVE_BYTES:
            return
        try:
            if hasattr(os, "posix_fallocate"):  # not on macOS
                os.posix_fallocate(held.fileno(), 0, RESERVE_BYTES)
            else:
                held.write(bytes(RESERVE_BYTES))
                held.flush()
        except OSError:
            os.truncate(file, 0)
            raise


def release(file: Path) -> None:
    """Gives the space back, for others to write."""
    with os.fdopen(open_own(file, os.O_RDWR | os.O_CREAT), "r+b") as held:
        held.truncate(0)
