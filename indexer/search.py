"""Question -> the chunks that answer it, from one index: lexical, dense and symbol signals, fused.

Keeps the vectors in memory and follows the database before each search. Does not know who asks.
"""

import math
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from fnmatch import translate
from operator import itemgetter

from indexer.embed import Embedder
from indexer.fuse import Ranked, factor, fuse
from indexer.identifiers import action, split
from indexer.question import Question, understand
from indexer.refresh import is_unchanged
from indexer.scan import sha_of
from indexer.snapshot import KnownFile, Place, Row, Snapshot
from indexer.store import Store
from indexer.types import Hit
from indexer.vectors import FaissIndex

_POOL = 200  # candidates of each signal
_TERMS = 24  # of a long question beyond its first line, the most telling
_EVERYWHERE = 0.25  # share of the chunks
_PER_FILE = 3  # chunks of one file in the first ten, while other files have any
_FIRST = 10
_MERGED_LINES = 120
_FILE_NAMED = 0.4  # of a sure name
_DESCRIBED = 0.6
_FILES_MEANT = 3
_COMMON = 40  # a name that more definitions have says nothing
_KINDS = {"declaration": 0.5, "impl": 0.5, "section": 0.4, "constant": 0.8}

LoadedEmbedder = Callable[[], Embedder | None]


class Searcher:
    """Searches one index. Safe to use from several threads.

    `embedder` may be a function that gives None while the model is still loading: until then answers come from
    words and names alone.
    """

    def __init__(self, store: Store, embedder: Embedder | LoadedEmbedder) -> None:
        self._store = store
        self._embedder: LoadedEmbedder = embedder if callable(embedder) else lambda: embedder
        self._lock = threading.Lock()
        self._vectors: FaissIndex | None = None
        self._model = ""
        self._epoch = ""
        self._ids: set[int] = set()
        self._synced = -1  # generation that the vectors in memory are of

    @property
    def generation(self) -> int:
        """Of the index as it is now."""
        with self._store.read() as snapshot:
            return snapshot.version[1]

    def search(self, question: str, history: Sequence[str] = (), k: int = 10, paths: Sequence[str] = ()) -> list[Hit]:
        """At most `k` hits, best first. `history`: the user's earlier questions, oldest first.

        `paths` keeps only files under one of these folders, or matching one of these globs.
        Raises NotIndexed, IndexDamaged, IndexStorage.
        """
        asked = understand(question, history)
        embedder = self._embedder()
        vector = embedder.embed_query(asked.text) if embedder else None
        with self._store.read() as snapshot:
            allowed = _allowed(snapshot, paths)
            dense: dict[int, float] = {}
            damaged: list[bytes] = []
            if embedder is not None and vector is not None:
                with self._lock:
                    damaged = self._follow(snapshot, embedder)
                    dense = dict(self._vectors.search(vector, _POOL, allowed)) if self._vectors else {}
            lexical = dict(snapshot.lexical(_telling(asked, snapshot), _POOL, allowed))
            symbol = _symbols(asked, snapshot, allowed)
            rows = snapshot.rows(lexical.keys() | dense.keys() | symbol.keys())
        if damaged:
            self._store.drop_vectors(damaged)
        return self._hits(asked, rows, lexical, dense, symbol, k)

    def _follow(self, snapshot: Snapshot, embedder: Embedder) -> list[bytes]:
        """Makes the vectors in memory those of `snapshot`. Gives the keys of vectors that are damaged on disk."""
        epoch, generation = snapshot.version
        if self._vectors is None or (epoch, embedder.model_id) != (self._epoch, self._model):
            self._vectors, self._ids, self._synced = FaissIndex(embedder.dim), set(), -1
            self._epoch, self._model = epoch, embedder.model_id
        if (
            generation <= self._synced
        ):  # another thread's snapshot may be younger: its extra ids have no rows in this one
            return []
        now = snapshot.chunk_ids()
        self._vectors.remove(list(self._ids - now))
        self._ids &= now
        ids, vectors, damaged = snapshot.vectors_after(max(self._ids, default=0), embedder.model_id, embedder.dim)
        self._vectors.add(ids, vectors)
        self._ids.update(ids)
        self._synced = generation
        return damaged

    def _hits(
        self,
        asked: Question,
        rows: dict[int, Row],
        lexical: dict[int, float],
        dense: dict[int, float],
        symbol: dict[int, float],
        k: int,
    ) -> list[Hit]:
        factors = {
            i: factor(row.file.path, row.chunk.language, asked.about_tests, asked.about_docs) for i, row in rows.items()
        }
        ranked = [item for item in fuse(lexical, dense, symbol, factors, _POOL) if item.id in rows]
        fresh: dict[str, bool] = {}
        hits = []
        for item, parts in _chosen(ranked, rows, k):
            file = parts[0].file
            if file.path not in fresh:
                fresh[file.path] = self._is_fresh(file)
            hits.append(_hit(item, parts, fresh[file.path]))
        return hits

    def _is_fresh(self, file: KnownFile) -> bool:
        try:
            info = os.lstat(self._store.root / file.path)
        except OSError:
            return False
        if is_unchanged(file, info.st_size, info.st_mtime_ns):
            return True
        return info.st_size == file.size and sha_of(self._store.root, file.path) == file.sha


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


