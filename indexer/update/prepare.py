"""Files on disk -> all that the index stores of them: read, masked, parsed, chunked, split into terms, embedded.

Much work is done in worker processes. A file that crashes its worker is skipped, and no other file is lost. If no
process can be started, this one does the work. Knows no database.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path

from indexer.embedding.base import Embedder
from indexer.embedding.int8 import pack
from indexer.embedding.rerank import key_of
from indexer.files.scan import CRASHED, Candidate, read
from indexer.parsing.chunking import chunks_of, embedding_text
from indexer.parsing.definitions import parse
from indexer.storage.full_text import terms_of
from indexer.storage.snapshot import IndexedFile
from indexer.storage.store import PreparedFile
from indexer.types import Skip

log = logging.getLogger(__name__)

_WORKERS = 2
_WORTH_WORKERS = 3_000_000  # bytes: less is done before worker processes have started
_QUEUED = 64  # files handed to the workers at once
_NICE = 5  # a question during the job comes first


Outcome = PreparedFile | IndexedFile | Skip


@dataclass(frozen=True, slots=True)
class Task:
    """A file to prepare, and its state in the index."""

    candidate: Candidate
    indexed: IndexedFile | None
    crashed: bool = False  # it crashed its worker process the last time


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares files, one at a time."""

    root: Path
    embedder: Embedder
    recipe: str

    def __call__(self, task: Task) -> Outcome:
        """An `IndexedFile`, with the current stat, when the bytes are those in the index."""
        now = time.time_ns()
        source = read(self.root, task.candidate)
        if isinstance(source, Skip):
            return source
        file = IndexedFile(source.path, source.sha, source.size, source.mtime_ns, now, self.recipe)
        if task.indexed and (task.indexed.sha, task.indexed.recipe) == (file.sha, file.recipe):
            return file
        definitions = parse(source.text, source.language)
        chunks = chunks_of(source, definitions)
        texts = [embedding_text(chunk) for chunk in chunks]
        return PreparedFile(
            file=file,
            language=source.language,
            chunks=tuple(chunks),
            symbols=tuple(definition.symbol for definition in definitions),
            terms=tuple(terms_of(c.path, c.symbol, c.signature, c.doc, c.text) for c in chunks),
            model=self.embedder.model_id,
            vectors=tuple(pack(self.embedder.embed_documents(texts))),
            keys=tuple(key_of(text) for text in texts),
            masked=source.masked,
        )


class _NoWorkers(BrokenProcessPool):
    """No worker process could be started."""


def prepare_files(preparer: Preparer, tasks: Iterable[Task]) -> Generator[tuple[Task, Outcome]]:
    """Each task with its outcome, in order. Closing the generator ends the workers."""
    tasks = list(tasks)
    if sum(task.candidate.size for task in tasks) < _WORTH_WORKERS:
        for task in tasks:
            yield from _one_by_one(preparer, [task]) if task.crashed else [(task, preparer(task))]
        return
    remaining = deque(tasks)
    while remaining:
        try:
            with closing(_run_in_pool(preparer, remaining, _WORKERS, _QUEUED)) as outcomes:
                for task, outcome in outcomes:
                    remaining.popleft()
                    yield task, outcome
        except _NoWorkers:
            log.warning(
                "worker processes cannot be started, so files are prepared in this one, more slowly (a script that"
                ' indexes, for instance, needs `if __name__ == "__main__":` around its code)'
            )
            yield from ((task, _in_this_process(preparer, task)) for task in remaining)
            return
        except BrokenProcessPool:  # one of the queued files crashed a worker
            yield from _one_by_one(preparer, [remaining.popleft() for _ in range(min(_QUEUED, len(remaining)))])


def _in_this_process(preparer: Preparer, task: Task) -> Outcome:
    return Skip(task.candidate.path, CRASHED) if task.crashed else preparer(task)


def _one_by_one(preparer: Preparer, tasks: list[Task]) -> Generator[tuple[Task, Outcome]]:
    """Each task in a worker of its own."""
    for task in tasks:
        try:
            with closing(_run_in_pool(preparer, [task], 1, 1)) as outcomes:
                yield next(outcomes)
        except BrokenProcessPool:
            yield task, Skip(task.candidate.path, CRASHED)


def _run_in_pool(
    preparer: Preparer, tasks: Iterable[Task], workers: int, queued: int
) -> Generator[tuple[Task, Outcome]]:
    """As `prepare_files`. Raises _NoWorkers before the first outcome, BrokenProcessPool when a worker crashed."""
    pool = _start_pool(preparer, workers)
    running: deque[tuple[Task, Future[Outcome]]] = deque()
    try:
        for task in tuple(tasks):
            running.append((task, pool.submit(_work, task)))
            if len(running) >= queued:
                first, future = running.popleft()
                yield first, future.result()
        for first, future in running:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start_pool(preparer: Preparer, workers: int) -> ProcessPoolExecutor:
    """A pool that has answered once: a new process runs the main file, and an unguarded script would index again."""
    try:
        # Not forked: the caller may hold locks in other threads.
        pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_init_worker, initargs=(preparer,))
        pool.submit(os.getpid).result()
    except (BrokenProcessPool, OSError) as error:
        raise _NoWorkers from error
    return pool


_preparer: Preparer | None = None  # in a worker process, which serves one job


def _init_worker(preparer: Preparer) -> None:
    global _preparer
    os.nice(_NICE)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _preparer = preparer


def _exit_with_parent() -> None:
    """Workers hold both ends of the pipe they read from, so the pipe does not tell them that the parent was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(task: Task) -> Outcome:
    assert _preparer is not None
    return _preparer(task)
