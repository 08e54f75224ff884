"""The events of one turn, folded into its result. Shared by REST, the OpenAI API and the command line.

Knows the fields of events. Imports nothing heavy, because the command line imports it at start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENVELOPE = ("session", "seq", "turn", "type")  # the fields that every event has beside its own


@dataclass(slots=True)
class TurnResult:
    """What the events of a turn add up to so far. A field is empty until its event has come."""

    session_id: str = ""
    conversation_id: str = ""
    turn_id: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)  # the items of the `sources` event
    citations: list[dict[str, Any]] = field(default_factory=list)  # the `cite` events, in order
    end: dict[str, Any] = field(default_factory=dict)  # of `end`: reason, model, usage, ms, grounding, notice, error
    _texts: list[str] = field(default_factory=list)

    @property
    def response(self) -> str:
        """The text of the answer so far."""
        return "".join(self._texts)

    @property
    def has_text(self) -> bool:
        return bool(self._texts)

    def add(self, event: Mapping[str, Any]) -> None:
        """Adds one event, in the form that clients receive (`Event.wire`). A status adds nothing."""
        match event["type"]:
            case "accepted":
                self.session_id, self.turn_id = event["session"], event["turn"]
                self.conversation_id = event["conversation"]
            case "sources":
                self.sources = event["items"]
            case "delta":
                self._texts.append(event["text"])
            case "cite":
                self.citations.append(_body(event))
            case "end":
                self.end = _body(event)


def _body(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ENVELOPE}
