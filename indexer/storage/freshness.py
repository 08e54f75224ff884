"""Whether an indexed file is still the same on disk. Does not know how it is indexed again."""

import os
from pathlib import Path

from indexer.files.scan import mtime_ns, sha_of
from indexer.storage.snapshot import IndexedFile

_RACY_NS = 2_000_000_000  # a file that changed so shortly before it was read may have changed again at the same time


def is_unchanged(indexed: IndexedFile, size: int, modified_ns: int, changed_ns: int) -> bool:
    """Whether the stat alone proves that the file is the one that was indexed.

    The size and the time of modification are those of before, and the system noted no change (`ctime`) since the file
    was read. Nobody but the system sets that time, so a rewritten file with the old size and time is noticed.
    """
    same = (indexed.size, indexed.mtime_ns) == (size, modified_ns)
    return same and max(modified_ns, changed_ns) < indexed.read_ns - _RACY_NS


def is_fresh(root: Path, file: IndexedFile) -> bool:
    """Whether the bytes on disk are those that were indexed: by their stat where that is proof, else by their sha.

    So it says the same as `scan.sha_of`, by which citations are checked.
    """
    try:
        info = os.lstat(f"{root}/{file.path}")  # a string: a Path for each file costs more than its stat
    except OSError:
        return False
    if is_unchanged(file, info.st_size, mtime_ns(info), info.st_ctime_ns):
        return True
    return info.st_size == file.size and sha_of(root, file.path) == file.sha
