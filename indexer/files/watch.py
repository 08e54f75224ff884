"""Follows a folder: which of its files may have changed, in batches, by the system's events or else by looking.

Knows ignore rules and the marks that git leaves; not what is done with a change.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from watchfiles._rust_notify import RustNotify  # documented by watchfiles as its own lower layer

from indexer.errors import CodebaseUnreadable
from indexer.files.ignore import EXCLUDED_FOLDERS, IGNORE_FILES, IgnoreRules, folders
from indexer.files.scan import walk
from indexer.types import Skip

log = logging.getLogger(__name__)

EVENTS, POLLING = "events", "polling"
MANY = 500  # paths in a batch; beyond it, and after an overflow that the system does not tell, look at everything
STEP_S = 0.1  # how often the system's events are fetched, and a stop is heard
QUIET_S = 0.2  # without a change: the batch is whole
MOST_S = 2.0  # a batch waits no longer, though changes go on
GIT_S = 10.0  # or as long as git holds its lock
POLL_S = 2.0  # between two looks where there are no events; longer in a tree that takes long
POLL_SHARE = 20  # looking may take one part in so many of the time
_TRIES = 5  # at a list of folders that changes while it is taken
_HEAD, _LOCK = ".git/HEAD", ".git/index.lock"
# File systems whose events come from this machine alone: changes made elsewhere are never told.
_REMOTE = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gluster", "vboxsf", "vmhgfs", "drvfs", "fuse.", "prl_")

# What the library raises: what it cannot name is a RuntimeError, a name that is no Unicode a UnicodeError.
_BROKEN = (OSError, RuntimeError, UnicodeError)

Changes = frozenset[str] | None
"""Relative paths of files and folders that may have changed, appeared or gone; None: anything may have."""


class Watch:
    """The changes below `root` from the moment this is made. `how` they are found: by events, or by polling."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stop = threading.Event()
        self._source: _Events | _Polling
        remote = _remote(root)
        try:
            if remote:
                raise OSError(f"{remote} does not tell what other machines change")
            self._source = _Events(root, self._stop)
        except _BROKEN as error:
            self._source = self._fallback(error)

    @property
    def how(self) -> str:
        return EVENTS if isinstance(self._source, _Events) else POLLING

    def batches(self) -> Iterator[Changes]:
        """One item per burst of changes, until `close`. Blocks in between; never raises."""
        while not self._stop.is_set():
            try:
                yield from self._source.batches()
            except _BROKEN as error:
                self._source = self._fallback(error)
                yield None

    def close(self) -> None:
        """Ends `batches` within a tenth of a second, from any thread."""
        self._stop.set()

    def _fallback(self, error: Exception) -> "_Polling":
        log.warning(
            "no file events for %s (%s): looking for changes every %.0f s or less often instead%s",
            self.root,
            str(error).partition(" about [")[0],
            POLL_S,
            "; on Linux, raise fs.inotify.max_user_watches and start again" if "limit" in str(error) else "",
        )
        return _Polling(self.root, self._stop)


