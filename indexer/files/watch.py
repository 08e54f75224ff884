"""Watches a folder: which of its files may have changed, in batches, by file events or else by polling.

Knows ignore rules and git's HEAD and lock file; not what is done with a change.
"""

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath

# The layer below `watchfiles.watch`. `watch` begins to watch only when its first batch is awaited, does not tell when
# it has begun, has one timeout for all waits and loses pending events when it is stopped: changes right after `Watch`
# is made, or while folders move, would be missed or late. watchfiles documents the layer, but its module is private:
# pyproject.toml pins the versions with this signature.
from watchfiles._rust_notify import RustNotify

from indexer.errors import CodebaseUnreadable, IndexCancelled, WorkerDied
from indexer.files.ignore import EXCLUDED_FOLDERS, list_folders
from indexer.files.ignore_rules import IGNORE_FILES, IgnoreRules
from indexer.files.mounts import remote_file_system
from indexer.files.opening import is_folder, mode_of
from indexer.files.repositories import is_separate
from indexer.files.scan import is_unicode, walk
from indexer.types import Skip
from indexer.workers.pool import Call, Runner

log = logging.getLogger(__name__)

EVENTS, POLLING = "events", "polling"
MAX_PATHS = 500  # in a batch; with more, anything may have changed (the system may also have dropped events)
STEP_S = 0.1  # how often events are fetched and a stop is noticed
QUIET_S = 0.2  # without a change, after which a batch is complete
MAX_BATCH_S = 2.0  # a batch is complete after this time even if changes continue
GIT_S = 10.0  # the same limit while git holds its lock
POLL_S = 2.0  # between two polls; longer in a tree that takes long
POLL_SHARE = 20  # polling takes at most one part in so many of the time
MAX_FOLDERS = 8_000  # watched by events: to begin with them takes a tenth of a second, in which no other thread runs
_TRIES = 5  # to list folders that change meanwhile
_CPU_S = 60.0  # for looking at all files once
_HEAD, _LOCK = ".git/HEAD", ".git/index.lock"

# What watchfiles raises: RuntimeError for an error without a Python type, UnicodeError for a name that is not Unicode.
_WATCH_ERRORS = (OSError, RuntimeError, UnicodeError, WorkerDied)

Changes = frozenset[str] | None
"""Relative paths of files and folders that may have changed, appeared or gone; None: anything may have changed."""


class Watch:
    """The changes below `root` from its construction on. `how`: by events or by polling.

    `call`: where ignore rules are applied. `stop` ends it, also its construction, which lists all folders.
    """

    def __init__(self, root: Path, call: Call, stop: threading.Event) -> None:
        """Raises IndexCancelled if it is stopped."""
        self.root = root
        self._stop = stop
        self._run = Runner(call, self._stop.is_set)
        self._source: _Events | _Polling
        remote = remote_file_system(root)
        try:
            if remote:
                raise OSError(f"{remote} does not report what other machines change")
            self._source = _Events(root, self._stop, self._run)
        except _WATCH_ERRORS as error:
            self._source = self._fall_back(error)

    @property
    def how(self) -> str:
        return EVENTS if isinstance(self._source, _Events) else POLLING

    def batches(self) -> Iterator[Changes]:
        """One item per burst of changes, until `close`. Blocks in between; never raises."""
        failure: Exception | None = None
        while not self._stop.is_set():
            try:
                if failure is not None:
                    self._source, failure = self._fall_back(failure), None
                    yield None
                yield from self._source.batches()
            except IndexCancelled:  # Lantern stops
                return
            except _WATCH_ERRORS as error:
                failure = error

    def close(self) -> None:
        """Ends `batches` within a tenth of a second, from any thread."""
        self._stop.set()

    def _fall_back(self, error: Exception) -> "_Polling":
        log.warning(
            "no file events for %s (%s): polling for changes every %.0f s or less often instead%s",
            self.root,
            str(error).partition(" about [")[0],
            POLL_S,
            "; on Linux, raise fs.inotify.max_user_watches and start again" if "limit" in str(error) else "",
        )
        return _Polling(self.root, self._stop, self._run)


