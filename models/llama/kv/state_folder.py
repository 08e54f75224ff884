"""The folder of states: the files of one model beside those of others. A file is complete or not there, and is used
only with the model and context that made it; damaged or foreign files are ignored. Knows no cells and no memory limits.
"""

import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from models.llama.kv.state_file import Head, State, digest, read_head, read_state, write_state

log = logging.getLogger(__name__)

_SUFFIX = ".kv"
_APART_NS = 1000
_LEFT_S = 3600  # a partial file that is older was left behind by a process that ended


class StateFolder:
    """The states of one `key`: a digest of the model and of everything that shapes a state."""

    def __init__(self, folder: Path, key: str, most_bytes: int) -> None:
        """`most_bytes` are for all models together. Raises OSError where the folder cannot be created."""
        self._folder, self._key, self._most_bytes = folder, key, most_bytes
        self.damaged = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.glob("*.part"):
            if time.time() - _written_at(path) > _LEFT_S:
                discard(path)

    def found(self) -> Iterator[tuple[Head, int, Path]]:
        """The head, size in bytes and file of each state; the oldest first."""
        for path in sorted(self._folder.glob(f"{self._key[:16]}-*{_SUFFIX}"), key=_written_at):
            try:
                with path.open("rb") as file:
                    head, _ = read_head(file, self._key)
                    size = os.fstat(file.fileno()).st_size
                if path != self._path(head):
                    raise ValueError("its name is not that of its tokens")
            except ValueError as error:
                self._refuse(path, error)
            except OSError as error:
                _pass_over(path, error)
            else:
                yield head, size, path

    def write(self, head: Head, state: State) -> Path | None:
        """Writes the whole file or nothing. On a full disk only the snapshot is lost."""
        path = self._path(head)
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                write_state(file, self._key, head, state)
            part.replace(path)
        except OSError as error:
            log.warning("a snapshot could not be written: %s", error)
            discard(part)
            return None
        return path

    def read(self, path: Path, head: Head) -> State | None:
        """The state in a file, if its checksums are right."""
        try:
            with path.open("rb") as file:
                return read_state(file, self._key, head)
        except FileNotFoundError:  # another model's process needed the space
            return None
        except ValueError as error:
            self._refuse(path, error)
        except OSError as error:
            _pass_over(path, error)
        return None

    def make_room(self, own_bytes: int) -> None:
        """Deletes files of other models, oldest first, where they exceed the limit beside `own_bytes` of this one."""
        files = [path for path in self._folder.glob(f"*{_SUFFIX}") if not path.name.startswith(self._key[:16])]
        sizes = {path: _size(path) for path in sorted(files, key=_written_at)}
        over = own_bytes + sum(sizes.values()) - self._most_bytes
        for path, size in sizes.items():
            if over <= 0:
                break
            discard(path)
            over -= size

    def _refuse(self, path: Path, why: Exception) -> None:
        log.warning("the snapshot %s cannot be used: %s", path.name, why)
        self.damaged += 1
        discard(path)

    def _path(self, head: Head) -> Path:
        return self._folder / f"{self._key[:16]}-{digest(head.tokens, head.begin).hex()}{_SUFFIX}"


def stamp(paths: Iterable[Path]) -> None:
    """Makes these the newest files, the first of them the newest of all: every process deletes them last."""
    now = time.time_ns()
    for age, path in enumerate(paths):
        with suppress(OSError):  # a missing file is noticed when it is read
            os.utime(path, ns=(now - _APART_NS * age,) * 2)  # the system's clock for files has a coarse step


def _pass_over(path: Path, why: OSError) -> None:
    """The file may be intact: the system lacks a resource."""
    log.warning("the snapshot %s cannot be read now: %s", path.name, why)


def discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("a snapshot cannot be removed: %s", error)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has deleted it
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
