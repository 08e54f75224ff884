"""The event log of a session and its followers. Every client reads from the log, never from the engine.

An event is committed before anyone can see it. A status has no number and may be missed: only the newest of a session
is kept, in memory. Knows no sockets, and not what the events mean.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db.database import Database
from backend.db.tables import EventRow, SessionRow
from backend.errors import ApiError

PAGE = 500  # events per read of the database
REPLAY = 100_000  # a client may be at most this many events behind
TAIL = 64  # last events of a followed session that are kept in memory


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log, or a status; a status has the `seq` 0."""

    session: str
    seq: int
    turn: str
    type: str
    body: dict[str, Any]

    @property
    def wire(self) -> dict[str, Any]:
        """The object a client receives."""
        numbered = {"seq": self.seq} if self.seq else {}
        return {"session": self.session, **numbered, "turn": self.turn, "type": self.type, **self.body}


def append(db: Session, session: SessionRow, turn: str, kind: str, /, **body: Any) -> Event:
    """Appends an event to the log, inside the caller's transaction."""
    session.head += 1
    db.add(EventRow(session_id=session.id, seq=session.head, turn_id=turn, type=kind, body=body))
    return Event(session.id, session.head, turn, kind, body)


def page(db: Session, session: str, after: int) -> list[Event]:
    """The next events after number `after`, oldest first, at most `PAGE`. Raises `ApiError` if they are deleted."""
    row = db.get(SessionRow, session)
    if row is None:
        raise ApiError("not_found", f"no session {session}")
    check_replay(row, after)
    rows = db.scalars(
        select(EventRow).where(EventRow.session_id == session, EventRow.seq > after).order_by(EventRow.seq).limit(PAGE)
    )
    return [Event(session, event.seq, event.turn_id, event.type, event.body) for event in rows]


def first_event(db: Session, session: str, turn: str) -> int | None:
    """The number of the first event of a turn in the log; None if there is none."""
    own = (EventRow.session_id == session, EventRow.turn_id == turn)
    return db.scalar(select(func.min(EventRow.seq)).where(*own))


def check_replay(row: SessionRow, after: int) -> None:
    """Raises `replay_gone` unless the log has every event after that number."""
    first = max(row.floor, row.head - REPLAY)
    if not first <= after <= row.head:
        raise ApiError("replay_gone", f"events after {after} cannot be replayed; the log holds {first + 1}..{row.head}")


@dataclass(slots=True)
class _Subscription:
    """The followers of one session, its newest status, and its last events."""

    waiters: set[asyncio.Event] = field(default_factory=set)
    status: Event | None = None
    tail: list[Event] = field(default_factory=list)  # the last events, if `notify` was given them
    unknown_changes: int = 0  # how often the log changed and `notify` was given no events

    def following(self, after: int) -> list[Event]:
        """The events from number `after` + 1 on, without a gap; [] if the tail does not begin early enough."""
        later = [event for event in self.tail if event.seq > after]
        return [event for _, event in takewhile(lambda pair: pair[0] == pair[1].seq, enumerate(later, after + 1))]

    def wake(self) -> None:
        for waiter in self.waiters:
            waiter.set()


class EventLog:
    """Lets any number of clients follow sessions. Used on the event loop only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followed: dict[str, _Subscription] = {}
        self._is_closed = False
        self._told_ends: dict[str, dict[str, Event]] = {}  # by session and turn: ends that could not be stored

    def close(self) -> None:
        """Ends each `follow` once it has yielded all events. Nothing is added any more."""
        self._is_closed = True
        for subscription in self._followed.values():
            subscription.wake()

    def notify(self, session: str, new_events: Sequence[Event] = ()) -> None:
        """Wakes the followers after a change of the log.

        `new_events`: the new events, if the log has only grown; then nobody reads them from the database.
        """
        if subscription := self._followed.get(session):
            subscription.tail = [*subscription.tail, *new_events][-TAIL:] if new_events else []
            subscription.unknown_changes += not new_events
            subscription.wake()

    def publish_status(self, session: str, turn: str, stage: str, **fields: Any) -> None:
        """Replaces the newest status of the session."""
        if subscription := self._followed.get(session):
            body = {"stage": stage, **{name: value for name, value in fields.items() if value is not None}}
            subscription.status = Event(session, 0, turn, "status", body)
            subscription.wake()

    def forget_status(self, session: str, turn: str) -> None:
        """Drops the status of a turn. Called before the turn's end is stored, so that no status follows the end."""
        subscription = self._followed.get(session)
        if subscription is not None and subscription.status is not None and subscription.status.turn == turn:
            subscription.status = None

    def tell_end(self, session: str, turn: str, body: dict[str, Any]) -> None:
        """Sends an end that could not be stored, without a number, to those who follow the session now or later."""
        self._told_ends.setdefault(session, {})[turn] = Event(session, 0, turn, "end", body)
        if subscription := self._followed.get(session):
            subscription.wake()

    def forget_end(self, session: str, turn: str) -> None:
        """Drops an end of `tell_end`, because it is stored now."""
        ends = self._told_ends.get(session, {})
        ends.pop(turn, None)
        if not ends:
            self._told_ends.pop(session, None)

    def followers(self, session: str) -> int:
        """How many clients follow a session."""
        return len(self._followed[session].waiters) if session in self._followed else 0

    async def follow(self, session: str, after: int) -> AsyncGenerator[Event]:
        """Yields the events with a number above `after`, then new events, statuses and ends that could not be stored.

        Ends when the log is closed.
        """
        waiter = asyncio.Event()
        subscription = self._followed.setdefault(session, _Subscription())
        subscription.waiters.add(waiter)
        seen_status, seen_changes = subscription.status, -1  # -1: not yet at the end of the log
        seen_ends: set[str] = set()  # turns
        try:
            while True:
                waiter.clear()
                status, changes = subscription.status, subscription.unknown_changes
                fresh = subscription.following(after) if seen_changes >= 0 else []
                if not fresh and (changes != seen_changes or any(event.seq > after for event in subscription.tail)):
                    fresh = await self._database.read(lambda db: page(db, session, after))  # noqa: B023
                    seen_changes = seen_changes if fresh else changes
                for event in fresh:
                    assert event.seq == after + 1, f"gap in the log of {session} after {after}"
                    after = event.seq
                    yield event
                if fresh:
                    continue
                for told in list(self._told_ends.get(session, {}).values()):
                    if told.turn not in seen_ends:
                        seen_ends.add(told.turn)
                        yield told
                if status is not None and status is not seen_status:
                    seen_status = status
                    yield status
                if self._is_closed:
                    return
                await waiter.wait()
        finally:
            subscription.waiters.discard(waiter)
            if not subscription.waiters:
                self._followed.pop(session, None)
