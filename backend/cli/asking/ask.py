"""`lantern ask` and `lantern chat`: send a question, print the answer while it is generated."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.chat.turn_result import TurnResult
from backend.cli import output
from backend.cli.client import Client, command_failed, open_client
from backend.cli.errors import INTERRUPTED, MODEL_UNAVAILABLE, CommandFailed
from backend.cli.settings import command_settings

END_FIELDS = ("reason", "model", "usage", "ms", "grounding", "notice", "error")


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
        answer = _stream(client, body, options)
    if options.as_json:
        output.as_json(answer)
    elif options.extract:
        output.text(output.first_fence(answer["response"]))
    if not (options.as_json or options.as_jsonl):
        output.answer_notes(answer)
    if options.usage:
        output.usage(answer["end"])


def run_chat(path: Path, model: str) -> None:
    """Asks until the input ends. An interrupt stops the answer, not the chat."""
    output.note("Ask about the code; Ctrl-C stops an answer, Ctrl-D ends.")
    with open_client(command_settings()) as client:
        body: dict[str, Any] = {"codebase": client.codebase(path), "model": model}
        while True:
            try:
                question = output.ask("> " if sys.stdin.isatty() else "").strip()
            except EOFError:
                return
            if not question:
                continue
            try:
                answer = _stream(client, body | {"query": question})
            except CommandFailed as failure:
                output.error(failure)
                if failure.code == MODEL_UNAVAILABLE:
                    raise
                continue
            output.answer_notes(answer)
            if answer["session_id"]:  # else it was interrupted before the server accepted it
                body |= {"session_id": answer["session_id"], "conversation_id": answer["conversation_id"]}


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


def _stream(client: Client, body: dict[str, Any], options: AskOptions | None = None) -> dict[str, Any]:
    """Prints the answer while it comes and returns all of it. Raises `CommandFailed` if it did not finish."""
    result = TurnResult()
    streams_text = options is None or options.streams_text
    try:
        for event in client.events(body):
            if options is not None and options.as_jsonl:
                output.as_json(event)
            _show_progress(event, is_first_text=not result.has_text)
            result.add(event)
            if event["type"] == "delta" and streams_text:
                output.text(event["text"], end="")
    except KeyboardInterrupt:
        if result.session_id:
            client.call("POST", "/chat/cancel", {"session_id": result.session_id, "turn_id": result.turn_id})
        output.text("")
        if options is not None:
            raise CommandFailed("interrupted", INTERRUPTED) from None
    if streams_text:
        output.text("")
    if error := result.end.get("error"):
        raise command_failed(error)
    return _as_json(result)


def _as_json(result: TurnResult) -> dict[str, Any]:
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


def _show_progress(event: dict[str, Any], is_first_text: bool) -> None:
    """Shows the stage of the turn on the progress line; clears the line when output comes."""
    match event["type"]:
        case "sources" | "end":
            output.progress("")
        case "delta" if is_first_text:
            output.progress("")
        case "status":
            counts = f" {event['done']}/{event['total']}" if event.get("total") else ""
            eta = f", {event['eta_ms'] / 1000:.0f} s left" if "eta_ms" in event else ""
            output.progress(f"{event['stage']}{counts}{eta} ...")
