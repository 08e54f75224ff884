"""Files on disk -> all that the index stores of them: read, masked, parsed, chunked, split into terms, embedded.

A file that kills the process that prepares it is skipped, and no other file is lost. Knows no database.
"""

import logging
import time
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from indexer.embedding.base import Embedder
from indexer.embedding.int8 import pack
from indexer.embedding.rerank import key_of
from indexer.errors import NoWorker, WorkerDied
from indexer.files.scan import COSTLY, Candidate, read
from indexer.parsing.chunking import chunks_of, embedding_text
from indexer.parsing.definitions import parse
from indexer.parsing.manifests.entries import key_definitions
from indexer.storage.full_text import columns_of, terms_of
from indexer.storage.postings import pack_postings
from indexer.storage.rows import PreparedFile
from indexer.storage.snapshot import IndexedFile
from indexer.types import Skip
from indexer.workers.pool import Runner

log = logging.getLogger(__name__)

AT_ONCE = 2  # files prepared at the same time
# Files that are prepared, or wait for the one before them, while a batch is written: enough work for its time, and no
# more than these bytes unless each is larger.
_QUEUED, _QUEUED_BYTES = 32, 2_000_000
_DEFINITIONS = 40_000  # of one file; a generated one may have 30,000. Each takes 4 kB of memory until it is stored
_CPU_S = 10.0  # for one file; 1 MB of ordinary source takes 2 s

Outcome = PreparedFile | IndexedFile | Skip


@dataclass(frozen=True, slots=True)
class Task:
    """A file to prepare, and its state in the index."""

    candidate: Candidate
    indexed: IndexedFile | None

    def version(self, recipe: str) -> str:
        """Changes when the file may be worth another try."""
        return f"{self.candidate.size} {self.candidate.mtime_ns} {recipe}"


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
        definitions = parse(source.text, source.language) or key_definitions(source.path, source.text)
        if len(definitions) > _DEFINITIONS:
            return Skip(source.path, COSTLY, task.version(self.recipe))
        chunks = chunks_of(source, definitions)
        texts = [embedding_text(chunk) for chunk in chunks]
        terms = [terms_of(c.path, c.symbol, c.signature, c.doc, c.text) for c in chunks]
        return PreparedFile(
            file=file,
            language=source.language,
            chunks=tuple(chunks),
            symbols=tuple(definition.symbol for definition in definitions),
            terms=tuple(map(columns_of, terms)),
            postings=pack_postings(terms),
            model=self.embedder.model_id,
            vectors=tuple(pack(self.embedder.embed_documents(texts))),
            keys=tuple(key_of(text) for text in texts),
            masked=source.masked,
        )


def prepare_files(preparer: Preparer, tasks: Iterable[Task], runner: Runner) -> Generator[tuple[Task, Outcome]]:
    """Each task with its outcome, in order, some prepared ahead. Raises IndexCancelled, NoWorker."""

    def outcome(task: Task) -> Outcome:
        try:
            return runner(preparer, task, seconds=_CPU_S)
        except NoWorker:
            raise
        except WorkerDied as death:
            path = task.candidate.path
            log.warning("%s is left out until it changes: the process that read it was ended, for %s", path, death)
            return Skip(path, COSTLY, task.version(preparer.recipe))

    running: deque[tuple[Task, Future[Outcome]]] = deque()
    size = 0
    threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prepare")
    try:
        for task in tasks:
            running.append((task, threads.submit(outcome, task)))
            size += task.candidate.size
            while len(running) > _QUEUED or (size > _QUEUED_BYTES and len(running) > AT_ONCE):
                first, future = running.popleft()
                size -= first.candidate.size
                yield first, future.result()
        for first, future in running:
            yield first, future.result()
    finally:
        threads.shutdown(cancel_futures=True)
