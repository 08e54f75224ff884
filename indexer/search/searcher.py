"""Question -> the chunks that answer it, from one index.

First stage: words, static vectors and names. Second stage, for the best of these: references among them, the commit
history and the re-ranking model. Keeps the vectors in memory and syncs them with the database before each search.
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
from indexer.parsing.chunking import embedding_text
from indexer.search.answerability import Answerability
from indexer.search.bare_name import definition_lifts
from indexer.search.cochange import cochange_scores
from indexer.search.file_subject import subject_share
from indexer.search.fusion import DEFAULT, Ranked, SecondStage, Weights, fuse, prior_factors, refine, spread
from indexer.search.grouping import GROUPED, HitGroup, group_hits
from indexer.search.off_topic import OFF_TOPIC, ScoreEvidence, bm25_share, is_close
from indexer.search.pagerank import pagerank_scores
from indexer.search.query import SearchQuery, parse_query
from indexer.search.symbol_match import match_symbols
from indexer.storage.freshness import is_fresh
from indexer.storage.snapshot import Snapshot
from indexer.storage.store import Store
from indexer.storage.term_sync import TermMirror
from indexer.storage.vector_sync import VectorMirror
from indexer.types import ChunkHead, Hit

_POOL = 200  # candidates of each signal, and of all together
_RERANKED = 50  # candidates that the re-ranking model scores
_RELATED = 100  # candidates whose references and commits count
_MORE_TERMS = 24  # of a long question beyond its first line
_COMMON = 0.25  # share of the chunks from which on a term is too common


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a question finds."""

    hits: list[Hit]  # best first
    is_answered: bool  # False: the hits are the nearest there are, but no nearer than to an off-topic question


@dataclass(frozen=True, slots=True)
class _FirstStage:
    """The candidates of the first stage. The mappings are by chunk id."""

    terms: list[str]  # that were searched for
    lexical: dict[int, float]
    heads: dict[int, ChunkHead]
    factors: dict[int, float]
    lifts: dict[int, float]
    ranked: list[Ranked]


