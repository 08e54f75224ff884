"""A question as a face asks it, and what is known of its answer while it is made. Knows not how that is done."""

import time
from dataclasses import dataclass, field
from typing import Any

from backend.attached import Attachment
from models.types import Usage

NOTHING_USED = Usage(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Question:
    """What a face asks. Empty fields take the session's or the server's choice."""

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


@dataclass(slots=True)
class Draft:
    """What is known of an answer so far; becomes the turn's row and its `end`."""

    model: str = ""
    text: str = ""
    usage: Usage = NOTHING_USED
    promised_s: float | None = None  # what `first_token_s` may be at most, where that was promised
    forecast_s: float | None = None  # what was expected of `ms["prefill"]`, in seconds
    ms: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("queue", "retrieve", "prefill", "generate"), 0.0)
    )

    @property
    def spent_s(self) -> float:
        """Seconds from acceptance until the engine has the prompt."""
        return (self.ms["queue"] + self.ms["retrieve"]) / 1000

    @property
    def first_token_s(self) -> float | None:
        """Seconds from acceptance to the first text."""
        return self.spent_s + self.ms["prefill"] / 1000 if self.text else None

    @property
    def facts(self) -> dict[str, Any]:
        usage = {"prompt": self.usage.prompt, "cached": self.usage.cached, "completion": self.usage.completion}
        return {"model": self.model, "usage": usage, "ms": {stage: round(ms, 1) for stage, ms in self.ms.items()}}


def ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
