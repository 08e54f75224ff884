"""Reindexes, within a time budget, the few files of a question that changed on disk. Does not know the question."""

import time
from collections.abc import Sequence

from indexer.embedding.base import Embedder
from indexer.errors import CodebaseEmpty, CodebaseUnreadable, IndexCancelled, IndexStorage, WorkerDied
from indexer.storage.store import Store
from indexer.update.refresh import refresh
from indexer.workers.pool import Call, Runner, in_process

FILES = 20  # at most, for one question, which waits for them
PATIENCE_S = 0.3  # for another job to release the index
BUDGET_S = 0.8  # in total


def reindex_stale(store: Store, embedder: Embedder, paths: Sequence[str], call: Call = in_process) -> bool:
    """Reindexes the first `FILES` of these paths. Returns whether the index may have changed.

    Gives up after `BUDGET_S`, or when another job keeps the index locked for `PATIENCE_S`.
    """
    until = time.monotonic() + BUDGET_S
    try:
        refresh(
            store,
            embedder,
            only=paths[:FILES],
            patience_s=PATIENCE_S,
            runner=Runner(call, lambda: time.monotonic() > until),
        )
    except (IndexStorage, CodebaseUnreadable, WorkerDied):
        return False
    except (IndexCancelled, CodebaseEmpty):  # what was written or deleted until then stays so
        pass
    return True
