"""The tables of sessions, turns and events. (Not `models`: that means language models here.)

Times are UTC. A turn is one question with its answer. The event log has what every client of a session sees.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, ForeignKeyConstraint, Index, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Instant(TypeDecorator[datetime]):
    """A point in time, stored in UTC. SQLite drops the time zone; this type restores it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, datetime: Instant}  # noqa: RUF012


def now() -> datetime:
    return datetime.now(UTC)


class Meta(Base):
    """Facts about this database: `epoch`, `boot_id`."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class SessionRow(Base):
    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, index=True)
    workspace: Mapped[str] = mapped_column(default="")  # a path, unchanged from the client
    model: Mapped[str] = mapped_column(default="")  # "": the server's model
    head: Mapped[int] = mapped_column(default=0)  # seq of the newest event
    floor: Mapped[int] = mapped_column(default=0)  # events up to this number are deleted


class ConversationRow(Base):
    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    title: Mapped[str] = mapped_column(default="")  # "": the first question


class TurnRow(Base):
    __tablename__ = "turns"
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)  # chosen by the client: the idempotency key
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    ordinal: Mapped[int]  # 1, 2, 3 ... in its conversation
    question: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(default="open", index=True)  # open, stop, length, cancelled, error
    answer: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str] = mapped_column(default="")
    user_message: Mapped[str] = mapped_column(Text, default="")  # the question as it was in the prompt
    # The answer as later prompts have it: the lead, then the model's own text.
    spoken: Mapped[list[Any]] = mapped_column(default=list)
    window_start: Mapped[int] = mapped_column(default=1)  # ordinal of the oldest turn in this turn's prompt
    codebase: Mapped[str] = mapped_column(default="")  # the id of the one that was searched; "": none
    sources: Mapped[list[Any]] = mapped_column(default=list)  # as in the `sources` event
    citations: Mapped[list[Any]] = mapped_column(default=list)  # as in the `cite` events
    grounding: Mapped[float | None]
    notice: Mapped[str] = mapped_column(default="")
    usage: Mapped[dict[str, Any]] = mapped_column(default=dict)
    timings: Mapped[dict[str, Any]] = mapped_column(default=dict)  # ms
    error: Mapped[dict[str, Any]] = mapped_column(default=dict)
    replaced_by: Mapped[str] = mapped_column(default="")  # the turn that was asked instead; it is in the history
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    attached: Mapped["ContextRow | None"] = relationship(viewonly=True)

    @property
    def context(self) -> list[Any]:
        return self.attached.items if self.attached else []

    @property
    def is_read_later(self) -> bool:
        """Whether the prompts of later turns have it."""
        return bool(self.answer and self.user_message)

    __table_args__ = (Index("turns_in_conversation", "conversation_id", "ordinal", unique=True),)


class ContextRow(Base):
    """What was attached to a question, as it was sent; secrets are masked.

    Can be megabytes. It is written once: the end of a turn writes the whole row of the turn anew.
    """

    __tablename__ = "contexts"
    session_id: Mapped[str] = mapped_column(primary_key=True)
    turn_id: Mapped[str] = mapped_column(primary_key=True)
    items: Mapped[list[Any]]

    __table_args__ = (
        ForeignKeyConstraint(["session_id", "turn_id"], ["turns.session_id", "turns.id"], ondelete="CASCADE"),
    )


class EventRow(Base):
    __tablename__ = "events"
    session_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    turn_id: Mapped[str]
    type: Mapped[str]
    body: Mapped[dict[str, Any]]

    __table_args__ = (
        ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        Index("events_of_turn", "session_id", "turn_id"),
    )
