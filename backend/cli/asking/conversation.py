"""The conversation of a chat: what is sent with each question, and the last answer. Knows no input and no commands."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.cli import output
from backend.cli.asking.answering import Interrupted, stream_answer
from backend.cli.asking.notes import answer_notes
from backend.cli.client import Client


@dataclass(slots=True)
class ChatConversation:
    """One conversation at a time, over a connection that may be replaced."""

    path: Path
    model: str = ""  # "": the server's own
    codebase: str = ""
    root: Path = Path()
    ids: dict[str, str] = field(default_factory=dict)  # session_id and conversation_id, after the first question
    question: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    _client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    def connect(self, client: Client) -> None:
        """Goes on over this connection. Raises `CommandFailed` (3) if the path is in no codebase."""
        self._client = client
        self.codebase = client.codebase(self.path)
        codebases = client.call("GET", "/codebases")["codebases"]
        self.root = next(Path(item["root"]) for item in codebases if item["id"] == self.codebase)

    def ask(self, question: str, replaces: str = "") -> None:
        """Prints the answer. `replaces`: the id of the last turn, if it is asked again. Raises `CommandFailed`."""
        body: dict[str, Any] = {"query": question, "codebase": self.codebase, "model": self.model, **self.ids}
        if replaces:
            body["replaces"] = replaces
        self.question = question
        try:
            self._keep(stream_answer(self.client, body, prints_text=True, on_event=lambda _: None))
        except Interrupted as stopped:
            self._keep(stopped.answer)
            output.note("stopped")
        else:
            answer_notes(self.answer)
        output.gap()

    def start_anew(self) -> None:
        """The next question begins a new conversation."""
        self.ids, self.question, self.answer = {}, "", {}

    def _keep(self, answer: dict[str, Any]) -> None:
        if answer["session_id"]:  # else it was interrupted before the server accepted it
            self.answer = answer
            self.ids = {name: answer[name] for name in ("session_id", "conversation_id")}
