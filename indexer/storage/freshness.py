"""Whether an indexed file is still the same on disk. Does not know how it is indexed again."""

import os
from pathlib import Path

from indexer.files.scan import sha_of
from indexer.storage.snapshot import IndexedFile

_RACY_NS = 2_000_000_000  # a file modified so shortly before it was read may have changed again with the same mtime


def is_unchanged(indexed: IndexedFile, size: int, mtime_ns: int) -> bool:
    """Whether the stat alone proves that the file is the one that was indexed."""
    return (indexed.size, indexed.mtime_ns) == (size, mtime_ns) and mtime_ns < indexed.read_ns - _RACY_NS


def is_fresh(root: Path, file: IndexedFile) -> bool:
    """Whether the file on disk is the one that was indexed: by its stat where that is proof, else by its bytes."""
    try:
        info = os.lstat(root / file.path)
    except OSError:
        return False
    if is_unchanged(file, info.st_size, info.st_mtime_ns):
        return True
    return info.st_size == file.size and sha_of(root, file.path) == file.sha
