"""Reindexes, within a time budget, the few files of a question that have changed on disk. Does not know who asks."""

import time
from collections.abc import Sequence

from indexer.embedding.base import Embedder
from indexer.errors import CodebaseEmpty, CodebaseUnreadable, IndexCancelled, IndexStorage
from indexer.storage.store import Store
from indexer.update.refresh import refresh

FILES = 20  # most files of one question; a question waits for them
PATIENCE_S = 0.3  # for another job to let go of the index
BUDGET_S = 0.8  # all of it


def reindex_stale(store: Store, embedder: Embedder, paths: Sequence[str]) -> bool:
    """Indexes the first `FILES` of these paths again; whether the index may have changed by it.

    Gives up within `BUDGET_S`, or when another job keeps the index for `PATIENCE_S`.
    """
    until = time.monotonic() + BUDGET_S
    try:
        refresh(
            store,
            embedder,
            only=paths[:FILES],
            patience_s=PATIENCE_S,
            cancelled=lambda: time.monotonic() > until,
        )
    except (IndexStorage, CodebaseUnreadable):
        return False
    except (IndexCancelled, CodebaseEmpty):  # what was written, or taken out, stays so
        pass
    return True
