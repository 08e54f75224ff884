"""Brings the index of one codebase up to date: only what changed is read, only what is new is embedded.

One job at a time per codebase. What is written is searchable at once and is not done again after an interruption.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.chunk import CHUNKER, chunks_of
from indexer.embed import Embedder
from indexer.errors import CodebaseEmpty, IndexCancelled
from indexer.parse import parse
from indexer.scan import Candidate, read, walk
from indexer.snapshot import KnownFile
from indexer.store import Indexed, Store, vector_sha
from indexer.types import IndexReport, OnProgress, Progress, Skip

_BATCH_CHUNKS = 64  # embedded and written together: about a second of MiniLM on two cores
_BATCH_S = 1.0
_RACY_NS = 2_000_000_000  # a file changed so soon before it was read may have changed again under the same mtime


def refresh(
    store: Store,
    embedder: Embedder,
    *,
    on_progress: OnProgress = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> IndexReport:
    """One run over the codebase; afterwards the index is what a fresh build would be.

    Raises CodebaseUnreadable, CodebaseEmpty (nothing indexable, with the reasons counted), IndexCancelled
    and IndexStorage (another job runs, disk full, ...).
    """
    with store.indexing():
        job = _Job(store, embedder, on_progress, cancelled)
        try:
            job.run()
        finally:
            store.finish(job.skips, done=job.done)
        return job.report()


def recipe_of(embedder: Embedder) -> str:
    """What an indexed file depends on beside its bytes: another recipe re-indexes it."""
    return f"chunks {CHUNKER}, {embedder.model_id}"


def is_unchanged(known: KnownFile, size: int, mtime_ns: int) -> bool:
    """Whether a stat alone proves that the file is still the one that was read."""
    return (known.size, known.mtime_ns) == (size, mtime_ns) and mtime_ns < known.read_ns - _RACY_NS


@dataclass(slots=True)
class _Job:
    store: Store
    embedder: Embedder
    on_progress: OnProgress
    cancelled: Callable[[], bool]
    started: float = field(default_factory=time.monotonic)
    skips: list[Skip] = field(default_factory=list)
    done: bool = False
    total: int = 0
    looked_at: int = 0
    bytes_to_do: int = 0
    bytes_done: int = 0
    changed: int = 0
    removed: int = 0
    embedded: int = 0
    chunks: int = 0
    work_began: float = 0.0

    def run(self) -> None:
        self._tell("scanning")
        candidates: list[Candidate] = []
        for found in walk(self.store.root):
            self._stop_if_cancelled()
            if isinstance(found, Skip):
                self.skips.append(found)
            else:
                candidates.append(found)
        with self.store.read() as snapshot:
            known = snapshot.files()
        gone = sorted(known.keys() - {candidate.path for candidate in candidates})
        self.store.remove(gone)
        self.removed = len(gone)
        self._index(candidates, known)
        self._refuse_empty()
        self.done = True
        self._tell("done")

    def report(self) -> IndexReport:
        with self.store.read() as snapshot:
            files, chunks = snapshot.counts()
            generation = snapshot.version[1]
        return IndexReport(
            files=files,
            chunks=chunks,
            changed=self.changed,
            removed=self.removed,
            embedded=self.embedded,
            seconds=time.monotonic() - self.started,
            generation=generation,
            skipped=tuple(self.skips),
        )

    def _index(self, candidates: list[Candidate], known: dict[str, KnownFile]) -> None:
        recipe = recipe_of(self.embedder)
        work = [c for c in candidates if not self._is_current(known.get(c.path), c, recipe)]
        self.total, self.looked_at = len(candidates), len(candidates) - len(work)
        self.bytes_to_do = sum(candidate.size for candidate in work)
        self.work_began = flushed = time.monotonic()
        self._tell("indexing")
        batch: list[Indexed] = []
        touched: list[tuple[str, int, int, int]] = []
        refused: list[str] = []
        for candidate in work:
            self._stop_if_cancelled()
            now = time.time_ns()
            before = known.get(candidate.path)
            source = read(self.store.root, candidate)
            self.looked_at += 1
            self.bytes_done += candidate.size
            if isinstance(source, Skip):
                self.skips.append(source)
                refused += [source.path] if before else []
            elif before and (before.sha, before.recipe) == (source.sha, recipe):
                touched.append((source.path, source.size, source.mtime_ns, now))
            else:
                definitions = parse(source.text, source.language)
                pieces = chunks_of(source, definitions, self.embedder.count_tokens, self.embedder.max_tokens)
                batch.append(Indexed(source, now, tuple(pieces), tuple(d.symbol for d in definitions)))
            if sum(len(item.pieces) for item in batch) >= _BATCH_CHUNKS or time.monotonic() - flushed > _BATCH_S:
                self._flush(batch, recipe)
                flushed = time.monotonic()
        self._flush(batch, recipe)
        self.store.touch(touched)
        self.store.remove(refused)
        self.removed += len(refused)

    def _is_current(self, known: KnownFile | None, candidate: Candidate, recipe: str) -> bool:
        return known is not None and known.recipe == recipe and is_unchanged(known, candidate.size, candidate.mtime_ns)

    def _flush(self, batch: list[Indexed], recipe: str) -> None:
        if not batch:
            return
        model = self.embedder.model_id
        texts = {vector_sha(model, piece.embedded): piece.embedded for item in batch for piece in item.pieces}
        with self.store.read() as snapshot:
            have = snapshot.known_vectors(list(texts))
        missing = [sha for sha in texts if sha not in have]
        vectors: dict[bytes, NDArray[np.float32]] = {}
        for at in range(0, len(missing), _BATCH_CHUNKS):
            self.store.keep(vectors, model)  # those of the round before: a long file's work is not lost
            self._stop_if_cancelled()
            shas = missing[at : at + _BATCH_CHUNKS]
            vectors = dict(zip(shas, self.embedder.embed_documents([texts[sha] for sha in shas]), strict=True))
            self.embedded += len(shas)
            self._tell("indexing")
        self.store.write(batch, vectors, model, recipe)
        self.changed += len(batch)
        self.chunks += sum(len(item.pieces) for item in batch)
        batch.clear()
        self._tell("indexing")

    def _refuse_empty(self) -> None:
        with self.store.read() as snapshot:
            chunks = snapshot.counts()[1]
        if not chunks:
            reasons = Counter(skip.reason for skip in self.skips).most_common()
            why = ", ".join(f"{n} {reason}" for reason, n in reasons) or "no files at all"
            raise CodebaseEmpty(f"nothing in {self.store.root} is worth indexing ({why}): choose another folder")

    def _stop_if_cancelled(self) -> None:
        if self.cancelled():
            raise IndexCancelled("indexing was stopped: what was written stays, the next run goes on from there")

    def _tell(self, stage: str) -> None:
        spent = time.monotonic() - self.work_began if self.work_began else 0.0
        files = self.changed
        left = self.bytes_to_do - self.bytes_done
        eta = spent * left / self.bytes_done if self.bytes_done and self.chunks else None
        rate = files / spent if spent else 0.0
        self.on_progress(
            Progress(stage, self.looked_at, self.total, self.chunks, rate, 0.0 if stage == "done" else eta)
        )