class _Events:
    """By inotify, FSEvents or the like: one watch per folder that is not ignored, so node_modules costs none."""

    def __init__(self, root: Path, stop: threading.Event) -> None:
        self._root, self._stop = root, stop
        self._identity = _identity(root)
        self._notify, self._rules = self._open()

    def batches(self) -> Iterator[Changes]:
        try:
            while (raw := self._wait()) is not None:
                paths = self._gathered(raw)
                if self._moved_folders(paths):
                    self._reopen(paths)
                changes = self._meant(paths)
                if changes is None or changes:
                    yield changes
        finally:
            self._notify.close()

    def _open(self) -> tuple[RustNotify, IgnoreRules]:
        for attempt in range(_TRIES):
            rules = IgnoreRules(self._root)
            listed = [str(self._root / folder) for folder in folders(self._root) if _is_unicode(folder)]
            git = self._root / ".git"
            try:
                return RustNotify(listed + [str(git)] * git.is_dir(), False, False, 0, False, False), rules
            except (FileNotFoundError, PermissionError):
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError

    def _reopen(self, paths: set[str]) -> None:
        """Watches the folders there are now. What happened meanwhile in those watched before is added to `paths`."""
        before = self._notify
        self._notify, self._rules = self._open()
        raw = before.watch(1, 1, 1, None)
        if isinstance(raw, set):
            paths |= self._relative(raw)
        before.close()

    def _wait(self) -> set[str] | None:
        """The first changes; None at the end. Raises OSError when the folder is no longer the one that is watched."""
        while True:
            raw = self._fetch(5.0)
            if self._stop.is_set():
                return None
            if _identity(self._root) != self._identity:
                raise OSError("the folder was moved or deleted")
            if raw:
                return raw

    def _gathered(self, paths: set[str]) -> set[str]:
        """`paths` and what follows them until it is quiet. A branch switch is one batch, for git holds a lock."""
        began = time.monotonic()
        while not self._stop.is_set():
            more = self._fetch(QUIET_S)
            paths |= more
            git = _LOCK in paths and (self._root / _LOCK).exists()
            if time.monotonic() - began > (GIT_S if git else MOST_S) or not (more or git):
                break
        return paths

    def _fetch(self, patience_s: float) -> set[str]:
        raw = self._notify.watch(int(MOST_S * 1000), int(STEP_S * 1000), int(patience_s * 1000), self._stop)
        return self._relative(raw) if isinstance(raw, set) else set()

    def _relative(self, raw: set[tuple[int, str]]) -> set[str]:
        return {os.path.relpath(path, self._root).replace(os.sep, "/") for _, path in raw}

    def _moved_folders(self, paths: set[str]) -> bool:
        """Whether folders may have come, or other ones are ignored now."""
        return _rules_changed(paths) or any(_is_folder(self._root / path) and not self._ignored(path) for path in paths)

    def _meant(self, paths: set[str]) -> Changes:
        if _HEAD in paths or _rules_changed(paths):
            return None
        kept = frozenset(path for path in paths if not self._ignored(path))
        return kept if len(kept) <= MANY else None

    def _ignored(self, path: str) -> bool:
        if not EXCLUDED_FOLDERS.isdisjoint(path.split("/")):
            return True
        return self._rules.ignores_below(path, _is_folder(self._root / path))


class _Polling:
    """By a stat of every file that is not ignored, again and again."""

    def __init__(self, root: Path, stop: threading.Event) -> None:
        self._root, self._stop = root, stop
        self._seen = _state(root) or {}

    def batches(self) -> Iterator[Changes]:
        pause = POLL_S
        while not self._stop.wait(pause):
            began = time.monotonic()
            now = _state(self._root)
            pause = max(POLL_S, POLL_SHARE * (time.monotonic() - began))
            if now is None:
                continue
            changed = frozenset(path for path, _ in self._seen.items() ^ now.items())
            self._seen = now
            if changed:
                yield changed if len(changed) <= MANY else None


def _state(root: Path) -> dict[str, tuple[int, int] | str] | None:
    """What a stat tells of every file; None while the folder is not there."""
    try:
        found = list(walk(root))
    except CodebaseUnreadable:
        return None
    return {item.path: item.reason if isinstance(item, Skip) else (item.size, item.mtime_ns) for item in found}


def _rules_changed(paths: set[str]) -> bool:
    return not {".", ".git"}.isdisjoint(paths) or any(PurePosixPath(path).name in IGNORE_FILES for path in paths)


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        info = root.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _is_unicode(path: str) -> bool:
    """The files of a folder that is not are never indexed."""
    return not any("\ud800" <= character <= "\udfff" for character in path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remote(root: Path) -> str:
    """The name of the network file system that `root` is on; "" for a local one, or where it cannot be told."""
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    mounts = [(fields[1].replace("\\040", " "), fields[2]) for fields in map(str.split, lines)]
    around = [(len(place), at, kind) for at, (place, kind) in enumerate(mounts) if root.is_relative_to(place)]
    kind = max(around, default=(0, 0, ""))[2]
    return kind if kind.startswith(_REMOTE) else ""
