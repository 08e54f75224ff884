"""The event log of a session and those who follow it. Every client is pumped from the log, never from the engine.

An event is committed before anyone can see it. A status has no number, is kept only as the newest of its session,
and may be missed. Knows nothing of sockets or of what the events mean.
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

PAGE = 500  # events read at once
REPLAY = 100_000  # most events a client may be behind
TAIL = 64  # of a session's last events, so many are at hand without the database


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log; a status, which is none, has the `seq` 0."""

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
    """Adds the next event to the log, inside the caller's transaction."""
    session.head += 1
    db.add(EventRow(session_id=session.id, seq=session.head, turn_id=turn, type=kind, body=body))
    return Event(session.id, session.head, turn, kind, body)


def page(db: Session, session: str, after: int) -> list[Event]:
    """The next events after number `after`, oldest first. Raises where they are not to be had any more."""
    row = db.get(SessionRow, session)
    if row is None:
        raise ApiError("not_found", f"no session {session}")
    check_replay(row, after)
    rows = db.scalars(
        select(EventRow).where(EventRow.session_id == session, EventRow.seq > after).order_by(EventRow.seq).limit(PAGE)
    )
    return [Event(session, event.seq, event.turn_id, event.type, event.body) for event in rows]


def first_event(db: Session, session: str, turn: str) -> int | None:
    """The number of the first event of a turn that the log still holds."""
    own = (EventRow.session_id == session, EventRow.turn_id == turn)
    return db.scalar(select(func.min(EventRow.seq)).where(*own))


def check_replay(row: SessionRow, after: int) -> None:
    """Raises `replay_gone` unless the log still holds every event after that number."""
    first = max(row.floor, row.head - REPLAY)
    if not first <= after <= row.head:
        raise ApiError("replay_gone", f"events after {after} cannot be replayed; the log holds {first + 1}..{row.head}")


@dataclass(slots=True)
class _Subscription:
    """Who follows one session, its newest status, and what followers need not look up."""

    waiters: set[asyncio.Event] = field(default_factory=set)
    status: Event | None = None
    tail: list[Event] = field(default_factory=list)  # the last events, as far as they came with their ring
    rings: int = 0  # those that came alone

    def behind(self, after: int) -> list[Event]:
        """The events right behind number `after`, as far as they are at hand."""
        later = [event for event in self.tail if event.seq > after]
        return [event for _, event in takewhile(lambda pair: pair[0] == pair[1].seq, enumerate(later, after + 1))]

    def notify(self) -> None:
        for bell in self.waiters:
            bell.set()


class EventLog:
    """Lets any number of clients follow sessions; lives on the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followed: dict[str, _Subscription] = {}

    def notify(self, session: str, grown_by: Sequence[Event] = ()) -> None:
        """Tells followers that the log has changed, and, where it has only grown and the caller has them, by what."""
        if followed := self._followed.get(session):
            followed.tail = [*followed.tail, *grown_by][-TAIL:] if grown_by else []
            followed.rings += not grown_by
            followed.notify()

    def status(self, session: str, turn: str, stage: str, **facts: Any) -> None:
        """Replaces the newest status of the session."""
        if followed := self._followed.get(session):
            body = {"stage": stage, **{name: value for name, value in facts.items() if value is not None}}
            followed.status = Event(session, 0, turn, "status", body)
            followed.notify()

    def forget_status(self, session: str, turn: str) -> None:
        """To be called before the end of a turn is stored: nothing of it may follow its end."""
        followed = self._followed.get(session)
        if followed is not None and followed.status is not None and followed.status.turn == turn:
            followed.status = None

    def followers(self, session: str) -> int:
        return len(self._followed[session].waiters) if session in self._followed else 0

    async def follow(self, session: str, after: int) -> AsyncGenerator[Event]:
        """Events with a number above `after`, then live ones and statuses, for as long as the caller likes."""
        bell = asyncio.Event()
        followed = self._followed.setdefault(session, _Subscription())
        followed.waiters.add(bell)
        seen_status, seen_rings = followed.status, -1  # not yet at the log's end
        try:
            while True:
                bell.clear()
                status, rings = followed.status, followed.rings
                fresh = followed.behind(after) if seen_rings >= 0 else []
                if not fresh and (rings != seen_rings or any(event.seq > after for event in followed.tail)):
                    fresh = await self._database.read(lambda db: page(db, session, after))  # noqa: B023
                    seen_rings = seen_rings if fresh else rings
                for event in fresh:
                    assert event.seq == after + 1, f"gap in the log of {session} after {after}"
                    after = event.seq
                    yield event
                if fresh:
                    continue
                if status is not None and status is not seen_status:
                    seen_status = status
                    yield status
                await bell.wait()
        finally:
            followed.waiters.discard(bell)
            if not followed.waiters:
                self._followed.pop(session, None)
