"""Turns: accepted once, queued, run one at a time per conversation, cancelled, and ended exactly once.

Does not know how an answer is generated; that is in `rag`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy.orm import Session

from backend.chat.answer import AnswerState
from backend.chat.question import Question
from backend.chat.rag import Rag
from backend.config import Settings
from backend.db import conversations
from backend.db.database import Database
from backend.db.events import Event, EventLog
from backend.db.tables import ContextRow, TurnRow
from backend.engines.pool import EnginePool
from backend.errors import ApiError, to_api_error, translate
from backend.indexing.attachments import masked_context
from backend.metrics import Metrics
from backend.wording import plural

log = logging.getLogger(__name__)

FINISH_RETRY_S, FINISH_LONGEST_RETRY_S = 0.5, 5.0
TELL_S = 1.0  # an end that cannot be stored for this long is told to the clients without being stored
CLOSE_S = 4.0  # for the ends of turns when the server stops


@dataclass(frozen=True, slots=True)
class Accepted:
    turn_id: str
    conversation: str
    position: int  # number of turns that run or wait before it


@dataclass(slots=True)
class _Running:
    question: Question
    conversation: str
    accepted_at: float
    cancelled: bool = False
    cancel_notice: str = ""  # of a cancel that no client requested
    answer_task: asyncio.Task[str] | None = None
    turn_task: asyncio.Task[None] | None = None  # the answer and the storing of its end


class Turns:
    """Accepts questions and runs each to its one end."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        rag: Rag,
        engines: EnginePool,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._database, self._log, self._rag, self._engines, self._metrics = database, log, rag, engines, metrics
        self._queue_limit, self._grace_s = settings.queue_limit, settings.grace_ms / 1000
        self._turn_s = settings.turn_s  # from acceptance; 0: no limit
        self._running: dict[tuple[str, str], _Running] = {}
        self._conversation_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by conversation
        self._graces: dict[str, asyncio.Task[None]] = {}  # by session that nobody watches
        # Questions in the queue that have no row yet, and whether they have been stopped.
        self._accepting: dict[tuple[str, str], bool] = {}
        self._accept_tasks: set[asyncio.Task[Accepted]] = set()
        self._late_ends: set[asyncio.Task[None]] = set()  # ends that could not be stored yet
        self._closing = False
        # Locked from the search for the conversation that a client's history matches until its question is accepted
        # there: two clients that send the same history at once must not both continue that conversation.
        self.history_match_lock = asyncio.Lock()

    async def accept(self, question: Question) -> Accepted:
        """Stores the question and starts its turn. The same turn id again returns the same and starts nothing."""
        # Shielded: a client that disconnects now must not leave a turn that is stored but never run.
        accepting = asyncio.create_task(self._accept(question), name=f"accept {question.turn}")
        self._accept_tasks.add(accepting)
        accepting.add_done_callback(self._accept_tasks.discard)
        return await asyncio.shield(accepting)

    async def _accept(self, question: Question) -> Accepted:
        self._require_open()
        if not question.text.strip():
            raise ApiError("bad_params", "the question is empty")

        def store(db: Session) -> tuple[TurnRow, bool]:
            self._require_open()
            row, new = conversations.accept(
                db, question.session, question.conversation, question.turn, question.text, question.replaces
            )
            if new and context:
                db.add(ContextRow(session_id=row.session_id, turn_id=row.id, items=context))
            return row, new

        existing, model = await self._database.read(lambda db: _accepted_before(db, question))
        if existing is not None:
            return self._accepted(existing)
        if len(self._running) + len(self._accepting) >= self._queue_limit:
            full = plural(len(self._running), "question is running or waiting", "questions are running or waiting")
            raise ApiError("queue_full", full, 1000)
        key = question.session, question.turn
        self._accepting.setdefault(key, False)
        try:
            self._engines.resolve(model)  # refuses an unknown model before anything is stored
            if question.replaces:
                await self.cancel(question.session, question.replaces)
            context = await asyncio.to_thread(masked_context, question.attachments) if question.attachments else []
            open_turns = len(self._running) + len(self._accepting)
            row, new = await self._database.write_reserved(store, open_turns)
        finally:
            is_stopped = self._accepting.pop(key, False)  # missing: the same question was sent twice at once
        if new:
            question = replace(question, model=model, conversation=row.conversation_id)
            self._start(_Running(question, row.conversation_id, time.perf_counter(), is_stopped), row)
        return self._accepted(row)

    def _start(self, running: _Running, row: TurnRow) -> None:
        self._running[row.session_id, row.id] = running
        running.turn_task = asyncio.create_task(self._run_turn(running, row), name=f"turn {row.id}")
        self._log.notify(row.session_id)
        self._start_grace_timer(row.session_id)

    def _require_open(self) -> None:
        if self._closing:
            raise ApiError("interrupted", "the server is closing: ask again when it has started")

    def _accepted(self, row: TurnRow) -> Accepted:
        before = list(self._running)
        key = (row.session_id, row.id)
        return Accepted(row.id, row.conversation_id, before.index(key) if key in self._running else 0)

    def stop(self, session: str, turn: str | None = None, conversation: str | None = None) -> list[asyncio.Task[None]]:
        """Stops the session's turns, or one of them; returns the tasks that end when their ends are stored."""
        for owner, id_ in self._accepting:
            if owner == session and turn in (None, id_) and conversation is None:
                self._accepting[owner, id_] = True
        stopping = [
            running
            for (owner, id_), running in self._running.items()
            if owner == session and turn in (None, id_) and conversation in (None, running.conversation)
        ]
        for running in stopping:
            self._stop(running)
        return [running.turn_task for running in stopping if running.turn_task]

    async def cancel(self, session: str, turn: str | None = None, conversation: str | None = None) -> None:
        """`stop`, then waits until the ends are stored."""
        if ending := self.stop(session, turn, conversation):
            await asyncio.wait(ending)  # unlike gather, it does not cancel them when the caller is cancelled

    async def watch(self, session: str, after: int) -> AsyncGenerator[Event]:
        """Follows the session's log. When the last watcher leaves, the grace period of its turns starts."""
        if session in self._graces:
            self._graces.pop(session).cancel()
        try:
            async with aclosing(self._log.follow(session, after)) as log:
                async for event in log:
                    yield event
        finally:
            self._start_grace_timer(session)

    def _start_grace_timer(self, session: str) -> None:
        """Starts the grace period of a session with running turns and no watcher."""
        unwatched = not self._log.followers(session) and any(owner == session for owner, _ in self._running)
        if unwatched and not self._closing and session not in self._graces:
            self._graces[session] = asyncio.create_task(self._grace(session))

    async def _grace(self, session: str) -> None:
        await asyncio.sleep(self._grace_s)
        del self._graces[session]
        self.stop(session)

    async def close(self) -> None:
        """Ends every turn as interrupted and refuses new ones; partial answers stay stored."""
        self._closing = True
        self._database.hurry()
        for timer in self._graces.values():
            timer.cancel()
        for key in self._accepting:
            self._accepting[key] = True
        for running in self._running.values():
            self._stop(running)
        latest = time.monotonic() + CLOSE_S
        if self._accept_tasks:
            await asyncio.wait(self._accept_tasks, timeout=CLOSE_S)
        if ending := [running.turn_task for running in self._running.values() if running.turn_task]:
            await asyncio.wait(ending, timeout=max(0, latest - time.monotonic()))
        for late in self._late_ends:
            late.cancel()
        self._log.close()

    @property
    def load(self) -> int:
        return len(self._running)

    def _stop(self, running: _Running, notice: str = "") -> None:
        running.cancelled, running.cancel_notice = True, running.cancel_notice or notice
        if running.answer_task is not None:
            running.answer_task.cancel()

    async def _run_turn(self, running: _Running, row: TurnRow) -> None:
        """Runs a turn and writes its one end, whatever happens."""
        async with AsyncExitStack() as stack:
            reason, error, state = await self._outcome(running, row, stack)
            self._log.forget_status(row.session_id, row.id)
            try:
                await self._finish(row, reason, state, error)
            finally:
                del self._running[row.session_id, row.id]
                self._metrics.record_turn(reason, state.figures)
                self._log.notify(row.session_id)

    async def _outcome(
        self, running: _Running, row: TurnRow, stack: AsyncExitStack
    ) -> tuple[str, ApiError | None, AnswerState]:
        """The reason of the end, its error if it is one, and the answer as far as it came."""
        state = AnswerState(running.accepted_at)
        if self._turn_s:
            late = f"The answer was cut short: it took longer than {self._turn_s:g} s (TURN_S)."
            stack.callback(asyncio.get_running_loop().call_later(self._turn_s, self._stop, running, late).cancel)
        try:
            running.answer_task = asyncio.create_task(self._run_serialized(running, row, state, stack))
            if running.cancelled:
                running.answer_task.cancel()
            return await running.answer_task, None, state
        except asyncio.CancelledError:
            state.notice = running.cancel_notice or state.notice
            return ("error", conversations.INTERRUPTED, state) if self._closing else ("cancelled", None, state)
        except Exception as failure:  # noqa: BLE001 - the edge of the job
            return "error", to_api_error(failure, log, f"turn {row.id}"), state

    async def _run_serialized(self, running: _Running, row: TurnRow, state: AnswerState, stack: AsyncExitStack) -> str:
        """Waits for the conversation's earlier turns, whose answers are part of this prompt, and answers."""
        self._log.publish_status(row.session_id, row.id, "queued", done=0, total=len(self._running) - 1)
        await stack.enter_async_context(self._conversation_locks.setdefault(running.conversation, asyncio.Lock()))
        state.record_queue_time()
        return await self._rag.answer(running.question, row, state)

    async def _finish(self, row: TurnRow, reason: str, state: AnswerState, error: ApiError | None) -> None:
        """Stores the end. If that fails, clients are told the end, and it is stored as soon as possible.

        What is still open when the server stops, the next start ends.
        """
        fields = state.end_fields | ({"error": error.body} if error else {})
        began = time.monotonic()
        while (failure := await self._store_end(row, reason, fields)) is not None:
            if self._closing or time.monotonic() - began >= TELL_S:
                log.error("the end of turn %s could not be stored: %s", row.id, failure.message)
                fields = {"error": failure.body} | fields
                self._log.tell_end(row.session_id, row.id, conversations.end_body("error", fields))
                late = asyncio.create_task(self._store_late(row, fields), name=f"end {row.id}")
                self._late_ends.add(late)
                late.add_done_callback(self._late_ends.discard)
                return
            await asyncio.sleep(FINISH_RETRY_S)

    async def _store_late(self, row: TurnRow, fields: dict[str, Any]) -> None:
        """Stores an end that clients have been told."""
        pause_s = FINISH_RETRY_S
        while await self._store_end(row, "error", fields) is not None:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, FINISH_LONGEST_RETRY_S)
        self._log.forget_end(row.session_id, row.id)
        self._log.notify(row.session_id)

    async def _store_end(self, row: TurnRow, reason: str, fields: dict[str, Any]) -> ApiError | None:
        """None if the end is stored now, else why it is not."""

        def work(db: Session) -> None:
            stored = db.get(TurnRow, (row.session_id, row.id))
            if stored is not None and stored.status == "open":  # else its conversation was cleared meanwhile
                conversations.finish(db, stored, reason, **fields)

        try:
            await self._database.write_end(work)
        except Exception as failure:  # noqa: BLE001 - the edge of the job: whatever it is, the end is told
            return translate(failure) or ApiError("internal", f"the answer could not be stored: {failure}")
        return None


def _accepted_before(db: Session, question: Question) -> tuple[TurnRow | None, str]:
    """The turn if it was accepted before, and the model that is to answer. Raises `ApiError` for a bad `replaces`."""
    existing = db.get(TurnRow, (question.session, question.turn))
    if existing is None and question.replaces:  # checked before that turn is cancelled
        conversations.replaceable(db, question.session, question.conversation, question.replaces)
    if existing is not None or question.model:
        return existing, question.model
    return None, conversations.require_session(db, question.session).model