def _telling(asked: Question, snapshot: Snapshot) -> list[str]:
    """The terms to look for: those of the first line, and the most telling of the rest by tf-idf.

    A term in every fourth chunk ranks nothing and makes the search slow: it counts only where nothing else does.
    """
    chunks = max(1, snapshot.counts()[1])
    counts = dict(asked.more_terms)
    frequency = snapshot.frequency([*asked.terms, *counts])
    telling = {term for term, n in frequency.items() if n <= _EVERYWHERE * chunks} or set(frequency)
    weight = {term: counts.get(term, 1) * math.log(1 + chunks / frequency[term]) for term in telling}
    title = sorted(telling.intersection(asked.terms), key=lambda term: (-weight[term], term))
    rest = sorted(telling.intersection(counts), key=lambda term: (-weight[term], term))
    return title[: 2 * _TERMS] + rest[:_TERMS]


def _symbols(asked: Question, snapshot: Snapshot, allowed: Collection[int] | None) -> dict[int, float]:
    """Chunks of the definitions and files that the question names: 1 for a sure name, less for one that many share."""
    sure = dict(asked.names)
    places = snapshot.named(sure)
    shared = Counter(place.symbol.name.lower() for place in places)
    scores = dict.fromkeys(_in_files(asked, snapshot), _FILE_NAMED) | _described(asked, snapshot)
    for place in places:
        name = place.symbol.name.lower()
        if shared[name] > _COMMON:
            continue
        kind = _KINDS.get(place.symbol.kind, 1.0)
        score = sure[name] * kind * _qualified(place, asked.text) / math.sqrt(shared[name])
        for chunk in snapshot.chunks_at(place):
            scores[chunk] = max(scores.get(chunk, 0.0), score)
    inside = scores if allowed is None else set(allowed)
    return {chunk: score for chunk, score in scores.items() if chunk in inside}


def _described(asked: Question, snapshot: Snapshot) -> dict[int, float]:
    """Chunks of definitions whose name is made of words of the question: `build_prompt` for "the prompt builder"."""
    said = list(dict.fromkeys([*asked.terms, *map(action, asked.terms)]))
    found = {}
    for chunk, symbol in snapshot.named_like(said, _POOL):
        words = split(symbol.rpartition(".")[2])[1:]  # after the whole name its parts
        if len(words) > 1 and set(words) <= set(said):
            found[chunk] = _DESCRIBED
    return found


def _in_files(asked: Question, snapshot: Snapshot) -> list[int]:
    """Chunks of the files that the question mentions, where a name means few of them."""
    if not asked.files:
        return []
    paths = snapshot.paths()
    meant = [[path for path in paths if f"/{path}".endswith(f"/{name.lstrip('./')}")] for name in asked.files]
    return snapshot.chunk_ids_in({path for found in meant if len(found) <= _FILES_MEANT for path in found})


def _qualified(place: Place, text: str) -> float:
    """A question that names the scope too means the one in that scope."""
    scope = place.symbol.qualified.rpartition(".")[0].rpartition(".")[2]
    return 1.5 if scope and re.search(rf"\b{re.escape(scope)}\b", text) else 1.0


def _chosen(ranked: list[Ranked], rows: dict[int, Row], k: int) -> list[tuple[Ranked, list[Row]]]:
    """The best `k`, each with the neighbouring parts of its definition that were found too, in order of lines."""
    best = _varied(ranked, rows)[: 3 * k]
    place = {item.id: at for at, item in enumerate(best)}
    groups: list[list[Row]] = []
    found = (rows[item.id] for item in best)
    for row in sorted(found, key=lambda row: (row.file.path, row.chunk.symbol, row.chunk.start_line, row.id)):
        if groups and _continues(groups[-1], row):
            groups[-1].append(row)
        else:
            groups.append([row])
    ordered = sorted(((min(place[row.id] for row in group), group) for group in groups), key=itemgetter(0))
    return [(best[at], group) for at, group in ordered[:k]]


def _varied(ranked: list[Ranked], rows: dict[int, Row]) -> list[Ranked]:
    """No file fills the first places alone: its fourth chunk waits while others that are half as good have had none."""
    first: list[Ranked] = []
    later: list[Ranked] = []
    per_file: Counter[str] = Counter()
    for item in ranked:
        path = rows[item.id].file.path
        others_qualify = not later or item.score >= later[0].score / 2
        if len(first) < _FIRST and per_file[path] < _PER_FILE and others_qualify:
            first.append(item)
            per_file[path] += 1
        else:
            later.append(item)
    return first + later


def _continues(parts: list[Row], row: Row) -> bool:
    """Whether `row` is the next part of the same definition, and the whole not too long with it."""
    first, last, chunk = parts[0].chunk, parts[-1].chunk, row.chunk
    same = bool(chunk.symbol) and (first.path, first.symbol) == (chunk.path, chunk.symbol)
    return same and chunk.start_line == last.end_line + 1 and chunk.end_line - first.start_line < _MERGED_LINES


def _hit(item: Ranked, parts: list[Row], fresh: bool) -> Hit:
    first, last = parts[0].chunk, parts[-1].chunk
    return Hit(
        chunk_id=item.id,
        path=first.path,
        start_line=first.start_line,
        end_line=last.end_line,
        symbol=first.symbol,
        kind=first.kind,
        language=first.language,
        signature=first.signature,
        doc=first.doc,
        text="\n".join(part.chunk.text for part in parts),
        sha=parts[0].file.sha,
        score=item.score,
        why=item.why,
        fresh=fresh,
    )
