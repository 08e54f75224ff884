"""Files on disk -> all that the index keeps of them: read, masked, parsed, cut, split into terms, embedded.

Much work is spread over processes; a file that kills its process costs that file only. Where no process can be started
all is done in this one. Knows no database.
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
from indexer.parsing.chunking import chunks_of, embedded
from indexer.parsing.definitions import parse
from indexer.storage.snapshot import IndexedFile
from indexer.storage.store import Indexed, terms_of
from indexer.types import Skip

log = logging.getLogger(__name__)

_WORKERS = 2
_WORTH_WORKERS = 3_000_000  # bytes: less is done before the processes have started
_AHEAD = 64  # files handed to the workers before their turn
_NICE = 5  # a question that is asked meanwhile comes first


Outcome = Indexed | IndexedFile | Skip


@dataclass(frozen=True, slots=True)
class Task:
    """A file to look at, and what the index knows of it."""

    candidate: Candidate
    known: IndexedFile | None
    crashed: bool = False  # it killed the process that prepared it last


@dataclass(frozen=True, slots=True)
class Preparer:
    """What every file is prepared with."""

    root: Path
    embedder: Embedder
    recipe: str

    def __call__(self, task: Task) -> Outcome:
        """`IndexedFile`, with the stat of now, when its bytes are those that the index knows."""
        now = time.time_ns()
        source = read(self.root, task.candidate)
        if isinstance(source, Skip):
            return source
        file = IndexedFile(source.path, source.sha, source.size, source.mtime_ns, now, self.recipe)
        if task.known and (task.known.sha, task.known.recipe) == (file.sha, file.recipe):
            return file
        definitions = parse(source.text, source.language)
        chunks = chunks_of(source, definitions)
        texts = [embedded(chunk) for chunk in chunks]
        return Indexed(
            file=file,
            language=source.language,
            chunks=tuple(chunks),
            symbols=tuple(definition.symbol for definition in definitions),
            terms=tuple(terms_of(c.path, c.symbol, c.signature, c.doc, c.text) for c in chunks),
            model=self.embedder.model_id,
            vectors=tuple(pack(self.embedder.embed_documents(texts))),
            keys=tuple(key_of(text) for text in texts),
        )


class _NoWorkers(BrokenProcessPool):
    """The workers ended before any of them had a file."""


def prepared(preparer: Preparer, tasks: Iterable[Task]) -> Generator[tuple[Task, Outcome]]:
    """Each task with its outcome, in their order. Closing the generator ends the workers."""
    tasks = list(tasks)
    if sum(task.candidate.size for task in tasks) < _WORTH_WORKERS:
        for task in tasks:
            yield from _one_by_one(preparer, [task]) if task.crashed else [(task, preparer(task))]
        return
    left = deque(tasks)
    while left:
        try:
            with closing(_spread(preparer, left, _WORKERS, _AHEAD)) as outcomes:
                for task, outcome in outcomes:
                    left.popleft()
                    yield task, outcome
        except _NoWorkers:
            log.warning(
                "worker processes cannot be started, so files are prepared in this one, more slowly (a script that"
                ' indexes, for instance, needs `if __name__ == "__main__":` around what it does)'
            )
            yield from ((task, _here(preparer, task)) for task in left)
            return
        except BrokenProcessPool:  # one of the files under way killed it
            yield from _one_by_one(preparer, [left.popleft() for _ in range(min(_AHEAD, len(left)))])


def _here(preparer: Preparer, task: Task) -> Outcome:
    return Skip(task.candidate.path, CRASHED) if task.crashed else preparer(task)


def _one_by_one(preparer: Preparer, tasks: list[Task]) -> Generator[tuple[Task, Outcome]]:
    for task in tasks:
        try:
            with closing(_spread(preparer, [task], 1, 1)) as outcomes:
                yield next(outcomes)
        except BrokenProcessPool:
            yield task, Skip(task.candidate.path, CRASHED)


def _spread(preparer: Preparer, tasks: Iterable[Task], workers: int, ahead: int) -> Generator[tuple[Task, Outcome]]:
    """As `prepared`; raises BrokenProcessPool at the first outcome that a dead worker owes, _NoWorkers before any."""
    pool = _pool(preparer, workers)
    under_way: deque[tuple[Task, Future[Outcome]]] = deque()
    try:
        for task in tuple(tasks):
            under_way.append((task, pool.submit(_work, task)))
            if len(under_way) >= ahead:
                first, future = under_way.popleft()
                yield first, future.result()
        for first, future in under_way:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(preparer: Preparer, workers: int) -> ProcessPoolExecutor:
    """Proven to start: a new process runs the program's main file, and a script without a guard indexes again there."""
    try:
        # Not forked: the caller may hold locks in other threads.
        pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(preparer,))
        pool.submit(os.getpid).result()
    except (BrokenProcessPool, OSError) as error:
        raise _NoWorkers from error
    return pool


_preparer: Preparer | None = None  # of a worker process, which has one job in its life


def _begin(preparer: Preparer) -> None:
    global _preparer
    os.nice(_NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _preparer = preparer


def _end_with_parent() -> None:
    """A parent that was killed cannot say so, and its workers hold both ends of the pipe that they wait at."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(task: Task) -> Outcome:
    assert _preparer is not None
    return _preparer(task)
