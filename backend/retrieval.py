"""The codebases of this machine and the one embedder they share, ready to be searched. Knows no prompts, no wires."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend.errors import Refusal
from indexer.codebases import CodebaseInfo, Codebases
from indexer.embed import Embedder
from indexer.errors import EmbedderUnavailable
from indexer.search import Searcher
from indexer.store import Store
from indexer.types import Hit

log = logging.getLogger(__name__)


class Retrieval:
    """Searches by codebase. The embedder loads once, in the background or at the first need."""

    def __init__(self, folder: Path, load: Callable[[], Embedder]) -> None:
        self.codebases = Codebases(folder)
        self._load = load
        self._embedder: Embedder | None = None
        self._loading = threading.Lock()
        self._searchers: dict[str, Searcher] = {}
        self._opening = threading.Lock()

    def embedder(self) -> Embedder:
        """The embedder, loaded by the first caller; blocks for seconds then. Raises `EmbedderUnavailable`."""
        with self._loading:
            if self._embedder is None:
                self._embedder = self._load()
            return self._embedder

    def preload(self) -> None:
        """Loads the embedder in a thread; a failure is told by the first search that needs it."""

        def load() -> None:
            try:
                self.embedder()
            except EmbedderUnavailable as error:
                log.error("%s", error)

        threading.Thread(target=load, name="embedder-preload", daemon=True).start()

    @property
    def embedder_loaded(self) -> bool:
        return self._embedder is not None

    def choose(self, codebase: str | None, workspace: str = "") -> CodebaseInfo | None:
        """The codebase of that id, else the one around the workspace; without a workspace the one indexed last."""
        known = self.codebases.all()
        if codebase:
            for info in known:
                if info.id == codebase:
                    return info
            raise Refusal("not_found", f"no codebase {codebase}; see GET /codebases")
        if workspace:
            store = self.codebases.find(Path(workspace))
            return next((info for info in known if store is not None and info.id == store.id), None)
        return max(known, key=lambda info: info.updated_at, default=None)

    def search(
        self, codebase: CodebaseInfo, question: str, history: Sequence[str], k: int, paths: Sequence[str] = ()
    ) -> tuple[list[Hit], int]:
        """Hits, best first, and the generation of the index that they come from."""
        searcher = self._searcher(codebase.id)
        return searcher.search(question, history, k, paths), searcher.generation

    def find(self, query: str, codebase: str | None, k: int, paths: Sequence[str]) -> dict[str, Any]:
        """The answer of `POST /search` and the `search` method. Raises where nothing is indexed."""
        began = time.perf_counter()
        chosen = self.choose(codebase)
        if chosen is None:
            raise Refusal("index_unavailable", "nothing is indexed: POST /index, or `lantern index PATH`")
        if not query.strip():
            raise Refusal("bad_params", "the query is empty")
        hits, generation = self.search(chosen, query, (), k, paths)
        ms = round((time.perf_counter() - began) * 1000, 1)
        return {"hits": [wire_hit(hit) for hit in hits], "generation": generation, "ms": ms}

    def _searcher(self, codebase: str) -> Searcher:
        with self._opening:
            if codebase not in self._searchers:
                self._searchers[codebase] = Searcher(self.codebases.get(codebase), self.embedder)
            return self._searchers[codebase]

    def store(self, root: str) -> Store:
        """The store of the codebase at this path, made if it is new. Raises `CodebaseUnreadable`."""
        try:
            return self.codebases.open(Path(root).expanduser())
        except (RuntimeError, OSError) as error:  # "~nobody", a name longer than the file system takes
            raise Refusal("bad_params", f"{root[:200]!r} is no folder that can be read: {error}") from None

    def delete(self, codebase: str) -> None:
        with self._opening:
            self._searchers.pop(codebase, None)
            self.codebases.delete(codebase)


def describe(info: CodebaseInfo) -> dict[str, Any]:
    """A codebase as `initialize` and `GET /codebases` show it."""
    return {
        "id": info.id,
        "root": str(info.root),
        "state": info.state,
        "files": info.files,
        "chunks": info.chunks,
        "generation": info.generation,
        "dense_coverage": info.dense_coverage,
    }


def wire_hit(hit: Hit) -> dict[str, Any]:
    """A hit as `POST /search` and the `search` method show it."""
    return {
        "chunk_id": hit.chunk_id,
        "path": hit.path,
        "start_line": hit.start_line,
        "end_line": hit.end_line,
        "symbol": hit.symbol,
        "kind": hit.kind,
        "language": hit.language,
        "score": round(hit.score, 6),
        "why": {"lexical": hit.why.lexical, "dense": hit.why.dense, "symbol": hit.why.symbol},
        "fresh": hit.fresh,
        "text": hit.text,
    }
