"""Question -> the chunks that answer it, from one index: words, static vectors and names first; the best of these
again by who refers to whom and by the heavy embedder.

Keeps the vectors in memory and follows the database before each search. Does not know who asks.
"""

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import translate

from indexer.embedding.base import Embedder
from indexer.embedding.rerank import Reranker
from indexer.errors import IndexStorage
from indexer.parsing.chunking import embedded
from indexer.search.answerability import is_answered
from indexer.search.cochange import cochange_scores
from indexer.search.fusion import DEFAULT, Ranked, Weights, factor, fuse, refine
from indexer.search.grouping import HitGroup, group_hits
from indexer.search.off_topic import OFF_TOPIC, ScoreEvidence, is_close, share
from indexer.search.pagerank import pagerank_scores
from indexer.search.query import SearchQuery, parse_query
from indexer.search.symbol_match import match_symbols
from indexer.storage.freshness import is_fresh
from indexer.storage.snapshot import ChunkRow, Snapshot
from indexer.storage.store import Store
from indexer.storage.vector_index import FLAT
from indexer.storage.vector_sync import VectorMirror
from indexer.types import Hit

_POOL = 200  # candidates of each signal
_READ = 50  # candidates that the heavy embedder reads
_REFERRING = 100  # candidates whose references count
_TERMS = 24  # of a long question beyond its first line, the most telling
_EVERYWHERE = 0.25  # share of the chunks


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a question finds."""

    hits: list[Hit]  # best first
    is_answered: bool  # False: they are the nearest places, but no nearer than to a question about the weather


class Searcher:
    """Searches one index. Safe to use from several threads."""

    def __init__(
        self, store: Store, static: Embedder, dense: Reranker | None = None, weights: Weights = DEFAULT
    ) -> None:
        """`static` made the vectors in the index; `dense` reads the best candidates of each question once more."""
        self._store = store
        self._static = static
        self._dense = dense
        self._weights = weights
        self._lock = threading.Lock()
        self._vectors = VectorMirror(static.model_id, static.dim, store.vectors_file)

    @property
    def generation(self) -> int:
        """Of the index as it is now."""
        with self._store.read() as snapshot:
            return snapshot.version[1]

    def prepare(self, cancelled: Callable[[], bool]) -> None:
        """Reads the vectors of a large index, half a minute for 1.6 million of them: no question waits for it then."""
        with self._store.read() as snapshot:
            if snapshot.chunks <= FLAT:
                return
            with self._lock:
                damaged = self._vectors.sync(snapshot, cancelled)
        self._drop(damaged)

    def search(self, question: str, history: Sequence[str] = (), k: int = 10, paths: Sequence[str] = ()) -> list[Hit]:
        """The hits of `find`."""
        return self.find(question, history, k, paths).hits

    def find(
        self,
        question: str,
        history: Sequence[str] = (),
        k: int = 10,
        paths: Sequence[str] = (),
        joined: bool = True,
    ) -> SearchResult:
        """At most `k` hits, best first. `history`: the user's earlier questions, oldest first.

        `joined`: good hits that stand side by side come as one, as a person reads them; otherwise each definition
        comes for itself, so that an answer names its lines and a prompt holds no more than it needs.
        `paths` keeps only files under one of these folders, or matching one of these globs.
        Raises NotIndexed, IndexDamaged, IndexStorage.
        """
        asked = parse_query(question, history)
        vector = self._static.embed_query(asked.text)
        with self._store.read() as snapshot:
            allowed = _allowed(snapshot, paths)
            with self._lock:
                damaged = self._vectors.sync(snapshot)
                near = dict(self._vectors.search(vector, _POOL, allowed))
            terms = _telling(asked, snapshot)
            lexical = dict(snapshot.lexical(terms, _POOL, allowed))
            symbol = match_symbols(asked, snapshot, allowed)
            rows = snapshot.rows(lexical.keys() | near.keys() | symbol.keys())
            factors = {i: factor(row.chunk, asked.about_tests, asked.about_docs) for i, row in rows.items()}
            ranked = [item for item in fuse(lexical, near, symbol, factors, _POOL, self._weights) if item.id in rows]
            paths_of = {item.id: rows[item.id].file.path for item in ranked}
            read = {item.id: embedded(rows[item.id].chunk) for item in ranked[:_READ]}
            graph, cosines = self._graph(ranked, rows), self._cosines(asked.text, read)
            past = self._past(asked, ranked, paths_of, snapshot)
            ranked = refine(ranked, graph, past, cosines, factors, paths_of, self._weights)
            hits = self._hits(group_hits(ranked, rows, k, joined), snapshot)
            close = bool(paths) or is_close(cosines, self._by_chance(read) if cosines else [])
            answered = close or self._is_answered(asked, terms, near, lexical, snapshot, bool(cosines))
        self._drop(damaged)
        return SearchResult(hits, answered)

    def _drop(self, damaged: list[int]) -> None:
        if damaged:
            with suppress(IndexStorage):  # another process writes: the next search will tell them again
                self._store.drop_vectors(damaged)

    def _is_answered(
        self,
        asked: SearchQuery,
        terms: list[str],
        near: dict[int, float],
        lexical: dict[int, float],
        snapshot: Snapshot,
        read: bool,
    ) -> bool:
        found = _weighed(asked, terms, near, lexical, snapshot)
        return is_answered(asked, found, snapshot, self._store, self._static.model_id, self._evidence, read)

    def _evidence(self, asked: SearchQuery, snapshot: Snapshot) -> ScoreEvidence:
        """The best that the static vectors and the words find."""
        terms = _telling(asked, snapshot)
        with self._lock:
            near = dict(self._vectors.search(self._static.embed_query(asked.text), 1))
        return _weighed(asked, terms, near, dict(snapshot.lexical(terms, 1)), snapshot)

    def _graph(self, ranked: list[Ranked], rows: dict[int, ChunkRow]) -> dict[int, float]:
        return pagerank_scores({item.id: item.score for item in ranked[:_REFERRING]}, rows)

    def _past(
        self, asked: SearchQuery, ranked: list[Ranked], paths_of: Mapping[int, str], snapshot: Snapshot
    ) -> dict[str, float]:
        if not asked.is_report:
            return {}
        best = {paths_of[item.id]: item.score for item in reversed(ranked[:_REFERRING])}
        return cochange_scores(best, snapshot.commits_of(best))

    def _cosines(self, question: str, read: Mapping[int, str]) -> dict[int, float]:
        if self._dense is None:
            return {}
        cosines = self._dense.cosines(question, list(read.values()))
        return dict(zip(read, cosines, strict=False))  # none at all while the embedder is not there

    def _by_chance(self, read: Mapping[int, str]) -> list[float]:
        """The best cosine of each off-topic question with the same candidates."""
        return self._dense.best(OFF_TOPIC, list(read.values())) if self._dense else []

    def _hits(self, found: list[HitGroup], snapshot: Snapshot) -> list[Hit]:
        files = {place.best.file.path: place.best.file for place in found}
        fresh = {path: is_fresh(self._store.root, file) for path, file in files.items()}
        return [_hit(place, fresh[place.best.file.path], snapshot) for place in found]


def _weighed(
    asked: SearchQuery, terms: list[str], near: dict[int, float], lexical: dict[int, float], snapshot: Snapshot
) -> ScoreEvidence:
    words = share(max(lexical.values(), default=0.0), {*asked.terms, *terms}, snapshot)
    return ScoreEvidence(max(near.values(), default=0.0), words)


def _allowed(snapshot: Snapshot, paths: Sequence[str]) -> list[int] | None:
    if not paths:
        return None
    patterns = [_pattern(path) for path in paths]
    return snapshot.chunk_ids_in([path for path in snapshot.paths() if any(p.match(path) for p in patterns)])


def _pattern(path: str) -> re.Pattern[str]:
    """`src`, `src/` and `src/app.py` are prefixes of whole names; anything with *, ? or [ is a glob."""
    path = path.removeprefix("./").rstrip("/")
    if re.search(r"[*?\[]", path):
        return re.compile(translate(path))
    return re.compile(re.escape(path) + r"(?:/|\Z)" if path not in ("", ".") else "")


def _telling(asked: SearchQuery, snapshot: Snapshot) -> list[str]:
    """The terms to look for: those of the first line, and the most telling of the rest by tf-idf.

    A term in every fourth chunk ranks nothing and makes the search slow: it counts only where nothing else does.
    """
    chunks = max(1, snapshot.chunks)
    counts = dict(asked.more_terms)
    frequency = snapshot.frequency([*asked.terms, *counts])
    telling = {term for term, n in frequency.items() if n <= _EVERYWHERE * chunks} or set(frequency)
    weight = {term: counts.get(term, 1) * math.log(1 + chunks / frequency[term]) for term in telling}
    title = sorted(telling.intersection(asked.terms), key=lambda term: (-weight[term], term))
    rest = sorted(telling.intersection(counts), key=lambda term: (-weight[term], term))
    return title[: 2 * _TERMS] + rest[:_TERMS]


def _hit(found: HitGroup, fresh: bool, snapshot: Snapshot) -> Hit:
    best, first, last = found.best.chunk, found.parts[0].chunk, found.parts[-1].chunk
    alone = len(found.parts) == 1
    return Hit(
        chunk_id=found.best.id,
        path=best.path,
        start_line=first.start_line,
        end_line=last.end_line,
        symbol=best.symbol,
        kind=best.kind,
        language=best.language,
        signature=best.signature,
        doc=best.doc,
        text=best.text if alone else snapshot.lines(best.path, first.start_line, last.end_line),
        sha=found.best.file.sha,
        score=found.ranked.score,
        why=found.ranked.why,
        fresh=fresh,
    )
