"""Index jobs: one at a time, followed by id, cancelled when the server leaves. What was written stays.

A codebase that was indexed or opened is kept up to date from then on: its changes become jobs of their own.
"""

import asyncio
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.db.conversations import new_id
from backend.errors import ApiError, to_api_error
from backend.indexing.indexes import Indexes
from backend.indexing.watchers import Watchers
from indexer.errors import IndexStorage
from indexer.files.watch import Changes
from indexer.storage.store import Store
from indexer.types import IndexReport, Progress
from indexer.update.refresh import refresh

log = logging.getLogger(__name__)

NOT_STARTED = Progress("scanning", 0, 0, 0, 0.0, None)
KEPT = 100  # finished jobs that can still be asked for
PATIENCE_S = 2.0  # with what holds the index, a question that catches up for instance
RETRY_S = 10.0  # until a change is tried again that could not be written


@dataclass(slots=True)
class Job:
    """One refresh of one codebase."""

    id: str
    codebase: str
    root: Path
    only: Changes = None  # what it looks at; None: everything
    follow: bool = False
    state: str = "queued"  # queued, running, done, failed, cancelled
    progress: Progress = NOT_STARTED
    report: IndexReport | None = None
    error: ApiError | None = None
    task: "asyncio.Task[None] | None" = None

    @property
    def wire(self) -> dict[str, Any]:
        """The job as `GET /index/jobs/{id}` shows it."""
        told: dict[str, Any] = {
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
            told["report"] = report_wire(self.report)
        if self.error is not None:
            told["error"] = self.error.body
        return told


class Jobs:
    """Starts index jobs and remembers them."""

    def __init__(self, indexes: Indexes, watch: bool) -> None:
        """`watch`: follow every codebase that is indexed or opened."""
        self._indexes = indexes
        self._watch = watch
        self._jobs: dict[str, Job] = {}
        self._followed: set[str] = set()  # once their job has begun
        self._one = asyncio.Lock()
        self._leaving = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._watching = Watchers(self._told)

    async def start(self, path: str, watch: bool | None = None) -> Job:
        """A job for the codebase at `path`; the one that is already under way for it, if there is one.

        `watch` follows the codebase from then on, whatever the settings say.
        """
        store = await asyncio.to_thread(self._indexes.store, path)
        follow = self._watch if watch is None else watch
        for job in self._jobs.values():
            under_way = job.codebase == store.id and job.state == "running" and job.only is None
            if under_way and (job.follow or not follow):
                return job
        return self._enqueue(store, None, follow)

    def opened(self, store: Store) -> None:
        """Follows a codebase that is being used, and catches up with what it missed. From any thread."""
        if store.id in self._followed or self._leaving.is_set():
            return
        if self._watch:
            self._loop.call_soon_threadsafe(self._open, store)
        else:
            self._indexes.warn_if_incomplete(store)

    def watched(self, codebase: str) -> str | None:
        """How its changes are found, `events` or `polling`; None when it is not followed."""
        return self._watching.how(codebase)

    async def forget(self, codebase: str) -> None:
        """Follows it no longer."""
        self._followed.discard(codebase)
        await asyncio.to_thread(self._watching.forget, codebase)

    def all(self, codebase: str) -> list[Job]:
        """Jobs of this codebase that can still be asked for, oldest first."""
        return [job for job in self._jobs.values() if job.codebase == codebase]

    async def wait(self, job: Job) -> None:
        """Returns when the job has ended; raises what it failed with."""
        if job.task is not None:
            await asyncio.shield(job.task)
        if job.error is not None:
            raise job.error

    def get(self, id_: str) -> Job:
        if id_ not in self._jobs:
            raise ApiError("not_found", f"no index job {id_}")
        return self._jobs[id_]

    def is_busy(self, codebase: str) -> bool:
        """Whether a job for this codebase runs or waits."""
        return any(job.codebase == codebase and job.state in ("queued", "running") for job in self._jobs.values())

    async def close(self) -> None:
        """Stops at the next file; the index keeps what was written and the next run goes on from there."""
        self._leaving.set()
        await asyncio.to_thread(self._watching.close)
        await asyncio.gather(*(job.task for job in self._jobs.values() if job.task), return_exceptions=True)

    def _open(self, store: Store) -> None:
        if store.id not in self._followed:
            self._enqueue(store, None, follow=True)

    def _told(self, store: Store, changes: Changes) -> None:
        """From the thread that watches."""
        self._loop.call_soon_threadsafe(self._changed, store, changes)

    def _changed(self, store: Store, changes: Changes) -> None:
        if store.id in self._followed and not self._leaving.is_set():
            self._enqueue(store, changes, follow=True)

    def _enqueue(self, store: Store, only: Changes, follow: bool) -> Job:
        """The job that will see these changes. At most one waits per codebase: it takes on what comes."""
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
        def progressed(progress: Progress) -> None:
            job.progress = progress

        def work() -> IndexReport:
            if job.follow:
                self._watching.follow(store)  # before the walk: between the two nothing is missed
            report = refresh(
                store,
                self._indexes.embedders.static,
                on_progress=progressed,
                cancelled=self._leaving.is_set,
                only=job.only,
                patience_s=PATIENCE_S,
            )
            self._indexes.prepare(store, self._leaving.is_set)
            return report

        async with self._one:
            job.state = "running"
            try:
                job.report = await asyncio.to_thread(work)
                job.state = "done"
            except Exception as failure:  # noqa: BLE001 - the edge of the job
                if job.follow and isinstance(failure, IndexStorage):
                    self._loop.call_later(RETRY_S, self._changed, store, job.only)
                job.error = to_api_error(failure, log, f"indexing {job.root}")
                job.state = "cancelled" if job.error.code.name == "cancelled" else "failed"

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.state not in ("queued", "running")]
        for id_ in ended[:-KEPT]:
            del self._jobs[id_]


def report_wire(report: IndexReport) -> dict[str, Any]:
    """A report with its skips counted by reason."""
    reasons: dict[str, int] = {}
    for skip in report.skipped:
        reasons[skip.reason] = reasons.get(skip.reason, 0) + 1
    return {
        "files": report.files,
        "chunks": report.chunks,
        "changed": report.changed,
        "removed": report.removed,
        "seconds": round(report.seconds, 2),
        "generation": report.generation,
        "skipped": reasons,
    }
