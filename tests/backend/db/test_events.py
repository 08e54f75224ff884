"""A follower gets every event of a session once and in order, from `notify` or from the database."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from backend.db import events
from backend.db.conversations import open_session, require_session
from backend.db.database import Database
from backend.db.events import Event, EventLog
from backend.errors import ApiError
from tests.processes import eventually


@dataclass(slots=True)
class Log:
    database: Database
    session: str
    events: EventLog
    pages_read: list[int] = field(default_factory=list)  # after which event numbers

    async def grow(self, count: int) -> list[Event]:
        def work(db: Session) -> list[Event]:
            owner = require_session(db, self.session)
            return [events.append(db, owner, "turn", "delta", text=str(owner.head + 1)) for _ in range(count)]

        return await self.database.write(work)

    async def followed(self, after: int, last: int) -> list[int]:
        """The numbers of the events that a follower gets, up to `last`."""
        seqs = []
        async with aclosing(self.events.follow(self.session, after)) as following:
            async for event in following:
                assert event.body == {"text": str(event.seq)}
                seqs.append(event.seq)
                if event.seq == last:
                    break
        return seqs


@pytest.fixture
async def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Log]:
    database = Database(f"sqlite:///{tmp_path / 'events.db'}")
    database.migrate()
    session = await database.write(lambda db: open_session(db, None, None, None).id)
    made, page = Log(database, session, EventLog(database)), events.page

    def paged(db: Session, session: str, after: int) -> list[Event]:
        made.pages_read.append(after)
        return page(db, session, after)

    monkeypatch.setattr(events, "page", paged)
    yield made
    database.close()


async def test_events_that_notify_was_given_are_not_read_from_the_database(log: Log) -> None:
    following = asyncio.create_task(log.followed(0, 30))
    await eventually(lambda: log.pages_read)
    for _ in range(10):
        log.events.notify(log.session, await log.grow(3))
        await asyncio.sleep(0.01)
    assert await following == list(range(1, 31))
    assert log.pages_read == [0]


async def test_events_that_notify_was_not_given_are_read_from_the_database(log: Log) -> None:
    chance, grown = random.Random(4), 0
    begins = [0, 0, 0]
    following = [asyncio.create_task(log.followed(begin, 300)) for begin in begins]
    while grown < 300:
        new_events = await log.grow(count := min(chance.randint(1, 5), 300 - grown))
        grown += count
        if chance.random() < 0.9 or grown == 300:
            log.events.notify(log.session, new_events if chance.random() < 0.6 else ())
        if chance.random() < 0.1:
            begins.append(chance.randint(0, grown - 1))
            following.append(asyncio.create_task(log.followed(begins[-1], 300)))
        await asyncio.sleep(chance.choice((0, 0.001)))
    assert await asyncio.gather(*following) == [list(range(begin + 1, 301)) for begin in begins]
    assert len(begins) > 5


async def test_a_follower_behind_the_floor_gets_an_error_though_the_events_are_in_memory(log: Log) -> None:
    first = asyncio.create_task(log.followed(0, 5))
    await eventually(lambda: log.pages_read)
    log.events.notify(log.session, await log.grow(4))

    def clear(db: Session) -> None:
        require_session(db, log.session).floor = 3

    await log.database.write(clear)
    with pytest.raises(ApiError, match="cannot be replayed"):
        await log.followed(1, 4)
    log.events.notify(log.session, await log.grow(1))
    assert await first == [1, 2, 3, 4, 5]


async def test_an_end_that_could_not_be_stored_reaches_each_follower_once_after_the_stored_events(log: Log) -> None:
    async def two() -> list[Event]:
        async with aclosing(log.events.follow(log.session, 0)) as following:
            return [await anext(following) for _ in range(3)]

    await log.grow(2)
    early = asyncio.create_task(two())
    await eventually(lambda: log.events.followers(log.session))
    log.events.tell_end(log.session, "turn", {"reason": "error"})
    log.events.notify(log.session)
    for got in (await early, await two()):  # the second follows after the end was told
        assert [(event.seq, event.type) for event in got] == [(1, "delta"), (2, "delta"), (0, "end")]
        assert got[-1].wire == {"session": log.session, "turn": "turn", "type": "end", "reason": "error"}
    log.events.forget_end(log.session, "turn")
    assert await log.followed(0, 2) == [1, 2]
    async with aclosing(log.events.follow(log.session, 2)) as following:
        log.events.publish_status(log.session, "turn", "next")
        waiting = asyncio.create_task(anext(following))
        await eventually(lambda: log.events.followers(log.session))
        log.events.publish_status(log.session, "turn", "next")
        assert (await waiting).type == "status"
