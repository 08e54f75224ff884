"""The configurations that the answers benchmark compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.api.schemas import Query

EXTRACTIVE = "extractive"
MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
BUDGETS = (500, 1000, 2000, 4000)  # tokens of evidence


@dataclass(frozen=True, slots=True)
class Configuration:
    """One row: the engine, its settings, and fields of the request."""

    engine: str
    what: str
    body: Mapping[str, Any] = field(default_factory=dict)  # fields of POST /chat/query
    settings: Mapping[str, Any] = field(default_factory=dict)  # of Lantern
    by_peer: bool = False  # answered by llama-server, from the code that Lantern finds, in a plain prompt

    @property
    def name(self) -> str:
        return f"{self.engine}, {self.what}"

    @property
    def unknown(self) -> str:
        """The fields of the request that this server lacks, so that the row would repeat another one."""
        return ", ".join(field for field in self.body if field not in Query.model_fields)


def budget(tokens: int, engine: str, what: str = "", *, by_peer: bool = False) -> Configuration:
    """About so many tokens of evidence, whatever the time to their first token."""
    settings = {"EVIDENCE_TOKENS": tokens}
    return Configuration(engine, what or f"{tokens:,} tokens of code", {"first_token_s": 0}, settings, by_peer)


def of_model(engine: str) -> Sequence[Configuration]:
    return (
        Configuration(engine, "as it comes"),
        Configuration(engine, "without lead", {"lead": False}),
        *(budget(tokens, engine) for tokens in BUDGETS),
        Configuration(engine, "without code", {"retrieval": "off"}),
        budget(2000, engine, "llama-server, plain prompt", by_peer=True),
    )


EXTRACTIVE_ONLY = (Configuration(EXTRACTIVE, "as it comes"),)
ALL = (*EXTRACTIVE_ONLY, *(row for engine in MODELS for row in of_model(engine)))
