"""Follows codebases, each in a thread of its own. Knows who wants to be told of changes, not what is done with them."""

import threading
from collections.abc import Callable

from indexer.files.watch import Changes, Watch
from indexer.storage.store import Store


class Watchers:
    """`changed(store, changes)` is called from a thread, for every batch."""

    def __init__(self, changed: Callable[[Store, Changes], None]) -> None:
        self._changed = changed
        self._watches: dict[str, tuple[Watch, threading.Thread]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def follow(self, store: Store) -> None:
        """Every change from the return on is told. Does nothing for a codebase that is followed already."""
        with self._lock:
            if self._closed or store.id in self._watches:
                return
            watch = Watch(store.root)
            thread = threading.Thread(target=self._tell, args=(store, watch), name=f"watch {store.root}", daemon=True)
            self._watches[store.id] = watch, thread
            thread.start()

    def how(self, codebase: str) -> str | None:
        """`events` or `polling`; None for a codebase that is not followed."""
        followed = self._watches.get(codebase)
        return followed[0].how if followed else None

    def forget(self, codebase: str) -> None:
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

    def _tell(self, store: Store, watch: Watch) -> None:
        for changes in watch.batches():
            self._changed(store, changes)
