"""The data folder belongs to one user, is closed to all others, and has no links or special files where ours are.

Knows names, owners and modes; not what the files contain.
"""

import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from backend.wording import plural

log = logging.getLogger(__name__)

OWN_FOLDERS = ("indexes", "kv")
MODELS = "models"  # may be a link, and may contain links: people keep these large files elsewhere
# Files of ours begin with one of these names: SQLite adds "-wal" and "-shm", drafts end in ".part".
OWN_FILES = ("lantern.db", "token", ".token", "server.json", "kernels.json", "catalog.toml", "chat_history")
OTHERS_BITS = 0o7077
_NO_FILE = (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR, errno.EOPNOTSUPP)  # a link, FIFO, folder, socket


class UnsafeDataFolder(Exception):
    """Something in the data folder is not what Lantern puts there; the message names the path and says what to do."""


def make_private(data_dir: Path) -> list[str]:
    """Brings the folder and what Lantern keeps in it to the modes 0700 and 0600. Returns what it changed, in words.

    Raises UnsafeDataFolder. A folder that does not exist yet is left to who creates it.
    """
    folder = data_dir.resolve()  # a link to a larger disk is the user's own choice
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return []
    _check(folder, found, stat.S_IFDIR)
    notes = []
    if found.st_mode & OTHERS_BITS:
        notes.append(_set_mode(folder, 0o700) or f"made {data_dir} private (was {stat.S_IMODE(found.st_mode):o})")
    # From here on nobody else can replace what is looked at.
    changed = [_set_mode(path, mode) for path, mode in _open_to_others(folder)]
    if changed:
        failed = [problem for problem in changed if problem]
        made = plural(len(changed), "file or folder", "files and folders")
        notes.append(failed[0] if failed else f"made {made} in {data_dir} private")
    return notes


def open_own(path: Path, flags: int) -> int:
    """A descriptor of one of our files, which becomes private. Follows no link and never waits.

    Raises UnsafeDataFolder, and OSError.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _unsafe(path, "is not a regular file") from None
        raise
    try:
        found = os.fstat(descriptor)
        _check(path, found, stat.S_IFREG)
        if found.st_mode & OTHERS_BITS:
            os.fchmod(descriptor, 0o600)
    except (UnsafeDataFolder, OSError):
        os.close(descriptor)
        raise
    return descriptor


def read_own(path: Path, most_bytes: int) -> bytes:
    """The beginning of one of our files. Raises as `open_own` does."""
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read(most_bytes)


def _open_to_others(folder: Path) -> Iterator[tuple[Path, int]]:
    """What in the folder has a wrong mode, and the right one. A folder comes before what is in it."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if entry.name in OWN_FOLDERS:
            yield from _tree(path, strict=True)
        elif entry.name == MODELS and entry.is_dir(follow_symlinks=False):
            yield from _tree(path, strict=False)
        elif entry.name.startswith(OWN_FILES):
            yield from _wrong_mode(path, _found(path, stat.S_IFREG, strict=True))


def _tree(folder: Path, *, strict: bool) -> Iterator[tuple[Path, int]]:
    found = _found(folder, stat.S_IFDIR, strict)
    if found is None:
        return
    yield from _wrong_mode(folder, found)
    for path, is_folder in _entries(folder, strict):
        if is_folder:
            yield from _tree(path, strict=strict)
        else:
            yield from _wrong_mode(path, _found(path, stat.S_IFREG, strict))


def _entries(folder: Path, strict: bool) -> list[tuple[Path, bool]]:
    """The entries of a folder, and whether they are folders; none if another process has just removed it."""
    try:
        with os.scandir(folder) as entries:
            return [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:
        return []
    except OSError as error:
        if strict:
            raise _unsafe(folder, f"cannot be read ({error.strerror})") from None
        log.info("%s cannot be read (%s): it is left alone", folder, error.strerror)
        return []


def _found(path: Path, kind: int, strict: bool) -> os.stat_result | None:
    """What is there if it is ours. `strict`: anything but a file or folder of ours is refused; else it is left alone.

    None, too, if another process has just removed it.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if strict:
        _check(path, found, kind)
    elif stat.S_IFMT(found.st_mode) != kind:
        return None
    elif found.st_uid != os.geteuid():
        log.info("%s belongs to the user %d: it is left alone", path, found.st_uid)
        return None
    return found


def _wrong_mode(path: Path, found: os.stat_result | None) -> Iterator[tuple[Path, int]]:
    if found is not None and found.st_mode & OTHERS_BITS:
        yield path, 0o700 if stat.S_ISDIR(found.st_mode) else 0o600


def _check(path: Path, found: os.stat_result, kind: int) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise _unsafe(path, "is a symbolic link")
    if stat.S_IFMT(found.st_mode) != kind:
        raise _unsafe(path, "is not a folder" if kind == stat.S_IFDIR else "is not a regular file")
    if found.st_uid != os.geteuid():
        raise _unsafe(path, f"belongs to the user {found.st_uid}")


def _set_mode(path: Path, mode: int) -> str:
    """Empty, or why the mode cannot be set: some file systems have none."""
    try:
        path.chmod(mode)
    except FileNotFoundError:  # another process has just removed it
        return ""
    except OSError as error:
        return f"{path} cannot be made private: {error.strerror}"
    return ""


def _unsafe(path: Path, what: str) -> UnsafeDataFolder:
    return UnsafeDataFolder(f"{path} {what}: Lantern does not use it. Remove it, or set DATA_DIR to another folder")
