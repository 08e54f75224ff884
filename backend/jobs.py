"""Index jobs: one at a time, followed by id, cancelled when the server leaves. What was written stays."""

import asyncio
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.conversations import new_id
from backend.errors import Refusal, translate
from backend.retrieval import Retrieval
from indexer.refresh import refresh
from indexer.store import Store
from indexer.types import IndexReport, Progress

log = logging.getLogger(__name__)

NOT_STARTED = Progress("scanning", 0, 0, 0, 0.0, None)
KEPT = 100  # finished jobs that can still be asked for


@dataclass(slots=True)
class Job:
    """One refresh of one codebase."""

    id: str
    codebase: str
    root: Path
    state: str = "queued"  # queued, running, done, failed, cancelled
    progress: Progress = NOT_STARTED
    report: IndexReport | None = None
    error: Refusal | None = None
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

    def __init__(self, retrieval: Retrieval) -> None:
        self._retrieval = retrieval
        self._jobs: dict[str, Job] = {}
        self._one = asyncio.Lock()
        self._leaving = threading.Event()

    async def start(self, path: str) -> Job:
        """A job for the codebase at `path`; the one that is already under way for it, if there is one."""
        store = await asyncio.to_thread(self._retrieval.store, path)
        for job in self._jobs.values():
            if job.codebase == store.id and job.state in ("queued", "running"):
                return job
        job = Job(new_id(), store.id, store.root)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(job, store), name=f"index {store.root}")
        self._forget_old()
        return job

    async def wait(self, job: Job) -> None:
        """Returns when the job has ended; raises what it failed with."""
        if job.task is not None:
            await asyncio.shield(job.task)
        if job.error is not None:
            raise job.error

    def get(self, id_: str) -> Job:
        if id_ not in self._jobs:
            raise Refusal("not_found", f"no index job {id_}")
        return self._jobs[id_]

    def is_busy(self, codebase: str) -> bool:
        """Whether a job for this codebase runs or waits."""
        return any(job.codebase == codebase and job.state in ("queued", "running") for job in self._jobs.values())

    async def close(self) -> None:
        """Stops at the next file; the index keeps what was written and the next run goes on from there."""
        self._leaving.set()
        await asyncio.gather(*(job.task for job in self._jobs.values() if job.task), return_exceptions=True)

    async def _run(self, job: Job, store: Store) -> None:
        def progressed(progress: Progress) -> None:
            job.progress = progress

        def work() -> IndexReport:
            return refresh(store, self._retrieval.embedder(), on_progress=progressed, cancelled=self._leaving.is_set)

        async with self._one:
            job.state = "running"
            try:
                job.report = await asyncio.to_thread(work)
                job.state = "done"
            except Exception as failure:  # the edge of the job
                job.error = translate(failure)
                if job.error is None:
                    log.exception("indexing %s failed", job.root)
                    job.error = Refusal("internal", "an unexpected error; the server's log has the details")
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
        "embedded": report.embedded,
        "seconds": round(report.seconds, 2),
        "generation": report.generation,
        "skipped": reasons,
    }
