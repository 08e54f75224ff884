"""Whether an indexed file is still what the disk holds. Knows nothing of how it is indexed again."""

import os
from pathlib import Path

from indexer.files.scan import sha_of
from indexer.storage.snapshot import IndexedFile

_RACY_NS = 2_000_000_000  # a file changed so soon before it was read may have changed again under the same mtime


def is_unchanged(indexed: IndexedFile, size: int, mtime_ns: int) -> bool:
    """Whether a stat alone proves that the file is still the one that was read."""
    return (indexed.size, indexed.mtime_ns) == (size, mtime_ns) and mtime_ns < indexed.read_ns - _RACY_NS


def is_fresh(root: Path, file: IndexedFile) -> bool:
    """Whether the disk still holds what was indexed: by a stat where that is proof, else by the bytes."""
    try:
        info = os.lstat(root / file.path)
    except OSError:
        return False
    if is_unchanged(file, info.st_size, info.st_mtime_ns):
        return True
    return info.st_size == file.size and sha_of(root, file.path) == file.sha
