"""`lantern ask`: one question and its answer."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.cli import output
from backend.cli.asking.answering import Interrupted, stream_answer
from backend.cli.asking.notes import answer_notes, first_fence, usage
from backend.cli.client import Client, open_client
from backend.cli.errors import INTERRUPTED, CommandFailed
from backend.cli.settings import command_settings


@dataclass(frozen=True, slots=True)
class AskOptions:
    """The options of `lantern ask`."""

    question: str
    path: Path | None  # None: the codebase of the conversation, or the one that contains the current folder
    model: str
    continued: bool
    conversation: str
    as_json: bool
    as_jsonl: bool
    extract: bool
    usage: bool
    show_context: bool
    dry_run: bool

    @property
    def streams_text(self) -> bool:
        """Whether stdout gets the text of the answer piece by piece."""
        return not (self.as_json or self.as_jsonl or self.extract)


def run_ask(options: AskOptions) -> None:
    """Asks one question."""
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read().decode("utf-8", "replace")
    with open_client(command_settings()) as client:
        body = _body(client, options, piped)
        if options.show_context or options.dry_run:
            _preview(client, body, options)
            if options.dry_run:
                return
        try:
            answer = stream_answer(client, body, options.streams_text, output.as_json if options.as_jsonl else _ignore)
        except Interrupted:
            raise CommandFailed("interrupted", INTERRUPTED) from None
    if options.as_json:
        output.as_json(answer)
    elif options.extract:
        output.text(first_fence(answer["response"]))
    if not (options.as_json or options.as_jsonl):
        answer_notes(answer)
    if options.usage:
        usage(answer["end"])


def _body(client: Client, options: AskOptions, piped: str) -> dict[str, Any]:
    body: dict[str, Any] = {"query": options.question, "model": options.model}
    if options.conversation or options.continued:
        body["conversation_id"] = options.conversation or _last_conversation(client)
    if options.path is not None or "conversation_id" not in body:
        body["codebase"] = client.codebase(options.path or Path())
    if piped.strip():
        body["context"] = [{"path": "stdin", "text": piped}]
    return body


def _last_conversation(client: Client) -> str:
    for session in client.call("GET", "/chat/sessions", limit=100)["sessions"]:
        newest = client.call("GET", f"/chat/session/{session['session_id']}/conversations", limit=1)["conversations"]
        if newest:
            return str(newest[0]["conversation_id"])
    raise CommandFailed("there is no conversation to continue")


def _preview(client: Client, body: dict[str, Any], options: AskOptions) -> None:
    """Prints the code in the prompt, the prompt itself, or both; generates nothing."""
    preview = client.call("POST", "/chat/preview", body)
    if options.show_context:
        for snippet in preview["snippets"]:
            location = f"{snippet['path']}:{snippet['start']}-{snippet['end']}"
            output.note(f"[{snippet['n']}] {location}")
            output.note_text(f"{snippet['text']}\n")
    if options.dry_run:
        output.note(f"{preview['model_name']}: {preview['tokens']} tokens")
        output.text(preview["prompt"])


def _ignore(_: dict[str, Any]) -> None:
    """Most answers are printed as text only."""
