"""The state of an answer in progress; becomes the turn's row and its `end` event. Does not know what generates it."""

import time
from dataclasses import dataclass, field
from typing import Any

from backend.indexing.attachments import ATTACHED
from backend.indexing.retrieval import wire_why
from backend.metrics import TurnFigures
from models.types import Usage
from prompts.snippets import Snippet

NOTHING_USED = Usage(0, 0, 0)


@dataclass(slots=True)
class AnswerState:
    """An answer in progress."""

    accepted_at: float = field(default_factory=time.perf_counter)
    model: str = ""
    text: str = ""  # as the user sees it
    lead: str = ""  # what precedes the model's own text
    generated: str = ""  # the model's own text
    grounding: float | None = None  # share of the sentences that rest on their sources
    sources: list[dict[str, Any]] | None = None  # as the `sources` event has sent them
    notice: str = ""  # what the user should know, for example that turns were dropped
    index_notice: str = ""  # the same about the index, whichever engine answers
    usage: Usage = NOTHING_USED
    ttft_budget_s: float | None = None  # the limit of `first_token_s` without `index_s`, if there is one
    forecast_s: float | None = None  # the estimate of `reading_s`
    ms: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("queue", "retrieve", "prefill", "generate"), 0.0)
    )

    def add_notice(self, *notices: str) -> None:
        self.notice = " ".join(filter(None, (self.notice, *notices)))

    def record_queue_time(self) -> None:
        """Counts the time since acceptance, less the index and retrieval, as queue time; failed attempts included."""
        self.ms["queue"] = ms_since(self.accepted_at) - self.ms["retrieve"] - 1000 * self.index_s

    def start_over(self) -> None:
        """Drops the timings of an engine that failed, before the next attempt."""
        self.ttft_budget_s = self.forecast_s = None
        self.ms["prefill"] = 0.0
        self.ms.pop("read", None)

    @property
    def index_s(self) -> float:
        """Seconds that the question waited for the first index: no promise counts them."""
        return self.ms.get("index", 0.0) / 1000

    @property
    def spent_s(self) -> float:
        """Seconds from acceptance until the engine has the prompt, without `index_s`."""
        return (self.ms["queue"] + self.ms["retrieve"]) / 1000

    @property
    def first_token_s(self) -> float | None:
        """Seconds from acceptance to the first text of the engine."""
        return self.index_s + self.spent_s + self.reading_s if self.generated else None

    @property
    def reading_s(self) -> float:
        """Seconds from the prompt to the first text of the engine, with or without a lead before it."""
        return (self.ms["prefill"] + self.ms.get("read", 0.0)) / 1000

    @property
    def figures(self) -> TurnFigures:
        return TurnFigures(
            queue_s=self.ms["queue"] / 1000,
            generate_s=self.ms["generate"] / 1000,
            usage=self.usage,
            first_token_s=self.first_token_s,
            reading_s=self.reading_s,
            forecast_s=self.forecast_s,
            ttft_budget_s=None if self.ttft_budget_s is None else self.index_s + self.ttft_budget_s,
            total_s=ms_since(self.accepted_at) / 1000,
        )

    @property
    def end_fields(self) -> dict[str, Any]:
        usage = {"prompt": self.usage.prompt, "cached": self.usage.cached, "completion": self.usage.completion}
        fields: dict[str, Any] = {
            "model": self.model,
            "usage": usage,
            "ms": {stage: round(ms, 1) for stage, ms in self.ms.items()},
        }
        fields |= {"grounding": self.grounding, "spoken": [self.lead, self.generated]}
        notice = " ".join(filter(None, (self.index_notice, self.notice)))
        return fields | ({"notice": notice} if notice else {})


def ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def source_item(snippet: Snippet) -> dict[str, Any]:
    """A snippet as the `sources` event shows it."""
    hit = snippet.hit
    item: dict[str, Any] = {
        "n": snippet.n,
        "path": hit.path,
        "start": hit.start_line,
        "end": hit.end_line,
        "symbol": hit.symbol or None,
    }
    item |= {"sha": hit.sha, "score": round(hit.score, 6), "why": wire_why(hit.why), "fresh": hit.fresh}
    return item | ({"attached": True} if hit.kind == ATTACHED else {})
