"""Searches the indexed codebases: by structure, by content, or both. Knows no prompts and no conversations."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.config import Settings
from backend.errors import ApiError
from backend.indexing.attachments import Attachment, attached_hits, drop_conflicting
from backend.indexing.indexes import Indexes, open_indexes
from indexer.errors import IndexCancelled, WorkerDied
from indexer.files.opening import mode_of
from indexer.navigation.followup import Subject
from indexer.navigation.intent import StructuralQuery, parse_structural_query
from indexer.navigation.structural_answers import StructuralAnswer, answer
from indexer.navigation.working_tree import find_lines
from indexer.parsing.identifiers import split
from indexer.project import answers as project
from indexer.project.answers import ProjectAnswer
from indexer.project.layout import Overview
from indexer.search.searcher import SearchResult
from indexer.storage.codebases import CodebaseInfo
from indexer.storage.store import Store
from indexer.types import Hit, Why
from indexer.update.reindex import reindex_stale

log = logging.getLogger(__name__)
# Characters of a question or a search: a long bug report with its traceback has 20,000. Beyond, the whole of a question
# is no question, and what is not one can be attached.
QUESTION_CHARS = 1 << 15


ExactAnswer = StructuralAnswer | ProjectAnswer

_STRUCTURAL_CPU_S = 3.0  # it takes 0.1 s by its own clock
_ATTACHED_CPU_S = _OVERVIEW_CPU_S = 5.0


@contextmanager
def open_retrieval(settings: Settings) -> Iterator["Retrieval"]:
    """Retrieval without a server: nothing keeps the indexes up to date, so what they lack is logged."""
    indexes = open_indexes(settings)
    try:
        yield Retrieval(indexes, on_use=indexes.warn_if_incomplete)
    finally:
        indexes.workers.close()


class Retrieval:
    """Searches by codebase."""

    def __init__(
        self, indexes: Indexes, on_use: Callable[[Store], None], on_reindex: Callable[[Store], None] = lambda _: None
    ) -> None:
        """Both are called from any thread: `on_use` with every codebase that is opened or searched, `on_reindex` with
        one of which a search has indexed files again.
        """
        self._indexes = indexes
        self._codebases = indexes.codebases
        self._workers = indexes.workers
        self._on_use, self._on_reindex = on_use, on_reindex

    def choose(self, codebase: str | None, workspace: str = "") -> CodebaseInfo | None:
        """The codebase with that id, else the one that contains the workspace; without both, the one indexed last."""
        indexed = self._codebases.all()
        if codebase:
            for info in indexed:
                if info.id == codebase:
                    return info
            raise ApiError("not_found", f"no codebase {codebase}; see GET /codebases")
        if workspace:
            store = self._codebases.find(Path(workspace))
            return next((info for info in indexed if store is not None and info.id == store.id), None)
        return max(indexed, key=lambda info: info.indexed_at, default=None)

    def left_out(self, path: Path) -> Path | None:
        """The repository of a path that an index around it leaves out; None if the path is in an index, or in none."""
        return self._codebases.left_out(path)

    def opened(self, workspace: str) -> None:
        """Reports that a client opened the codebase that contains this path, if there is one."""
        with suppress(OSError, RuntimeError):  # a path that no folder can have
            if store := self._codebases.find(Path(workspace)):
                self._on_use(store)

    def search(
        self,
        codebase: CodebaseInfo,
        questions: Sequence[str],
        k: int,
        *,
        exact: ExactAnswer | None = None,
        paths: Sequence[str] = (),
        joined: bool = False,
    ) -> tuple[SearchResult, int]:
        """At most `k` hits, those of an exact answer first, and the generation of the index.

        `questions`: those of the conversation, oldest first; the last one is searched for.
        Files that changed since they were indexed are indexed again first, as many as the time budget allows; the hits
        of the others are marked as not fresh. A hit whose file is gone from the disk is left out.
        """
        store, searcher = self._codebases.get(codebase.id), self._indexes.searcher(codebase.id)
        is_sure = exact is not None and not (isinstance(exact, ProjectAnswer) and not exact.is_whole)
        first = exact.hits if exact else ()
        if is_sure and len(first) >= k:
            return SearchResult(list(first[:k]), is_answered=True), searcher.generation
        self._on_use(store)
        *history, question = questions
        found = searcher.find(question, history, k, paths, joined)
        stale = list(dict.fromkeys(hit.path for hit in found.hits if not hit.fresh))
        if stale and reindex_stale(store, self._indexes.embedders.static, stale, self._workers.jobs):
            self._on_reindex(store)
            found = searcher.find(question, history, k, paths, joined)
        existing = [hit for hit in found.hits if hit.fresh or mode_of(codebase.root / hit.path)]
        is_answered = is_sure or found.is_answered
        hits = exact_first(first, existing)[:k] if is_answered else existing
        return SearchResult(hits, is_answered), searcher.generation

    def has(self, codebase: CodebaseInfo, words: Sequence[str]) -> bool:
        """Whether each of these words occurs in the index."""
        terms = [terms[0] for word in words if (terms := split(word))]
        with self._codebases.get(codebase.id).read() as snapshot:
            return snapshot.frequency(terms).keys() >= set(terms)

    def structural(self, codebase: CodebaseInfo, question: str, subject: Subject | None = None) -> ExactAnswer | None:
        """The exact answer to a question about structure or about the project, from the files as they are now.

        None for any other question.

        `subject` tells which of several definitions of a name is meant.
        """
        structural = parse_structural_query(question)
        if structural and subject is not None and subject.name == structural.name:
            structural = replace(structural, path=subject.path)
        query = structural or project.parse_project_question(question)
        if query is None:
            return None
        store = self._codebases.get(codebase.id)
        self._on_use(store)
        try:
            return self._workers.questions(_answer, query, store, seconds=_STRUCTURAL_CPU_S)
        except WorkerDied as death:
            log.warning("%s in %s is searched for instead of listed: %s", query, store.root, death)
            return None

    def describe(self, codebase_id: str) -> dict[str, Any]:
        """The answer of `GET /codebases/{id}/overview`: what its own files say, as they are now. Raises `ApiError`."""
        codebase = self.choose(codebase_id)
        assert codebase is not None
        try:
            found = self._workers.questions(_overview, self._codebases.get(codebase.id), seconds=_OVERVIEW_CPU_S)
        except WorkerDied as death:
            raise ApiError("index_unavailable", f"the files of {codebase.root} cannot be read: {death}") from None
        return wire_overview(found)

    def attach(self, attachments: tuple[Attachment, ...], root: Path | None) -> list[Hit]:
        """`attachments.attached_hits`. Raises `ApiError` for a path that cannot be read."""
        if not attachments:
            return []
        try:
            return self._workers.questions(attached_hits, attachments, root, seconds=_ATTACHED_CPU_S)
        except WorkerDied as death:
            raise ApiError("bad_params", f"the context cannot be read: {death}") from None

    def drop_conflicting(
        self, found: Sequence[Hit], attached: Sequence[Hit], attachments: tuple[Attachment, ...], root: Path
    ) -> list[Hit]:
        """`attachments.drop_conflicting`; without the hits in attached files where these cannot be parsed."""
        try:
            return self._workers.questions(
                drop_conflicting, found, attached, attachments, root, seconds=_ATTACHED_CPU_S
            )
        except WorkerDied as death:
            log.warning("the context of a question cannot be parsed: %s", death)
            paths = {hit.path for hit in attached}
            return [hit for hit in found if hit.path not in paths]

    def find_lines(self, root: Path, path: str, lines: Sequence[str], first: int) -> int | None:
        """`working_tree.find_lines`; None where the file cannot be compared."""
        try:
            return self._workers.questions(find_lines, root, path, lines, first, seconds=_ATTACHED_CPU_S)
        except (WorkerDied, IndexCancelled) as failure:
            log.warning("%s cannot be compared with an answer: %s", root / path, failure)
            return None

    def find(self, query: str, codebase: str | None, k: int, paths: Sequence[str]) -> dict[str, Any]:
        """The answer of `POST /search` and the `search` method. Raises `ApiError` if nothing is indexed."""
        started = time.perf_counter()
        chosen = self.choose(codebase)
        if chosen is None:
            raise ApiError("index_unavailable", "nothing is indexed: POST /index, or `lantern index PATH`")
        check_length(query)
        if not query.strip():
            raise ApiError("bad_params", "the query is empty")
        exact = None if paths else self.structural(chosen, query)
        found, generation = self.search(chosen, [query], k, exact=exact, paths=paths, joined=True)
        ms = round((time.perf_counter() - started) * 1000, 1)
        hits = [wire_hit(hit) for hit in found.hits]
        return {"hits": hits, "found": found.is_answered, "generation": generation, "ms": ms}


def _answer(query: StructuralQuery | project.Query, store: Store) -> ExactAnswer | None:
    """Leaves no file open: a worker process that held the database of a deleted codebase would keep its space."""
    try:
        return (
            answer(query, store) if isinstance(query, StructuralQuery) else project.answer_about_project(query, store)
        )
    finally:
        store.close()


def _overview(store: Store) -> Overview:
    """As `_answer`."""
    try:
        return project.overview_of(store)
    finally:
        store.close()


def check_length(question: str, param: str | None = None) -> str:
    """The question. Raises `ApiError` if it is longer than `QUESTION_CHARS`; `param`: the field that it came in."""
    if len(question) > QUESTION_CHARS:
        raise ApiError(
            "context_too_large",
            f"the question has {len(question):,} characters, at most {QUESTION_CHARS:,} are read:"
            " shorten it, or attach the text as context",
            param=param,
        )
    return question


def exact_first(exact: Sequence[Hit], found: Sequence[Hit]) -> list[Hit]:
    """The exact hits, then the found ones that do not lie within an exact one."""
    best = max((hit.score for hit in found), default=0.0)
    inside = [
        hit
        for hit in found
        if any(e.path == hit.path and e.start_line <= hit.start_line <= hit.end_line <= e.end_line for e in exact)
    ]
    return [replace(hit, score=best + 1.0) for hit in exact] + [hit for hit in found if hit not in inside]


def wire_hit(hit: Hit) -> dict[str, Any]:
    """A hit as `POST /search` and the `search` method show it."""
    return {
        "chunk_id": hit.chunk_id,
        "path": hit.path,
        "start_line": hit.start_line,
        "end_line": hit.end_line,
        "symbol": hit.symbol,
        "kind": hit.kind,
        "language": hit.language,
        "score": round(hit.score, 6),
        "why": wire_why(hit.why),
        "fresh": hit.fresh,
        "text": hit.text,
    }


def wire_overview(found: Overview) -> dict[str, Any]:
    """An overview as `GET /codebases/{id}/overview` shows it."""
    return {
        "name": found.name,
        "languages": [{"name": name, "files": count} for name, count in found.languages],
        "facts": [
            {"kind": kind, "name": fact.symbol, "value": fact.text, "path": fact.path, "line": fact.line}
            for kind, fact in found.facts
        ],
    }


def wire_why(why: Why) -> dict[str, float]:
    return {signal: round(value, 4) for signal, value in why._asdict().items()}
