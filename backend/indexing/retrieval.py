"""The codebases of this machine and the embedders they share, ready to be searched. Knows no prompts, no wires."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from backend.config import Settings
from backend.errors import ApiError
from indexer.embedding.base import Embedder, Vectors
from indexer.embedding.onnx import load_embedder
from indexer.embedding.rerank import Reranker, VectorCache
from indexer.embedding.static import StaticEmbedder
from indexer.errors import EmbedderUnavailable, IndexerError
from indexer.navigation.answers import StructuralAnswer, answer
from indexer.navigation.followup import Subject
from indexer.navigation.intent import parse_structural_query
from indexer.parsing.identifiers import split
from indexer.search.searcher import Searcher, SearchResult
from indexer.storage.codebases import CodebaseInfo, Codebases
from indexer.storage.store import Store
from indexer.types import Hit, Why
from indexer.update.refresh import lacks_vectors
from indexer.update.reindex import reindex_stale

log = logging.getLogger(__name__)

EMBEDDING_S = 60.0  # in which a request for vectors waits for the heavy embedder
LOADING_S = 2.0  # from the start, in which questions wait for the heavy embedder; MiniLM in int8 takes 0.3


def open_retrieval(settings: Settings) -> "Retrieval":
    """The indexes and embedders that the settings name, the heavy one loading."""
    retrieval = Retrieval(
        settings.data_dir / "indexes", StaticEmbedder(), lambda: load_embedder(settings.embedding_model)
    )
    retrieval.preload()
    return retrieval


class Retrieval:
    """Searches by codebase. The static embedder is there at once; the heavy one loads in the background."""

    def __init__(self, folder: Path, static: Embedder, load: Callable[[], Embedder]) -> None:
        self.codebases = Codebases(folder)
        self.static = static
        self._load = load
        self._embedder: Embedder | None = None
        self._loaded = threading.Event()
        self._waited_until = 0.0  # on the monotonic clock
        self._dense = Reranker(self._heavy, VectorCache(folder / "vectors.cache"))
        self._searchers: dict[str, Searcher] = {}
        self._opening = threading.Lock()
        self._left: set[str] = set()  # codebases that nothing brings up to date
        self.on_use: Callable[[Store], None] = self.left_as_it_is  # told of every codebase that is searched

    def preload(self) -> None:
        """Loads the heavy embedder in a thread. Until it is there, and when it cannot be, nothing is re-ranked."""

        def load() -> None:
            try:
                self._embedder = self._load()
            except EmbedderUnavailable as error:
                log.error("%s", error)
            finally:
                self._loaded.set()

        self._waited_until = time.monotonic() + LOADING_S
        threading.Thread(target=load, name="embedder-preload", daemon=True).start()

    def _heavy(self) -> Embedder | None:
        """The heavy embedder, waited for a moment while it loads: the default one needs less."""
        self._loaded.wait(max(0.0, self._waited_until - time.monotonic()))
        return self._embedder

    def embed(self, texts: Sequence[str]) -> tuple[str, Vectors]:
        """The heavy embedder's name, and a row for each text. Waits while it loads; raises where it cannot be."""
        self._loaded.wait(EMBEDDING_S)
        if self._embedder is None:
            raise ApiError("model_unavailable", "the embedding model is not loaded: see the server's log")
        return self._embedder.model_id, self._embedder.embed_documents(texts)

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
            raise ApiError("not_found", f"no codebase {codebase}; see GET /codebases")
        if workspace:
            store = self.codebases.find(Path(workspace))
            return next((info for info in known if store is not None and info.id == store.id), None)
        return max(known, key=lambda info: info.indexed_at, default=None)

    def use(self, workspace: str) -> None:
        """Tells that the codebase around this path, if there is one, has been opened."""
        with suppress(OSError, RuntimeError):  # a path that no folder can have
            if store := self.codebases.find(Path(workspace)):
                self.on_use(store)

    def left_as_it_is(self, store: Store) -> None:
        """Says what the index of a codebase lacks that nothing brings up to date by itself; once."""
        if store.id in self._left:
            return
        self._left.add(store.id)
        with suppress(IndexerError):  # who searches it meets the same
            if lacks_vectors(store, self.static):
                log.warning(
                    "files of %s have no vectors by the embedder of this version and are found by words and names"
                    " only: run `lantern index %s`",
                    store.root,
                    store.root,
                )

    def search(
        self,
        codebase: CodebaseInfo,
        question: str,
        history: Sequence[str],
        k: int,
        *,
        exact: Sequence[Hit] = (),
        paths: Sequence[str] = (),
        joined: bool = False,
    ) -> tuple[SearchResult, int]:
        """At most `k` hits, the `exact` ones of a structural answer first, and the generation of the index.

        Files that changed since they were indexed are indexed again first, as many as the time budget allows; the hits
        of the others are marked as not fresh. A hit whose file is gone from the disk is left out.
        """
        store, searcher = self.codebases.get(codebase.id), self._searcher(codebase.id)
        if len(exact) >= k:
            return SearchResult(list(exact[:k]), is_answered=True), searcher.generation
        self.on_use(store)
        found = searcher.find(question, history, k, paths, joined)
        stale = list(dict.fromkeys(hit.path for hit in found.hits if not hit.fresh))
        if stale and reindex_stale(store, self.static, stale):
            found = searcher.find(question, history, k, paths, joined)
        existing = [hit for hit in found.hits if hit.fresh or (codebase.root / hit.path).exists()]
        return SearchResult(first(exact, existing)[:k], bool(exact) or found.is_answered), searcher.generation

    def has(self, codebase: CodebaseInfo, words: Sequence[str]) -> bool:
        """Whether each of these words stands somewhere in what is indexed."""
        terms = [terms[0] for word in words if (terms := split(word))]
        with self.codebases.get(codebase.id).read() as snapshot:
            return snapshot.frequency(terms).keys() >= set(terms)

    def prepare(self, store: Store, cancelled: Callable[[], bool]) -> None:
        """Makes a codebase that was just indexed ready for its first question."""
        self._searcher(store.id).prepare(cancelled)

    def structural(
        self, codebase: CodebaseInfo, question: str, subject: Subject | None = None
    ) -> StructuralAnswer | None:
        """The exact answer to a structural question, from the files as they are now; None for any other question.

        `subject`: which of several definitions a name of the question means.
        """
        asked, store = parse_structural_query(question), self.codebases.get(codebase.id)
        if asked is None:
            return None
        self.on_use(store)
        return answer(replace(asked, path=subject.path) if subject and subject.name == asked.name else asked, store)

    def find(self, query: str, codebase: str | None, k: int, paths: Sequence[str]) -> dict[str, Any]:
        """The answer of `POST /search` and the `search` method. Raises where nothing is indexed."""
        began = time.perf_counter()
        chosen = self.choose(codebase)
        if chosen is None:
            raise ApiError("index_unavailable", "nothing is indexed: POST /index, or `lantern index PATH`")
        if not query.strip():
            raise ApiError("bad_params", "the query is empty")
        structural = None if paths else self.structural(chosen, query)
        exact = structural.hits if structural else ()
        found, generation = self.search(chosen, query, (), k, exact=exact, paths=paths, joined=True)
        ms = round((time.perf_counter() - began) * 1000, 1)
        hits = [wire_hit(hit) for hit in found.hits]
        return {"hits": hits, "found": found.is_answered, "generation": generation, "ms": ms}

    def _searcher(self, codebase: str) -> Searcher:
        with self._opening:
            if codebase not in self._searchers:
                self._searchers[codebase] = Searcher(self.codebases.get(codebase), self.static, self._dense)
            return self._searchers[codebase]

    def store(self, root: str) -> Store:
        """The store of the codebase at this path, made if it is new. Raises `CodebaseUnreadable`."""
        try:
            return self.codebases.open(Path(root).expanduser())
        except (RuntimeError, OSError) as error:  # "~nobody", a name longer than the file system takes
            raise ApiError("bad_params", f"{root[:200]!r} is no folder that can be read: {error}") from None

    def delete(self, codebase: str) -> None:
        with self._opening:
            self._searchers.pop(codebase, None)
            self.codebases.delete(codebase)

    def described(self) -> list[dict[str, Any]]:
        """The codebases as `initialize` and `GET /codebases` show them."""
        return [describe(info, self._coverage(info)) for info in self.codebases.all()]

    def _coverage(self, info: CodebaseInfo) -> float:
        """Share of the chunks that the heavy embedder has read; 0 while it is not loaded."""
        if not info.chunks:
            return 0.0
        with self.codebases.get(info.id).read() as snapshot:
            return self._dense.coverage(snapshot.keys())


def first(exact: Sequence[Hit], found: Sequence[Hit]) -> list[Hit]:
    """The exact hits before the found ones, and none of these that lies within one of them."""
    best = max((hit.score for hit in found), default=0.0)
    inside = [
        hit
        for hit in found
        if any(e.path == hit.path and e.start_line <= hit.start_line <= hit.end_line <= e.end_line for e in exact)
    ]
    return [replace(hit, score=best + 1.0) for hit in exact] + [hit for hit in found if hit not in inside]


def describe(info: CodebaseInfo, dense_coverage: float) -> dict[str, Any]:
    return {
        "id": info.id,
        "root": str(info.root),
        "state": info.state,
        "files": info.files,
        "chunks": info.chunks,
        "generation": info.generation,
        "dense_coverage": round(dense_coverage, 4),
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
        "why": wire_why(hit.why),
        "fresh": hit.fresh,
        "text": hit.text,
    }


def wire_why(why: Why) -> dict[str, float]:
    return {signal: round(value, 4) for signal, value in asdict(why).items()}
