"""Brings the index of one codebase up to date. Reads only files that changed.

One job at a time per codebase. What a job wrote is searchable at once, and is not done again after an interruption.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from indexer.embedding.base import Embedder
from indexer.errors import CodebaseEmpty, CodebaseUnreadable, NoWorker, WorkerDied
from indexer.files.git_history import changed_paths, head
from indexer.files.ignore import can_list_alone
from indexer.files.scan import COSTLY, UNSTORABLE, Candidate, walk
from indexer.files.secrets.masking import MASKING
from indexer.parsing.chunking import CHUNKER
from indexer.storage.freshness import is_unchanged
from indexer.storage.rows import PreparedFile
from indexer.storage.snapshot import IndexedFile
from indexer.storage.store import Store
from indexer.types import IndexReport, Masked, OnProgress, Progress, Skip
from indexer.update.prepare import Preparer, Task, prepare_files
from indexer.workers.pool import HERE, Runner

log = logging.getLogger(__name__)

_BATCH_CHUNKS = 500  # written in one transaction
_BATCH_S = 1.0  # how long a prepared file waits to be written, and so to be found
# In a long job batches grow with the time spent, in units of this: fewer batches cost SQLite fewer merges.
_GROW_S = 20.0
_MAX_GROWTH = 8  # factor
_ESTIMATED_FROM = 0.03  # of the bytes; before, the start of the workers would count as their speed
_SCAN_CPU_S = 300.0  # for listing all files, and for reading the history; a million files take about 30 s
_RELATED_FILES = 30  # a commit that changed more files does not relate any two of them


def refresh(
    store: Store,
    embedder: Embedder,
    *,
    on_progress: OnProgress = lambda progress: None,
    runner: Runner = HERE,
    only: Collection[str] | None = None,
    patience_s: float = 0.0,
) -> IndexReport:
    """One run over the codebase; afterwards the index equals a fresh build.

    `only`: nothing but these files, and files below these folders, can have changed. Other files are not looked at,
    unless one of these paths affects others, as an ignore file does. `patience_s`: how long to wait for another job.
    `runner`: where files are read and parsed, until it is cancelled. This process only writes the index.

    Raises CodebaseUnreadable, CodebaseEmpty (nothing to index, with the reasons counted), IndexCancelled,
    NoWorker and IndexStorage (another job runs, disk full, ...).
    """
    with store.indexing(patience_s):
        with store.read() as snapshot:
            is_new = not snapshot.counts()[0]
        if only is not None and (is_new or not runner(can_list_alone, store.root, tuple(only), seconds=_SCAN_CPU_S)):
            only = None
        job = _Job(store, embedder, on_progress, runner, only)
        try:
            job.run()
        finally:
            store.finish(job.skips, done=job.done, only=only)
        return job.report()


def recipe_of(embedder: Embedder) -> str:
    """What an indexed file depends on beside its bytes. A file with another recipe is indexed again."""
    return f"chunks {CHUNKER}, masking {MASKING}, {embedder.model_id}"


def lacks_vectors(store: Store, embedder: Embedder) -> bool:
    """Whether files were indexed with another embedder: a search finds these by words and names only.

    Raises NotIndexed, IndexDamaged, IndexStorage.
    """
    with store.read() as snapshot:
        return any(not recipe.endswith(f", {embedder.model_id}") for recipe in snapshot.recipes())


def _scan(root: Path, only: Collection[str] | None) -> list[Candidate | Skip]:
    return list(walk(root, only=only))


def _is_current(indexed: IndexedFile | None, candidate: Candidate, recipe: str) -> bool:
    if indexed is None or indexed.recipe != recipe:
        return False
    return is_unchanged(indexed, candidate.size, candidate.mtime_ns, candidate.ctime_ns)


@dataclass(slots=True)
class _Job:
    """One refresh and its progress."""

    store: Store
    embedder: Embedder
    on_progress: OnProgress
    runner: Runner
    only: Collection[str] | None
    started: float = field(default_factory=time.monotonic)
    skips: list[Skip] = field(default_factory=list)
    masked: list[Masked] = field(default_factory=list)
    done: bool = False
    total: int = 0
    finished: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    changed: int = 0
    removed: int = 0
    chunks: int = 0
    indexing_started: float = 0.0

    def run(self) -> None:
        self._report_progress("scanning")
        candidates: list[Candidate] = []
        for found in self._scanned():
            if isinstance(found, Skip):
                self.skips.append(found)
            else:
                candidates.append(found)
        with self.store.read() as snapshot:
            indexed = snapshot.files(self.only)
        deleted = sorted(indexed.keys() - {candidate.path for candidate in candidates})
        self.store.remove(deleted)
        self.removed = len(deleted)
        self._index(candidates, indexed)
        self._refuse_empty()
        if self.only is None:
            self._update_history()
        self.done = True
        self._report_progress("done")

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
            masked=tuple(self.masked),
        )

    def _index(self, candidates: list[Candidate], indexed: dict[str, IndexedFile]) -> None:
        recipe = recipe_of(self.embedder)
        tasks = self._tasks(candidates, indexed, recipe)
        self.total, self.finished = len(candidates), len(candidates) - len(tasks)
        self.bytes_total = sum(task.candidate.size for task in tasks)
        self.indexing_started = flushed = time.monotonic()
        self._report_progress("indexing")
        batch: list[PreparedFile] = []
        costly: list[Skip] = []
        touched: list[IndexedFile] = []
        dropped: list[str] = []
        with closing(prepare_files(Preparer(self.store.root, self.embedder, recipe), tasks, self.runner)) as outcomes:
            for task, outcome in outcomes:
                self.runner.check()
                self.finished += 1
                self.bytes_done += task.candidate.size
                if isinstance(outcome, Skip):
                    self.skips.append(outcome)
                    costly += [outcome] if outcome.reason == COSTLY else []
                    dropped += [outcome.path] if task.indexed else []
                elif isinstance(outcome, IndexedFile):
                    touched.append(outcome)
                else:
                    batch.append(outcome)
                now = time.monotonic()
                growth = min(max(1.0, (now - self.indexing_started) / _GROW_S), _MAX_GROWTH)
                chunks = sum(len(file.chunks) for file in batch)
                if costly or now - flushed > growth * _BATCH_S or chunks >= growth * _BATCH_CHUNKS:
                    self._flush(batch, costly)
                    flushed = time.monotonic()
        self._flush(batch, costly)
        self.store.touch(touched)
        self.store.remove(dropped)
        self.removed += len(dropped)

    def _tasks(self, candidates: list[Candidate], indexed: dict[str, IndexedFile], recipe: str) -> list[Task]:
        """The files that have changed. One that was too costly the last time is skipped until it changes."""
        with self.store.read() as snapshot:
            costly = {(skip.path, skip.version): skip for skip in snapshot.skips() if skip.reason == COSTLY}
        changed = [c for c in candidates if not _is_current(indexed.get(c.path), c, recipe)]
        tasks = [Task(candidate, indexed.get(candidate.path)) for candidate in changed]
        skips = [costly.get((task.candidate.path, task.version(recipe))) for task in tasks]
        self.skips += filter(None, skips)
        return [task for task, skip in zip(tasks, skips, strict=True) if skip is None]

    def _flush(self, batch: list[PreparedFile], costly: list[Skip]) -> None:
        """Writes what was prepared, and what must not be tried again even if the job does not end."""
        if batch or costly:
            refused = set(self.store.write(batch, costly))
            stored = [file for file in batch if file.file.path not in refused]
            self.skips += [Skip(path, UNSTORABLE) for path in sorted(refused)]
            self.masked += [Masked(file.file.path, file.masked) for file in stored if file.masked]
            self.changed += len(stored)
            self.chunks += sum(len(file.chunks) for file in stored)
            batch.clear()
            costly.clear()
            self._report_progress("indexing")

    def _update_history(self) -> None:
        """Stores which files the commits changed, if there are new commits and git answers."""
        self.runner.check()
        with self.store.read() as snapshot:
            stored = str(snapshot.meta().get("head", ""))
        current = stored
        try:
            current = self.runner(head, self.store.root, seconds=_SCAN_CPU_S)
            if current == stored:
                return
            history = self.runner(changed_paths, self.store.root, _RELATED_FILES, seconds=_SCAN_CPU_S)
        except NoWorker:
            raise
        except WorkerDied as death:
            log.warning("the history of %s is not read until its next commit: %s", self.store.root, death)
            self.store.set_meta("head", current)
            return
        if history is not None:
            self.store.replace_history(current, history)

    def _scanned(self) -> list[Candidate | Skip]:
        try:
            return self.runner(_scan, self.store.root, self.only, seconds=_SCAN_CPU_S)
        except NoWorker:
            raise
        except WorkerDied as death:
            raise CodebaseUnreadable(
                f"{self.store.root} cannot be listed ({death}): index a folder in it, or look at its ignore files"
            ) from death

    def _refuse_empty(self) -> None:
        with self.store.read() as snapshot:
            chunks = snapshot.chunks
        if not chunks:
            reasons = Counter(skip.reason for skip in self.skips).most_common()
            why = ", ".join(f"{n} {reason}" for reason, n in reasons) or "no files at all"
            raise CodebaseEmpty(f"nothing in {self.store.root} is worth indexing ({why}): choose another folder")

    def _report_progress(self, stage: str) -> None:
        spent = time.monotonic() - self.indexing_started if self.indexing_started else 0.0
        is_known = self.chunks and self.bytes_done and self.bytes_done >= _ESTIMATED_FROM * self.bytes_total
        eta = spent * (self.bytes_total / self.bytes_done - 1) if is_known else None
        rate = self.changed / spent if spent else 0.0
        self.on_progress(Progress(stage, self.finished, self.total, self.chunks, rate, 0.0 if stage == "done" else eta))
