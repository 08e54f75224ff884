"""Watches the files of codebases, each in a thread of its own. Does not know what is done with the changes."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from indexer.files.watch import Changes, Watch
from indexer.storage.store import Store
from indexer.workers.pool import Call


@dataclass(slots=True)
class _Followed:
    """A codebase that is followed; without a watch and its thread while the watch begins."""

    stop: threading.Event = field(default_factory=threading.Event)
    watch: Watch | None = None
    thread: threading.Thread | None = None


class Watchers:
    """One watcher thread per followed codebase."""

    def __init__(self, on_changes: Callable[[Store, Changes], None], call: Call) -> None:
        """`on_changes` is called from the thread of a watcher, for every batch. `call` applies ignore rules."""
        self._on_changes, self._call = on_changes, call
        self._followed: dict[str, _Followed] = {}
        self._lock = threading.Lock()  # never kept while a watch begins: in a large folder that takes minutes
        self._closed = False

    def follow(self, store: Store) -> None:
        """Reports every change from its return on. Does nothing if the codebase is followed already.

        Raises IndexCancelled if `unfollow` or `close` is called meanwhile.
        """
        followed = _Followed()
        with self._lock:
            if self._closed or store.id in self._followed:
                return
            self._followed[store.id] = followed
        try:
            watch = Watch(store.root, self._call, followed.stop)
        except BaseException:
            with self._lock:
                if self._followed.get(store.id) is followed:
                    del self._followed[store.id]
            raise
        thread = threading.Thread(target=self._report, args=(store, watch), name=f"watch {store.root}", daemon=True)
        with self._lock:
            if not followed.stop.is_set():
                followed.watch, followed.thread = watch, thread
                thread.start()

    def how(self, codebase: str) -> str | None:
        """How changes are detected, `events` or `polling`; None for a codebase that is not followed."""
        followed = self._followed.get(codebase)
        return followed.watch.how if followed and followed.watch else None

    def unfollow(self, codebase: str) -> None:
        """Stops following a codebase; returns when its thread has ended."""
        with self._lock:
            followed = self._followed.pop(codebase, None)
        if followed:
            self._end([followed])

    def close(self) -> None:
        with self._lock:
            self._closed = True
            followed = list(self._followed.values())
        self._end(followed)

    def _end(self, followed: list[_Followed]) -> None:
        with self._lock:  # no thread is started from now on
            for each in followed:
                each.stop.set()
        for each in followed:
            if each.thread:
                each.thread.join()

    def _report(self, store: Store, watch: Watch) -> None:
        for changes in watch.batches():
            self._on_changes(store, changes)
