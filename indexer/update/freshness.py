"""Read your writes: whether indexed files are still what the disk holds, and catching up with the few that are not.

Knows files and the index; not why they are asked for.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from indexer.embed import Embedder
from indexer.errors import CodebaseEmpty, CodebaseUnreadable, IndexCancelled, IndexStorage
from indexer.refresh import is_unchanged, refresh
from indexer.scan import sha_of
from indexer.snapshot import KnownFile
from indexer.store import Store

FILES = 20  # most files of one question; a question waits for them
PATIENCE_S = 0.3  # for another job to let go of the index
BUDGET_S = 0.8  # all of it


def is_fresh(root: Path, file: KnownFile) -> bool:
    """Whether the disk still holds what was indexed: by a stat where that is proof, else by the bytes."""
    try:
        info = os.lstat(root / file.path)
    except OSError:
        return False
    if is_unchanged(file, info.st_size, info.st_mtime_ns):
        return True
    return info.st_size == file.size and sha_of(root, file.path) == file.sha


def stale(root: Path, files: Sequence[KnownFile]) -> set[str]:
    """Paths of those files that have changed or vanished since they were indexed."""
    return {file.path for file in files if not is_fresh(root, file)}


def catch_up(store: Store, embedder: Embedder, paths: Sequence[str]) -> bool:
    """Indexes the first `FILES` of these paths again; whether the index may have changed by it.

    Gives up within `BUDGET_S`, or when another job keeps the index for `PATIENCE_S`.
    """
    until = time.monotonic() + BUDGET_S
    try:
        refresh(
            store,
            embedder,
            only=paths[:FILES],
            patience_s=PATIENCE_S,
            cancelled=lambda: time.monotonic() > until,
        )
    except (IndexStorage, CodebaseUnreadable):
        return False
    except (IndexCancelled, CodebaseEmpty):  # what was written, or taken out, stays so
        pass
    return True