class Searcher:
    """Searches one index. Safe to use from several threads."""

    def __init__(
        self, store: Store, static: Embedder, reranker: Reranker | None = None, weights: Weights = DEFAULT
    ) -> None:
        """`static`: made the vectors in the index. `reranker`: scores the best candidates of each question."""
        self._store = store
        self._static = static
        self._reranker = reranker
        self._weights = weights
        self._lock = threading.Lock()
        self._vectors = VectorMirror(static.model_id, static.dim, store.vectors_file)
        self._terms = TermMirror()
        self._answerability = Answerability(store, static.model_id, self._find_evidence)

    @property
    def generation(self) -> int:
        """Of the index as it is now."""
        with self._store.read() as snapshot:
            return snapshot.version[1]

    def prepare(self, cancelled: Callable[[], bool]) -> None:
        """Loads vectors and terms before a question has to wait for them: 60,000 chunks take half a second."""
        with self._store.read() as snapshot, self._lock:
            damaged = self._sync(snapshot, cancelled)
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
        """At most `k` hits, best first.

        `history`: the user's earlier questions, oldest first.
        `paths`: only files under one of these folders, or matching one of these globs.
        `joined`: a list for a person to read, where good hits side by side come as one and a file's further places give
        way; else each definition comes alone and at its own score, so that an answer cites its lines and a prompt holds
        no more than it needs, though all of it from one file.
        Raises NotIndexed, IndexDamaged, IndexStorage.
        """
        query = parse_query(question, history)
        vector = self._static.embed_query(query.text)
        with self._store.read() as snapshot:
            allowed = _allowed(snapshot, paths)
            with self._lock:
                damaged = self._sync(snapshot)
                near = dict(self._vectors.search(vector, _POOL, allowed))
            first = self._first_stage(query, near, snapshot, allowed)
            texts = self._texts_to_rerank(first.ranked, snapshot)
            signals = self._second_stage(query, first, texts, snapshot)
            path_of = {item.id: first.heads[item.id].path for item in first.ranked}
            ranked = refine(first.ranked, signals, first.factors, path_of, self._weights)
            best = spread(ranked, path_of, GROUPED * k) if joined else ranked[: GROUPED * k]
            rows = snapshot.rows([item.id for item in best])
            hits = self._hits(group_hits(best, rows, k, joined), snapshot)
            is_answered = bool(paths) or self._is_close(signals.cosines, texts)
            if not is_answered:
                evidence = _evidence(query, first.terms, near, first.lexical, snapshot)
                is_answered = self._answerability.is_answered(query, evidence, snapshot, reranked=bool(signals.cosines))
        self._drop(damaged)
        return SearchResult(hits, is_answered)

    def _sync(self, snapshot: Snapshot, cancelled: Callable[[], bool] = lambda: False) -> list[int]:
        """Brings what is in memory to the state of `snapshot`, which then uses it. Returns ids of damaged chunks."""
        terms, damaged = self._terms.sync(snapshot)
        snapshot.use(terms)
        return self._vectors.sync(snapshot, cancelled) + damaged

    def _texts_to_rerank(self, ranked: Sequence[Ranked], snapshot: Snapshot) -> dict[int, str]:
        """By chunk id, best first; none where the definition of a name that the question spells leads.

        There the model loses as much as it gains: measured on a fifth of the development questions.
        """
        if self._reranker is None or not self._reranker.is_loaded:
            return {}
        if not ranked or ranked[0].why.symbol >= self._weights.symbol:
            return {}
        best = [item.id for item in ranked[:_RERANKED]]
        rows = snapshot.rows(best)
        return {i: embedding_text(rows[i].chunk) for i in best}

    def _drop(self, damaged: list[int]) -> None:
        if damaged:
            with suppress(IndexStorage):  # another process writes: the next search finds them again
                self._store.drop_vectors(damaged)

    def _first_stage(
        self, query: SearchQuery, near: Mapping[int, float], snapshot: Snapshot, allowed: list[int] | None
    ) -> _FirstStage:
        terms = _search_terms(query, snapshot)
        lexical = dict(snapshot.lexical(terms, _POOL, allowed))
        symbol = match_symbols(query, snapshot, allowed)
        lifts = definition_lifts(query, snapshot, allowed)
        symbol |= dict.fromkeys(lifts, 1.0)  # a sure name
        heads = snapshot.heads(lexical.keys() | near.keys() | symbol.keys())
        factors = prior_factors(heads, query)
        ranked = [item for item in fuse(lexical, near, symbol, factors, _POOL, self._weights) if item.id in heads]
        return _FirstStage(terms, lexical, heads, factors, lifts, ranked)

    def _second_stage(
        self,
        query: SearchQuery,
        first: _FirstStage,
        texts: Mapping[int, str],
        snapshot: Snapshot,
    ) -> SecondStage:
        seeds = {item.id: item.score for item in first.ranked[:_RELATED]}
        symbols = {i: first.heads[i].symbol for i in seeds}
        graph = pagerank_scores(seeds, symbols, snapshot.texts(seeds))
        cochange: dict[str, float] = {}
        cosines = self._cosines(query.text, texts)
        if query.is_report:
            scores = {first.heads[i].path: score for i, score in reversed(seeds.items())}
            cochange = cochange_scores(scores, snapshot.commits_of(scores))
        terms = frozenset(query.terms)
        subject = {path: subject_share(path, terms) for path in {first.heads[item.id].path for item in first.ranked}}
        return SecondStage(graph, cochange, cosines, subject, first.lifts)

    def _cosines(self, question: str, texts: Mapping[int, str]) -> dict[int, float]:
        """By chunk id; none while the re-ranking model is not loaded."""
        if self._reranker is None:
            return {}
        return dict(zip(texts, self._reranker.cosines(question, list(texts.values())), strict=False))

    def _is_close(self, cosines: Mapping[int, float], texts: Mapping[int, str]) -> bool:
        """Whether the re-ranking model finds a candidate far closer than any off-topic question finds one."""
        if self._reranker is None or not cosines:
            return False
        return is_close(cosines, self._reranker.best(OFF_TOPIC, list(texts.values())))

    def _find_evidence(self, query: SearchQuery, snapshot: Snapshot) -> ScoreEvidence:
        terms = _search_terms(query, snapshot)
        with self._lock:
            near = dict(self._vectors.search(self._static.embed_query(query.text), 1))
        return _evidence(query, terms, near, dict(snapshot.lexical(terms, 1)), snapshot)

    def _hits(self, groups: list[HitGroup], snapshot: Snapshot) -> list[Hit]:
        files = {group.best.file.path: group.best.file for group in groups}
        fresh = {path: is_fresh(self._store.root, file) for path, file in files.items()}
        return [_hit(group, fresh[group.best.file.path], snapshot) for group in groups]


