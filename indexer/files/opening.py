"""Reads files that others made: below a folder, through no link, regular files only, without ever waiting.

Knows nothing of what is in them.
"""

import errno
import os
import stat
from pathlib import Path, PurePosixPath

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# On Linux a folder that may be entered, but not listed, is opened, too.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotRegular(OSError):
    """A folder, a pipe, a device or a socket."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "it is no regular file", path)


class IsLink(OSError):
    """A link, or something below a link."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ELOOP, "it is a link, or below one", path)


def mode_of(path: Path, follow: bool = False) -> int:
    """The mode of what is at a path, perhaps behind a link; 0 if there is nothing, or if it cannot be seen."""
    try:
        return path.stat(follow_symlinks=follow).st_mode
    except (OSError, ValueError):
        return 0


def is_folder(path: Path) -> bool:
    """False for a link to a folder."""
    return stat.S_ISDIR(mode_of(path))


def read_below(root: Path, path: str, limit: int) -> tuple[bytes, os.stat_result]:
    """At most `limit` bytes of a file, and its stat. `path` is relative to `root`; only `root` itself may be a link.

    Raises OSError: `IsLink`, `NotRegular` (which is not opened), or what the system says.
    """
    *folders, name = _parts(path)
    folder = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in folders:
            below = _open_folder(part, folder, path)
            os.close(folder)
            folder = below
        _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), path)
        descriptor = os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        _require_regular(info, path)  # it may have become something else since
        return file.read(limit), info


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or parts[0].startswith("/"):
        raise NotRegular(path)
    return parts


def _open_folder(name: str, folder: int, path: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and stat.S_ISLNK(
            os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        ):
            raise IsLink(path) from error
        raise


def _require_regular(info: os.stat_result, path: str) -> None:
    if stat.S_ISLNK(info.st_mode):
        raise IsLink(path)
    if not stat.S_ISREG(info.st_mode):
        raise NotRegular(path)
