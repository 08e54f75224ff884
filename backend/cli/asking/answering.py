"""Sends one question and prints its answer while it comes: as Markdown on a terminal, else as the text itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backend.chat.turn_result import TurnResult
from backend.cli import output
from backend.cli.asking.notes import show_progress
from backend.cli.client import Client, command_failed
from backend.cli.errors import CommandFailed
from prompts.visible import visible

if TYPE_CHECKING:
    from backend.cli.asking.markdown import MarkdownStream

END_FIELDS = ("reason", "model", "usage", "ms", "grounding", "notice", "error")
WAITING = ("indexing", "queued", "loading", "prefill")  # stages of a turn in which no text comes
OnEvent = Callable[[dict[str, Any]], None]


class Interrupted(Exception):
    """The user stopped the answer. The server was told; what had come is printed."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("interrupted")
        self.answer = answer


class PrintedAnswer:
    """The text of an answer on stdout."""

    def __init__(self) -> None:
        self._markdown = _markdown() if output.has_styles() else None
        self._is_generated = False

    def add(self, text: str) -> None:
        if self._markdown is None:
            output.text(text, end="")
        else:
            output.styled(self._markdown.feed(visible(text)))

    def note_stage(self, stage: str) -> None:
        """Makes room for progress after a first part that needed no model: the rest may take seconds to come."""
        self._is_generated = self._is_generated or stage == "generating"
        if self._markdown is not None and stage in WAITING and not self._is_generated:
            output.styled(self._markdown.pause())

    def end(self) -> None:
        """Ends a whole answer."""
        if self._markdown is None:
            output.text("")  # always, so that a pipe gets the answer and one line feed
        else:
            self.break_off()

    def break_off(self) -> None:
        """Ends the last line of what came."""
        if self._markdown is not None:
            output.styled(self._markdown.finish())
        output.end_line()


def stream_answer(client: Client, body: dict[str, Any], prints_text: bool, on_event: OnEvent) -> dict[str, Any]:
    """The whole answer, with the fields of `--json`. Raises `CommandFailed` if it did not finish, and `Interrupted`."""
    result = TurnResult()
    output.begin_answer()
    text: PrintedAnswer | None = None
    try:
        for event in client.events(body):
            if text is None and prints_text:
                text = PrintedAnswer()  # rich is loaded while the server works
            on_event(event)
            if text is not None and event["type"] == "status":
                text.note_stage(event["stage"])
            show_progress(event)
            result.add(event)
            if event["type"] == "delta" and text is not None:
                text.add(event["text"])
    except (KeyboardInterrupt, CommandFailed) as stopped:
        output.progress("")
        if text is not None:
            text.break_off()
        if isinstance(stopped, CommandFailed):
            raise
        if result.session_id:
            client.call("POST", "/chat/cancel", {"session_id": result.session_id, "turn_id": result.turn_id})
        raise Interrupted(as_answer(result)) from None
    output.progress("")
    if text is not None:
        text.end()
    if error := result.end.get("error"):
        raise command_failed(error)
    return as_answer(result)


def as_answer(result: TurnResult) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "response": result.response,
        "sources": result.sources,
        "citations": result.citations,
        "end": {name: result.end.get(name) for name in END_FIELDS} if result.end else {},
        "session_id": result.session_id,
        "turn_id": result.turn_id,
        "conversation_id": result.conversation_id,
        "model_name": result.end.get("model", ""),
    }


def _markdown() -> "MarkdownStream":
    from backend.cli.asking.markdown import MarkdownStream  # loads rich, which a pipe does not need

    return MarkdownStream(output.width, "\u2022" if output.is_unicode() else "-")