class _Events:
    """Events of inotify, FSEvents or the like. Ignored folders are not watched: node_modules costs nothing."""

    def __init__(self, root: Path, stop: threading.Event, run: Runner) -> None:
        self._root, self._stop, self._run = root, stop, run
        self._identity = _identity(root)
        self._notify = self._open()

    def batches(self) -> Iterator[Changes]:
        try:
            while (first := self._wait()) is not None:
                paths = self._gather(first)
                if self._run(folders_changed, self._root, frozenset(paths), seconds=_CPU_S):
                    self._reopen(paths)
                changes = self._run(relevant_changes, self._root, frozenset(paths), seconds=_CPU_S)
                if changes is None or changes:
                    yield changes
        finally:
            self._notify.close()

    def _open(self) -> RustNotify:
        for attempt in range(_TRIES):
            watched = self._run(watched_folders, self._root, seconds=_CPU_S)
            if len(watched) > MAX_FOLDERS:
                raise OSError(f"{len(watched):,} folders, of which at most {MAX_FOLDERS:,} are watched at once")
            git = self._root / ".git"
            watched += [str(git)] * stat.S_ISDIR(mode_of(git, follow=True))
            try:
                return RustNotify(watched, False, False, 0, False, False)
            except (FileNotFoundError, PermissionError):
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError

    def _reopen(self, paths: set[str]) -> None:
        """Watches the current folders. Adds to `paths` what changed meanwhile in those watched before."""
        previous = self._notify
        self._notify = self._open()
        raw = previous.watch(1, 1, 1, None)
        if isinstance(raw, set):
            paths |= self._relative(raw)
        previous.close()

    def _wait(self) -> set[str] | None:
        """The first changes; None after a stop. Raises OSError when another folder, or none, is at the path."""
        while True:
            paths = self._fetch(5.0)
            if self._stop.is_set():
                return None
            if _identity(self._root) != self._identity:
                raise OSError("the folder was moved or deleted")
            if paths:
                return paths

    def _gather(self, paths: set[str]) -> set[str]:
        """`paths` and those that follow until it is quiet. A branch switch is one batch, because git holds a lock."""
        started = time.monotonic()
        while not self._stop.is_set():
            more = self._fetch(QUIET_S)
            paths |= more
            locked = _LOCK in paths and mode_of(self._root / _LOCK) != 0
            if time.monotonic() - started > (GIT_S if locked else MAX_BATCH_S) or not (more or locked):
                break
        return paths

    def _fetch(self, timeout_s: float) -> set[str]:
        raw = self._notify.watch(int(MAX_BATCH_S * 1000), int(STEP_S * 1000), int(timeout_s * 1000), self._stop)
        return self._relative(raw) if isinstance(raw, set) else set()

    def _relative(self, raw: set[tuple[int, str]]) -> set[str]:
        return {os.path.relpath(path, self._root).replace(os.sep, "/") for _, path in raw}


class _Polling:
    """Changes by a stat of every file that is not ignored, repeated."""

    def __init__(self, root: Path, stop: threading.Event, run: Runner) -> None:
        self._root, self._stop, self._run = root, stop, run
        self._state = self._stat_files() or {}

    def batches(self) -> Iterator[Changes]:
        pause = POLL_S
        while not self._stop.wait(pause):
            started = time.monotonic()
            current = self._stat_files()
            pause = max(POLL_S, POLL_SHARE * (time.monotonic() - started))
            if current is None:
                continue
            changed = frozenset(path for path, _ in self._state.items() ^ current.items())
            self._state = current
            if changed:
                yield changed if len(changed) <= MAX_PATHS else None

    def _stat_files(self) -> dict[str, tuple[int, int] | str] | None:
        try:
            return self._run(stat_files, self._root, seconds=_CPU_S)
        except _WATCH_ERRORS as error:
            log.warning("%s cannot be polled: %s", self._root, error)
            return None


def watched_folders(root: Path) -> list[str]:
    return [str(root / folder) for folder in list_folders(root) if is_unicode(folder)]


def folders_changed(root: Path, paths: frozenset[str]) -> bool:
    """Whether folders may have appeared, or others are ignored now."""
    is_ignored = _ignored(root)
    return _rules_changed(paths) or any(is_folder(root / path) and not is_ignored(path) for path in paths)


def relevant_changes(root: Path, paths: frozenset[str]) -> Changes:
    if _HEAD in paths or _rules_changed(paths):
        return None
    is_ignored = _ignored(root)
    relevant = frozenset(path for path in paths if not is_ignored(path))
    return relevant if len(relevant) <= MAX_PATHS else None


def _ignored(root: Path) -> Callable[[str], bool]:
    rules = IgnoreRules(root)

    def is_ignored(path: str) -> bool:
        if not EXCLUDED_FOLDERS.isdisjoint(path.split("/")):
            return True
        if is_separate((root / path).parent, root):
            return True
        return rules.ignores_below(path, is_folder(root / path))

    return is_ignored


def stat_files(root: Path) -> dict[str, tuple[int, int] | str] | None:
    """By path: (size, mtime in ns), or why the file is skipped; None while the folder does not exist."""
    try:
        items = list(walk(root))
    except CodebaseUnreadable:
        return None
    return {item.path: item.reason if isinstance(item, Skip) else (item.size, item.mtime_ns) for item in items}


def _rules_changed(paths: Collection[str]) -> bool:
    """Whether an ignore file changed, or a repository inside appeared or went."""
    return "." in paths or any(PurePosixPath(path).name in (".git", *IGNORE_FILES) for path in paths)


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        info = root.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino
