"""Index jobs: one per codebase, two side by side; they are queried and cancelled by id.

A codebase that was indexed or opened is kept up to date from then on: its changes become jobs.
"""

import asyncio
import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from backend.db.conversations import new_id
from backend.errors import ApiError, to_api_error
from backend.indexing.indexes import Indexes
from backend.indexing.watchers import Watchers
from indexer.errors import IndexStorage, NoWorker
from indexer.files.watch import Changes
from indexer.storage.store import Store
from indexer.types import IndexReport, Masked, OnProgress, Progress
from indexer.update.refresh import refresh
from indexer.workers.pool import Runner

log = logging.getLogger(__name__)

NOT_STARTED = Progress("scanning", 0, 0, 0, 0.0, None)
KEPT = 100  # finished jobs that can still be queried
PATIENCE_S = 2.0  # how long to wait for the index lock; a search that reindexes stale files may have it
SIDE_BY_SIDE = 2  # jobs of different codebases that run at the same time
MASKED_PLACES = 20  # places of masked secrets that a report names
PURGE_EVERY_S = 60.0  # for text that was replaced in a file; what was deleted goes at once
RETRY_S = 10.0  # until a change that could not be written is tried again


@dataclass(slots=True)
class Job:
    """One refresh of one codebase."""

    id: str
    codebase: str
    root: Path
    only: Changes = None  # the paths that it looks at; None: all
    follow: bool = False  # keep the codebase up to date afterwards
    state: str = "queued"  # queued, running, done, failed, cancelled
    progress: Progress = NOT_STARTED
    report: IndexReport | None = None
    error: ApiError | None = None
    task: "asyncio.Task[None] | None" = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def wire(self) -> dict[str, Any]:
        """The job as `GET /index/jobs/{id}` shows it."""
        fields: dict[str, Any] = {
            "job_id": self.id,
            "codebase": self.codebase,
            "root": str(self.root),
            "state": self.state,
            "stage": self.progress.stage,
            "done": self.progress.done,
            "total": self.progress.total,
            "chunks": self.progress.chunks,
            "files_per_s": round(self.progress.files_per_s, 1),
            "eta_s": None if self.progress.eta_s is None else round(self.progress.eta_s, 1),
        }
        if self.report is not None:
            fields["report"] = report_wire(self.report)
        if self.error is not None:
            fields["error"] = self.error.body
        return fields


class Jobs:
    """Starts index jobs and remembers them."""

    def __init__(self, indexes: Indexes, watch: bool) -> None:
        """`watch`: follow every codebase that is indexed or opened."""
        self._indexes = indexes
        self._watch = watch
        self._jobs: dict[str, Job] = {}
        self._followed: set[str] = set()  # ids of codebases, once their job is queued
        self._slots = asyncio.Semaphore(SIDE_BY_SIDE)
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by codebase
        self._purges: dict[str, asyncio.Task[None]] = {}  # by codebase; they have not begun
        self._stopping = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._watchers = Watchers(self._on_changes, indexes.workers.jobs)

    async def start(self, path: str, watch: bool | None = None) -> Job:
        """Starts a job for the codebase at `path`, or returns the one that is running.

        `watch`: whether to keep the codebase up to date from then on; None: as the settings say.
        """
        store = await asyncio.to_thread(self._indexes.store, path)
        follow = self._watch if watch is None else watch
        for job in self._jobs.values():
            is_same = (
                job.codebase == store.id and job.state == "running" and not job.cancelled.is_set() and job.only is None
            )
            if is_same and (job.follow or not follow):
                return job
        return self._enqueue(store, None, follow)

    def opened(self, store: Store) -> None:
        """Indexes what has changed in a codebase that is being used, and follows it. From any thread."""
        if store.id in self._followed or self._stopping.is_set():
            return
        if self._watch:
            self._loop.call_soon_threadsafe(self._open, store)
        else:
            self._indexes.warn_if_incomplete(store)

    def watched(self, codebase: str) -> str | None:
        """How changes of this codebase are detected, `events` or `polling`; None if it is not followed."""
        return self._watchers.how(codebase)

    async def unfollow(self, codebase: str) -> None:
        """Stops following a codebase."""
        self._followed.discard(codebase)
        await asyncio.to_thread(self._watchers.unfollow, codebase)

    def all(self, codebase: str) -> list[Job]:
        """The jobs of this codebase that can still be queried, oldest first."""
        return [job for job in self._jobs.values() if job.codebase == codebase]

    async def wait(self, job: Job) -> None:
        """Returns when the job has ended; raises its error if it failed."""
        if job.task is not None:
            await asyncio.wait([job.task])
        if job.error is not None:
            raise job.error

    def get(self, id_: str) -> Job:
        """The job with this id. Raises `ApiError` if there is none."""
        if id_ not in self._jobs:
            raise ApiError("not_found", f"no index job {id_}")
        return self._jobs[id_]

    async def cancel(self, id_: str) -> Job:
        """Cancels a job and returns when it has ended; a job that has ended stays as it is.

        What it wrote stays. Its codebase is not followed any more, for a change would start the same work again.
        Raises `ApiError` if there is no such job.
        """
        job = self.get(id_)
        job.cancelled.set()
        if job.state in ("queued", "running") and job.task is not None:
            if job.state == "queued":
                job.state, job.error = "cancelled", ApiError("cancelled", "the job was cancelled before it began")
                job.task.cancel()
            await self.unfollow(job.codebase)
            await asyncio.wait([job.task])
        return job

    def is_busy(self, codebase: str) -> bool:
        """Whether a job for this codebase is running or queued."""
        return self.unfinished(codebase) is not None

    def unfinished(self, codebase: str) -> Job | None:
        """The job that indexes this codebase now, or will."""
        return next((job for job in self.all(codebase) if job.state in ("queued", "running")), None)

    async def close(self) -> None:
        """Stops at the next file. The index keeps what was written; the next job continues from there."""
        self._stopping.set()
        for purge in self._purges.values():
            purge.cancel()
        await asyncio.to_thread(self._watchers.close)
        await asyncio.gather(*(job.task for job in self._jobs.values() if job.task), return_exceptions=True)

    def _open(self, store: Store) -> None:
        if store.id not in self._followed:
            self._enqueue(store, None, follow=True)

    def _on_changes(self, store: Store, changes: Changes) -> None:
        """Called from the thread of a watcher."""
        self._loop.call_soon_threadsafe(self._enqueue_changes, store, changes)

    def _enqueue_changes(self, store: Store, changes: Changes) -> None:
        if store.id in self._followed and not self._stopping.is_set():
            self._enqueue(store, changes, follow=True)

    def _enqueue(self, store: Store, only: Changes, follow: bool) -> Job:
        """The job that will index these changes. At most one per codebase is queued: further changes join it."""
        if follow:
            self._followed.add(store.id)
        for job in self._jobs.values():
            if job.codebase == store.id and job.state == "queued":
                job.only = None if job.only is None or only is None else job.only | only
                job.follow |= follow
                return job
        job = Job(new_id(), store.id, store.root, only, follow)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(job, store), name=f"index {store.root}")
        self._forget_old()
        return job

    async def _run(self, job: Job, store: Store) -> None:
        def on_progress(progress: Progress) -> None:
            job.progress = progress

        def work() -> IndexReport:
            if job.follow:
                self._watchers.follow(store)  # before the walk, so that no change in between is missed
                if job.cancelled.is_set():  # before it was followed, perhaps
                    self._watchers.unfollow(store.id)
            report = self._refresh(job, store, on_progress, cancelled)
            self._indexes.prepare(store, cancelled)
            return report

        def cancelled() -> bool:
            return job.cancelled.is_set() or self._stopping.is_set()

        async with self._locks[store.id], self._slots:
            job.state = "running"
            try:
                job.report = await asyncio.to_thread(work)
                job.state = "done"
            except Exception as failure:  # noqa: BLE001 - the edge of the job
                if job.follow and isinstance(failure, (IndexStorage, NoWorker)):
                    self._loop.call_later(RETRY_S, self._enqueue_changes, store, job.only)
                job.error = to_api_error(failure, log, f"indexing {job.root}")
                job.state = "cancelled" if job.error.code.name == "cancelled" else "failed"

    def _refresh(self, job: Job, store: Store, on_progress: OnProgress, cancelled: Callable[[], bool]) -> IndexReport:
        """`refresh`; what it deleted is then gone from all bytes, also if it failed."""
        try:
            report = refresh(
                store,
                self._indexes.embedders.static,
                on_progress=on_progress,
                runner=Runner(self._indexes.workers.jobs, cancelled),
                only=job.only,
                patience_s=PATIENCE_S,
            )
        except BaseException:
            store.purge()
            raise
        if not (job.only is None or report.removed) or not store.purge():
            self.purge_soon(store)
        return report

    def purge_soon(self, store: Store) -> None:
        """Once for all that is saved in a minute: an index is written anew for it. From any thread."""
        if not self._stopping.is_set():
            self._loop.call_soon_threadsafe(self._begin_purge, store)

    def _begin_purge(self, store: Store) -> None:
        if store.id not in self._purges and not self._stopping.is_set():
            self._purges[store.id] = asyncio.create_task(self._purge(store), name=f"purge {store.root}")

    async def _purge(self, store: Store) -> None:
        await asyncio.sleep(PURGE_EVERY_S)
        del self._purges[store.id]  # what is saved from here on needs another one
        if not await asyncio.to_thread(store.purge):
            self._begin_purge(store)

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.state not in ("queued", "running")]
        for id_ in ended[:-KEPT]:
            del self._jobs[id_]


def report_wire(report: IndexReport) -> dict[str, Any]:
    """A report as JSON, with the number of skipped files by reason, and where secrets were masked."""
    return {
        "files": report.files,
        "chunks": report.chunks,
        "changed": report.changed,
        "removed": report.removed,
        "seconds": round(report.seconds, 2),
        "generation": report.generation,
        "skipped": dict(Counter(skip.reason for skip in report.skipped)),
        "masked": masked_wire(report.masked),
    }


def masked_wire(files: Sequence[Masked]) -> dict[str, Any]:
    """How many secret values were masked, in how many files, and the first places; never a value."""
    places = (f"{file.path}:{line}" for file in files for line in file.lines)
    values = sum(len(file.lines) for file in files)
    return {"values": values, "files": len(files), "places": list(islice(places, MASKED_PLACES))}
