"""Brings the index of one codebase up to date: only what changed is read.

One job at a time per codebase. What is written is searchable at once and is not done again after an interruption.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field

from indexer.embedding.base import Embedder
from indexer.errors import CodebaseEmpty, IndexCancelled
from indexer.files.git_history import commits, head
from indexer.files.ignore import separate
from indexer.files.scan import CRASHED, Candidate, walk
from indexer.parsing.chunking import CHUNKER
from indexer.storage.freshness import is_unchanged
from indexer.storage.snapshot import IndexedFile
from indexer.storage.store import Indexed, Store
from indexer.types import IndexReport, OnProgress, Progress, Skip
from indexer.update.prepare import Preparer, Task, prepared

_BATCH_CHUNKS = 500  # written together at most
_BATCH_S = 1.0  # how long what is prepared waits to be written, and so to be found
_CALM_S = 20.0  # of a long job: after twice this time batches are twice as large, and so on; fewer are merged less
_LARGEST = 8  # times
_ONE_CHANGE = 30  # files; a commit that changed more says nothing of any two of them


def refresh(
    store: Store,
    embedder: Embedder,
    *,
    on_progress: OnProgress = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
    only: Collection[str] | None = None,
    patience_s: float = 0.0,
) -> IndexReport:
    """One run over the codebase; afterwards the index is what a fresh build would be.

    `only` says that nothing but these files, and what lies below these folders, can have changed: the rest is not
    looked at, unless one of them decides over others. `patience_s` is how long to wait for another job's end.

    Raises CodebaseUnreadable, CodebaseEmpty (nothing indexable, with the reasons counted), IndexCancelled
    and IndexStorage (another job runs, disk full, ...).
    """
    with store.indexing(patience_s):
        with store.read() as snapshot:
            is_new = not snapshot.counts()[0]
        if only is not None and (is_new or not separate(store.root, only)):
            only = None
        job = _Job(store, embedder, on_progress, cancelled, only)
        try:
            job.run()
        finally:
            store.finish(job.skips, done=job.done, only=only)
        return job.report()


def recipe_of(embedder: Embedder) -> str:
    """What an indexed file depends on beside its bytes: another recipe re-indexes it."""
    return f"chunks {CHUNKER}, {embedder.model_id}"


def lacks_vectors(store: Store, embedder: Embedder) -> bool:
    """Whether files were indexed with another embedder: a search of theirs goes by words and names only.

    Raises NotIndexed, IndexDamaged, IndexStorage.
    """
    with store.read() as snapshot:
        return any(not recipe.endswith(f", {embedder.model_id}") for recipe in snapshot.recipes())


def _is_current(known: IndexedFile | None, candidate: Candidate, recipe: str) -> bool:
    return known is not None and known.recipe == recipe and is_unchanged(known, candidate.size, candidate.mtime_ns)


@dataclass(slots=True)
class _Job:
    store: Store
    embedder: Embedder
    on_progress: OnProgress
    cancelled: Callable[[], bool]
    only: Collection[str] | None
    started: float = field(default_factory=time.monotonic)
    skips: list[Skip] = field(default_factory=list)
    done: bool = False
    total: int = 0
    looked_at: int = 0
    bytes_to_do: int = 0
    bytes_done: int = 0
    changed: int = 0
    removed: int = 0
    chunks: int = 0
    work_began: float = 0.0

    def run(self) -> None:
        self._tell("scanning")
        candidates: list[Candidate] = []
        for found in walk(self.store.root, only=self.only):
            self._stop_if_cancelled()
            if isinstance(found, Skip):
                self.skips.append(found)
            else:
                candidates.append(found)
        with self.store.read() as snapshot:
            known = snapshot.files(self.only)
        gone = sorted(known.keys() - {candidate.path for candidate in candidates})
        self.store.remove(gone)
        self.removed = len(gone)
        self._index(candidates, known)
        self._refuse_empty()
        if self.only is None:
            self._remember()
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
            seconds=time.monotonic() - self.started,
            generation=generation,
            skipped=tuple(self.skips),
        )

    def _index(self, candidates: list[Candidate], known: dict[str, IndexedFile]) -> None:
        recipe = recipe_of(self.embedder)
        with self.store.read() as snapshot:
            crashed = {skip.path for skip in snapshot.skips() if skip.reason == CRASHED}
        work = [
            Task(c, known.get(c.path), c.path in crashed)
            for c in candidates
            if not _is_current(known.get(c.path), c, recipe)
        ]
        self.total, self.looked_at = len(candidates), len(candidates) - len(work)
        self.bytes_to_do = sum(task.candidate.size for task in work)
        self.work_began = flushed = time.monotonic()
        self._tell("indexing")
        batch: list[Indexed] = []
        touched: list[IndexedFile] = []
        refused: list[str] = []
        with closing(prepared(Preparer(self.store.root, self.embedder, recipe), work)) as outcomes:
            for task, outcome in outcomes:
                self._stop_if_cancelled()
                self.looked_at += 1
                self.bytes_done += task.candidate.size
                if isinstance(outcome, Skip):
                    self.skips.append(outcome)
                    refused += [outcome.path] if task.known else []
                elif isinstance(outcome, IndexedFile):
                    touched.append(outcome)
                else:
                    batch.append(outcome)
                now = time.monotonic()
                factor = min(max(1.0, (now - self.work_began) / _CALM_S), _LARGEST)
                chunks = sum(len(item.chunks) for item in batch)
                if now - flushed > factor * _BATCH_S or chunks >= factor * _BATCH_CHUNKS:
                    self._flush(batch)
                    flushed = time.monotonic()
        self._flush(batch)
        self.store.touch(touched)
        self.store.remove(refused)
        self.removed += len(refused)

    def _flush(self, batch: list[Indexed]) -> None:
        if batch:
            self.store.write(batch)
            self.changed += len(batch)
            self.chunks += sum(len(item.chunks) for item in batch)
            batch.clear()
            self._tell("indexing")

    def _remember(self) -> None:
        """Takes over what the commits changed, when there are others than before and git can tell."""
        self._stop_if_cancelled()
        now = head(self.store.root)
        with self.store.read() as snapshot:
            known = snapshot.meta().get("head", "")
        told = commits(self.store.root) if now != known else None
        if told is not None:
            self.store.remember(now, [one.paths if len(one.paths) <= _ONE_CHANGE else () for one in told])

    def _refuse_empty(self) -> None:
        with self.store.read() as snapshot:
            chunks = snapshot.chunks
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
