"""Watches the files of codebases, each in a thread of its own. Does not know what is done with the changes."""

import threading
from collections.abc import Callable

from indexer.files.watch import Changes, Watch
from indexer.storage.store import Store
from indexer.workers.pool import Call


class Watchers:
    """One watcher thread per followed codebase."""

    def __init__(self, on_changes: Callable[[Store, Changes], None], call: Call) -> None:
        """`on_changes` is called from the thread of a watcher, for every batch. `call` applies ignore rules."""
        self._on_changes, self._call = on_changes, call
        self._watches: dict[str, tuple[Watch, threading.Thread]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def follow(self, store: Store) -> None:
        """Reports every change from its return on. Does nothing if the codebase is followed already."""
        with self._lock:
            if self._closed or store.id in self._watches:
                return
            watch = Watch(store.root, self._call)
            thread = threading.Thread(target=self._report, args=(store, watch), name=f"watch {store.root}", daemon=True)
            self._watches[store.id] = watch, thread
            thread.start()

    def how(self, codebase: str) -> str | None:
        """How changes are detected, `events` or `polling`; None for a codebase that is not followed."""
        followed = self._watches.get(codebase)
        return followed[0].how if followed else None

    def unfollow(self, codebase: str) -> None:
        """Stops following a codebase; returns when its thread has ended."""
        with self._lock:
            followed = self._watches.pop(codebase, None)
        if followed:
            followed[0].close()
            followed[1].join()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            followed = list(self._watches.values())
        for watch, _ in followed:
            watch.close()
        for _, thread in followed:
            thread.join()

    def _report(self, store: Store, watch: Watch) -> None:
        for changes in watch.batches():
            self._on_changes(store, changes)
