"""The worker processes of this process: what a repository holds is read and parsed there.

Index jobs have processes of their own, so that no question waits for a job.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from indexer.embedding.base import Embedder
from indexer.errors import IndexCancelled, WorkerDied
from indexer.files.languages import LANGUAGES
from indexer.files.secrets.masking import mask
from indexer.workers.pool import Call, WorkerPool, in_process

_QUESTION_WORKERS = 2
_JOB_WORKERS = 2
_LOAD_CPU_S = 30.0
_JOB_NICE = 5  # a question during a job comes first


@dataclass(frozen=True, slots=True)
class Workers:
    """How functions that handle content are called."""

    questions: Call
    jobs: Call
    close: Callable[[], None]


def no_workers() -> Workers:
    """Everything is done in this process, without limits: for tests."""
    return Workers(in_process, in_process, lambda: None)


def start_workers() -> Workers:
    """A process is started when the first call needs it."""
    questions, jobs = WorkerPool(_QUESTION_WORKERS), WorkerPool(_JOB_WORKERS, _JOB_NICE)

    def close() -> None:
        questions.close()
        jobs.close()

    return Workers(questions.run, jobs.run, close)


def warm_up(workers: Workers, embedder: Embedder) -> None:
    """Starts a process of each kind in the background, so that no question waits for its imports."""

    def warm() -> None:
        with suppress(IndexCancelled, WorkerDied):  # Lantern stops already; or the first question tells why
            workers.questions(_load_questions, seconds=_LOAD_CPU_S)
            workers.jobs(_load_jobs, embedder, seconds=_LOAD_CPU_S)

    threading.Thread(target=warm, name="warm-workers", daemon=True).start()


def _load_questions() -> None:
    from indexer.navigation.structural_answers import load

    load(row.name for row in LANGUAGES)


def _load_jobs(_embedder: Embedder) -> None:
    """The embedder is loaded already: it was unpickled."""
    import indexer.update.prepare  # noqa: F401

    mask("")