def _evidence(
    query: SearchQuery, terms: list[str], near: dict[int, float], lexical: dict[int, float], snapshot: Snapshot
) -> ScoreEvidence:
    words = bm25_share(max(lexical.values(), default=0.0), {*query.terms, *terms}, snapshot)
    return ScoreEvidence(max(near.values(), default=0.0), words)


def _allowed(snapshot: Snapshot, paths: Sequence[str]) -> list[int] | None:
    """Ids of the chunks under `paths`; None for all."""
    if not paths:
        return None
    patterns = [_pattern(path) for path in paths]
    return snapshot.chunk_ids_in([path for path in snapshot.paths() if any(p.match(path) for p in patterns)])


def _pattern(path: str) -> re.Pattern[str]:
    """`src`, `src/` and `src/app.py` are prefixes of whole names; anything with *, ? or [ is a glob."""
    path = path.removeprefix("./").rstrip("/")
    if re.search(r"[*?\[]", path):
        # An open bracket is a character. `translate` would look for the end of each one in all that follows.
        closed, bracket, rest = path.rpartition("]")
        return re.compile(translate(closed + bracket + rest.replace("[", "[[]")))
    return re.compile(re.escape(path) + r"(?:/|\Z)" if path not in ("", ".") else "")


def _search_terms(query: SearchQuery, snapshot: Snapshot) -> list[str]:
    """The terms of the first line, and those of the rest with the highest tf-idf.

    A term in every fourth chunk ranks nothing and makes the search slow: it is used only if there is no other.
    """
    chunks = max(1, snapshot.chunks)
    counts = dict(query.more_terms)
    frequency = snapshot.frequency([*query.terms, *counts])
    useful = {term for term, n in frequency.items() if n <= _COMMON * chunks} or set(frequency)
    weight = {term: counts.get(term, 1) * math.log(1 + chunks / frequency[term]) for term in useful}
    title = sorted(useful.intersection(query.terms), key=lambda term: (-weight[term], term))
    rest = sorted(useful.intersection(counts), key=lambda term: (-weight[term], term))
    return title[: 2 * _MORE_TERMS] + rest[:_MORE_TERMS]


def _hit(group: HitGroup, fresh: bool, snapshot: Snapshot) -> Hit:
    best, first, last = group.best.chunk, group.parts[0].chunk, group.parts[-1].chunk
    is_single = len(group.parts) == 1
    return Hit(
        chunk_id=group.best.id,
        path=best.path,
        start_line=first.start_line,
        end_line=last.end_line,
        symbol=best.symbol,
        kind=best.kind,
        language=best.language,
        signature=best.signature,
        doc=best.doc,
        text=best.text if is_single else snapshot.lines(best.path, first.start_line, last.end_line),
        sha=group.best.file.sha,
        score=group.ranked.score,
        why=group.ranked.why,
        fresh=fresh,
    )
