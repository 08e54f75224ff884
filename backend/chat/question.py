"""A question as a client asks it. Does not know how it is answered."""

from dataclasses import dataclass

from backend.indexing.attachments import Attachment
from indexer.navigation.followup import Subject


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its options. Empty fields take the session's or the server's value."""

    session: str
    turn: str
    text: str
    conversation: str | None = None
    attachments: tuple[Attachment, ...] = ()
    excluded: tuple[Attachment, ...] = ()  # places without text: found code that overlaps one is left out
    replaces: str | None = None  # the turn, the last one of its conversation, that this one stands for
    retrieval: str = "auto"  # auto, off, only: sources without an answer
    codebase: str | None = None
    model: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    first_token_s: float | None = None
    lead: bool | None = None
    subject: Subject | None = None  # the symbol that its text refers to and names
    is_continuation: bool = False  # it only asks for more of the last answer
