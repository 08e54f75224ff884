"""`lantern ask` and `lantern chat`: questions in, streamed answers out."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.cli import output
from backend.cli.client import Client, as_failure, connected
from backend.cli.errors import INTERRUPTED, MODEL_UNAVAILABLE, CommandFailed
from backend.cli.settings import settings

END = ("reason", "model", "usage", "ms", "grounding", "notice", "error")


@dataclass(frozen=True, slots=True)
class Ask:
    """The options of `lantern ask`."""

    question: str
    path: Path | None  # None: the conversation's codebase, or the one around the current folder
    model: str
    continued: bool
    conversation: str
    as_json: bool
    as_jsonl: bool
    extract: bool
    usage: bool
    show_context: bool
    dry_run: bool


def run_ask(ask: Ask) -> None:
    """One question."""
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read().decode("utf-8", "replace")
    with connected(settings()) as client:
        body = _body(client, ask, piped)
        if ask.show_context or ask.dry_run:
            preview = client.call("POST", "/chat/preview", body)
            if ask.show_context:
                for snippet in preview["snippets"]:
                    output.say(
                        f"[{snippet['n']}] {snippet['path']}:{snippet['start']}-{snippet['end']}\n{snippet['text']}\n"
                    )
            if ask.dry_run:
                output.say(f"{preview['model_name']}: {preview['tokens']} tokens")
                print(preview["prompt"])
                return
        told = _stream(client, body, ask)
    if ask.as_json:
        print(json.dumps(told, ensure_ascii=False))
    elif ask.extract:
        print(output.first_fence(told["response"]))
    if not (ask.as_json or ask.as_jsonl):
        output.sources(told["sources"])
        output.citations(told["citations"], told["response"])
        output.notice(told["end"], told["response"])
    if ask.usage:
        output.usage(told["end"])


def run_chat(path: Path, model: str) -> None:
    """Questions until the end of the input; an interrupt stops the answer, not the talk."""
    output.say("Ask about the code; Ctrl-C stops an answer, Ctrl-D ends.")
    with connected(settings()) as client:
        body: dict[str, Any] = {"codebase": client.codebase(path), "model": model}
        while True:
            try:
                question = input("> " if sys.stdin.isatty() else "").strip()
            except EOFError:
                return
            if not question:
                continue
            try:
                told = _stream(client, body | {"query": question})
            except CommandFailed as failure:
                output.say(f"lantern: {failure}")
                if failure.code == MODEL_UNAVAILABLE:
                    raise
                continue
            output.sources(told["sources"])
            output.citations(told["citations"], told["response"])
            output.notice(told["end"], told["response"])
            body |= {"session_id": told["session_id"], "conversation_id": told["conversation_id"]}


def _body(client: Client, ask: Ask, piped: str) -> dict[str, Any]:
    body: dict[str, Any] = {"query": ask.question, "model": ask.model}
    if ask.conversation or ask.continued:
        body["conversation_id"] = ask.conversation or _last_conversation(client)
    if ask.path is not None or "conversation_id" not in body:
        body["codebase"] = client.codebase(ask.path or Path())
    if piped.strip():
        body["context"] = [{"path": "stdin", "text": piped}]
    return body


def _last_conversation(client: Client) -> str:
    for session in client.call("GET", "/chat/sessions", limit=100)["sessions"]:
        used = client.call("GET", f"/chat/session/{session['session_id']}/conversations", limit=1)["conversations"]
        if used:
            return str(used[0]["conversation_id"])
    raise CommandFailed("there is no conversation to go on with")


def _stream(client: Client, body: dict[str, Any], ask: Ask | None = None) -> dict[str, Any]:
    """Prints the answer as it comes; returns all of it. Raises `CommandFailed` if it did not finish."""
    told: dict[str, Any] = {"response": "", "sources": [], "citations": [], "end": {}, "session_id": "", "turn_id": ""}
    quiet = ask is not None and (ask.as_json or ask.as_jsonl or ask.extract)
    try:
        for event in client.events(body):
            if ask is not None and ask.as_jsonl:
                print(json.dumps(event, ensure_ascii=False), flush=True)
            _follow(event, told)
            if event["type"] == "delta" and not quiet:
                print(event["text"], end="", flush=True)
    except KeyboardInterrupt:
        if told["session_id"]:
            client.call("POST", "/chat/cancel", {"session_id": told["session_id"], "turn_id": told["turn_id"]})
        print()
        if ask is not None:
            raise CommandFailed("interrupted", INTERRUPTED) from None
    if not quiet:
        print()
    if error := told["end"].get("error"):
        raise as_failure(error)
    return told


def _follow(event: dict[str, Any], told: dict[str, Any]) -> None:
    match event["type"]:
        case "accepted":
            told |= {"session_id": event["session"], "turn_id": event["turn"], "conversation_id": event["conversation"]}
        case "sources":
            told["sources"] = event["items"]
            output.progress("")
        case "delta":
            if not told["response"]:
                output.progress("")
            told["response"] += event["text"]
        case "cite":
            told["citations"].append({name: event[name] for name in ("n", "start", "end", "status")})
        case "status":
            counts = f" {event['done']}/{event['total']}" if event.get("total") else ""
            left = f", {event['eta_ms'] / 1000:.0f} s left" if "eta_ms" in event else ""
            output.progress(f"{event['stage']}{counts}{left} ...")
        case "end":
            output.progress("")
            told |= {"end": {name: event.get(name) for name in END}}
            told["model_name"] = event["model"]
