"""The indexes of this machine: one store and one searcher per codebase. Knows no questions and no jobs."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.config import Settings
from backend.errors import ApiError
from backend.indexing.embedders import Embedders
from backend.indexing.workers import Workers, start_workers, warm_up
from indexer.embedding.loading import load_embedder
from indexer.embedding.rerank import Reranker, VectorCache
from indexer.embedding.static import StaticEmbedder
from indexer.errors import IndexerError, NotIndexed
from indexer.search.searcher import Searcher
from indexer.storage.codebases import CodebaseInfo, Codebases
from indexer.storage.store import Store
from indexer.update.refresh import lacks_vectors

log = logging.getLogger(__name__)

# Codebases whose vectors, terms and pages stay in memory: for 50,000 chunks 40, 22 and 16 MB, loaded again in half a
# second. Terms are loaded of at most 200,000 chunks.
SEARCHERS = 5


def open_indexes(settings: Settings) -> "Indexes":
    """The indexes and embedders that the settings name; the neural embedder is being loaded."""
    embedders = Embedders(StaticEmbedder(), lambda: load_embedder(settings.embedding_model))
    embedders.preload()
    workers = start_workers()
    warm_up(workers, embedders.static)
    return Indexes(settings.data_dir / "indexes", embedders, workers)


class Indexes:
    """Opens stores and searchers, each once. Safe to use from any thread."""

    def __init__(self, folder: Path, embedders: Embedders, workers: Workers) -> None:
        self.codebases = Codebases(folder)
        self.embedders = embedders
        self.workers = workers
        self._reranker = Reranker(embedders.neural, VectorCache(folder / "vectors.cache"))
        self._searchers: dict[str, Searcher] = {}  # the one used last is the last
        self._lock = threading.Lock()
        self._warned: set[str] = set()  # ids of codebases

    def store(self, root: str) -> Store:
        """The store of the codebase at this path; a new one where there is none. Raises `CodebaseUnreadable`."""
        try:
            return self.codebases.open(Path(root).expanduser())
        except (RuntimeError, OSError) as error:  # "~nobody", a name longer than the file system takes
            raise ApiError("bad_params", f"{root[:200]!r} is not a readable folder: {error}") from None

    def searcher(self, codebase: str) -> Searcher:
        """The searcher of the codebase with this id."""
        with self._lock:
            store = self.codebases.get(codebase)
            last = self._searchers.pop(codebase, None) or Searcher(store, self.embedders.static, self._reranker)
            self._searchers[codebase] = last
            for unused in list(self._searchers)[:-SEARCHERS]:
                del self._searchers[unused]
                with suppress(NotIndexed):  # deleted meanwhile
                    self.codebases.get(unused).close()
        return last

    def prepare(self, store: Store, cancelled: Callable[[], bool]) -> None:
        """Makes a codebase that was just indexed ready for its first question."""
        self.searcher(store.id).prepare(cancelled)

    def warn_if_incomplete(self, store: Store) -> None:
        """Logs, once per codebase, that vectors are missing. For codebases that are not kept up to date."""
        if store.id in self._warned:
            return
        self._warned.add(store.id)
        with suppress(IndexerError):  # the search meets the same error and reports it
            if lacks_vectors(store, self.embedders.static):
                log.warning(
                    "files of %s have no vectors by the embedder of this version and are found by words and names"
                    " only: run `lantern index %s`",
                    store.root,
                    store.root,
                )

    def delete(self, codebase: str) -> None:
        """Deletes the index of the codebase with this id; its files stay."""
        with self._lock:
            self._searchers.pop(codebase, None)
            self.codebases.delete(codebase)

    def summaries(self) -> list[dict[str, Any]]:
        """The codebases as `initialize` and `GET /codebases` show them."""
        return [
            {
                "id": info.id,
                "root": str(info.root),
                "state": info.state,
                "files": info.files,
                "chunks": info.chunks,
                "generation": info.generation,
                "dense_coverage": round(self._coverage(info), 4),
            }
            for info in self.codebases.all()
        ]

    def _coverage(self, info: CodebaseInfo) -> float:
        """Share of the chunks that the neural embedder has embedded; 0 while it is not loaded."""
        if not info.chunks:
            return 0.0
        with self.codebases.get(info.id).read() as snapshot:
            return self._reranker.coverage(snapshot.keys())
