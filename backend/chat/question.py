"""A question as a face asks it. Knows not how it is answered."""

from dataclasses import dataclass

from backend.indexing.attachments import Attachment
from indexer.navigation.followup import Subject


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. Empty fields take the session's or the server's choice."""

    session: str
    turn: str
    text: str
    conversation: str | None = None
    attachments: tuple[Attachment, ...] = ()
    retrieval: str = "auto"  # auto, off, only: sources without an answer
    codebase: str | None = None
    model: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    first_token_s: float | None = None
    lead: bool | None = None  # None: as the server is set
    subject: Subject | None = None  # what its words referred to; `text` names it
    is_continuation: bool = False  # it only wants to hear more of the last answer
