"""A file beside the database that holds space on the disk, so that the end of an accepted turn can be stored.

Knows bytes and files, not what they are kept for.
"""

import os
from pathlib import Path

from backend.data_folder import open_own

# The end of a turn rewrites its row and adds an event: 20 to 100 kB with the pages of the log.
TURN_BYTES = 128 << 10
LEAST_BYTES = 1 << 20


def hold(file: Path, turns: int) -> None:
    """Takes the space for that many turns if it is not held yet. Raises OSError where the disk does not have it."""
    with os.fdopen(open_own(file, os.O_RDWR | os.O_CREAT), "r+b") as held:
        before, wanted = os.fstat(held.fileno()).st_size, max(LEAST_BYTES, turns * TURN_BYTES)
        if before >= wanted:
            return
        try:
            if hasattr(os, "posix_fallocate"):  # not on macOS
                os.posix_fallocate(held.fileno(), 0, wanted)
            else:
                held.write(bytes(wanted))
                held.flush()
        except OSError:
            os.truncate(held.fileno(), before)
            raise


def release(file: Path) -> int:
    """Gives the space back, for others to write. Returns for how many turns it was held."""
    with os.fdopen(open_own(file, os.O_RDWR | os.O_CREAT), "r+b") as held:
        size = os.fstat(held.fileno()).st_size
        held.truncate(0)
        return size // TURN_BYTES
