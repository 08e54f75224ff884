"""One server per data folder: its lock file, how commands find the server, and the access token."""

import fcntl
import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.data_folder import open_own, read_own

LOCK = "server.json"
LOCK_TRIES, LOCK_PAUSE_S = 25, 0.02
TOKEN_CHARS = 32  # at least; a new token has as many random bytes
MOST_BYTES = 4096  # of a token or a lock file


class DataFolderInUse(Exception):
    """Another Lantern process holds the data folder."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A running server, as its lock file describes it. `url` is empty until it accepts connections."""

    pid: int
    url: str


class DataDirLock:
    """The exclusive lock of a data folder, until `release` or the end of this process."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = open_own(data_dir / LOCK, os.O_RDWR | os.O_CREAT)
        if not self._acquire():
            os.close(self._fd)
            other = find(data_dir)
            who = f"process {other.pid}{f' at {other.url}' if other.url else ''}" if other else "another process"
            raise DataFolderInUse(f"{data_dir} is in use by {who}: stop it, or set DATA_DIR to another folder")
        self.publish("")

    def _acquire(self) -> bool:
        """Whether the lock was free. Tries for half a second: a `find` of another process may have it that long."""
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOCK_PAUSE_S)
            else:
                return True
        return False

    def publish(self, url: str) -> None:
        """Writes the URL of this server into the lock file. Raises OSError."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def find(data_dir: Path) -> Instance | None:
    """The server that uses this folder now, or None. A lock file without a living process does not count."""
    with suppress(FileNotFoundError), os.fdopen(open_own(data_dir / LOCK, os.O_RDONLY), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with suppress(ValueError, KeyError, TypeError, RecursionError):  # being written at this moment, or damaged
                facts = json.loads(file.read(MOST_BYTES))
                return Instance(int(facts["pid"]), str(facts["url"]))
            return Instance(0, "")
    return None


def token(file: Path) -> str:
    """The access token of this data folder, created at the first call. Only the owner can read the file.

    Replaces a token that is cut short or has other characters than printable ASCII. Raises UnsafeDataFolder if the
    file is a link or no file at all.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # several commands may create it at once
        content = _stored_token(file)
        if not content:
            content = secrets.token_hex(TOKEN_CHARS)  # no "-" at the start: a program would take it for an option
            draft = file.with_name(f".{file.name}")
            draft.unlink(missing_ok=True)
            with os.fdopen(open_own(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as stream:
                stream.write(content + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(file)
    finally:
        os.close(folder)
    return content


def _stored_token(file: Path) -> str:
    """Empty if there is none that can be used."""
    try:
        content = read_own(file, MOST_BYTES).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""
    is_sound = len(content) >= TOKEN_CHARS and all("!" <= character <= "~" for character in content)
    return content if is_sound else ""
