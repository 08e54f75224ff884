"""The commands of a chat: lines that begin with a slash. Each is a call of the server or a look at the last answer."""

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.cli import output
from backend.cli.asking.conversation import ChatConversation
from backend.cli.asking.editor import open_in_editor
from backend.cli.asking.notes import sources
from backend.cli.errors import CommandFailed
from models.gguf.reader import human_bytes

_COMMAND = re.compile(r"/([a-z]+)(?: +(\S.*))?\s*")
READY = ("installed", "loading", "loaded")  # states of a model that can answer


@dataclass(slots=True)
class SlashCommands:
    """What the commands work on."""

    conversation: ChatConversation
    clear_screen: Callable[[], None]
    is_over: bool = False
    _models: list[str] = field(default_factory=list)  # names, for the completion

    def run(self, typed: str) -> bool:
        """Runs the command that was typed; False if it is a question. Raises `CommandFailed`."""
        found = _COMMAND.fullmatch(typed)
        if found is None:
            return False
        entry = TABLE.get(found[1])
        if entry is None:
            raise CommandFailed(f"there is no command /{found[1]}: /help lists them")
        if found[2] and not entry.takes:
            raise CommandFailed(f"/{found[1]} takes no argument")
        entry.run(self, found[2] or "")
        return True

    def candidates(self, typed: str) -> Sequence[str]:
        """What the last word of the text may become."""
        if not typed.startswith("/") or "\n" in typed:
            return ()
        if typed.startswith("/model "):
            if not self._models:
                self._models = [entry["id"] for entry in self._entries() if entry["state"] in READY]
            return self._models
        return () if " " in typed else [f"/{name}" for name in TABLE]

    def _entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.conversation.client.call("GET", "/models")["models"]
        return entries

    def help(self, _: str) -> None:
        for name, entry in TABLE.items():
            output.note(f"  {f'/{name} {entry.takes}'.rstrip():14}{entry.words}")
        output.note("  Enter sends; Alt-Enter, or a backslash at the end, begins a new line. Up and down: the history.")
        output.note("  Ctrl-C stops an answer, Ctrl-D ends the chat.")

    def show_model(self, name: str) -> None:
        """Without a name: which model answers. With one: the next question goes to that model."""
        entries = {entry["id"]: entry for entry in self._entries()}
        if not name:
            current = self.conversation.model or next((id_ for id_, entry in entries.items() if entry["default"]), "")
            state = entries[current]["state"] if current in entries else "not in the catalogue"
            output.note(f"{current or 'no model'} ({state}); /models lists all")
            return
        if name not in entries:
            raise CommandFailed(f"no model is called {name}: /models lists them")
        if entries[name]["state"] not in READY:
            raise CommandFailed(f"{name} is {entries[name]['state']}: run `lantern models pull {name}` first")
        self.conversation.model = name
        load = "" if entries[name]["state"] == "loaded" else ", which is loaded with the next question"
        output.note(f"from now on: {name}{load}")

    def list_models(self, _: str) -> None:
        for entry in self._entries():
            is_current = entry["id"] == self.conversation.model or (not self.conversation.model and entry["default"])
            size = human_bytes(entry["size_bytes"]) if entry["size_bytes"] else ""
            output.note(f"{'*' if is_current else ' '} {entry['id']:24}{entry['state']:11}{size:>9}".rstrip())
            for line in textwrap.wrap(entry.get("expectation", ""), output.width() - 4):
                output.note(f"    {line}")

    def clear(self, _: str) -> None:
        self.clear_screen()

    def start_anew(self, _: str) -> None:
        self.conversation.start_anew()
        output.note("a new conversation begins")

    def list_sources(self, _: str) -> None:
        if not self.conversation.answer:
            raise CommandFailed("nothing was answered yet: ask first")
        items = self.conversation.answer["sources"]
        sources(items)
        if not items:
            output.note("the last answer has no sources")

    def open_source(self, number: str) -> None:
        items = self.conversation.answer.get("sources", [])
        item = next((item for item in items if str(item["n"]) == number.strip("[] ")), None)
        if item is None:
            numbers = ", ".join(str(item["n"]) for item in items) or "none"
            raise CommandFailed(f"the last answer has no source {number or 'without a number'}; it has: {numbers}")
        open_in_editor(_inside(self.conversation.root, item["path"]), item["start"])

    def retry(self, _: str) -> None:
        conversation = self.conversation
        if not conversation.question:
            raise CommandFailed("nothing was asked yet")
        conversation.ask(conversation.question, str(conversation.answer.get("turn_id", "")))

    def quit(self, _: str) -> None:
        self.is_over = True


@dataclass(frozen=True, slots=True)
class _Entry:
    run: Callable[[SlashCommands, str], None]
    words: str
    takes: str = ""  # name of the argument


TABLE = {
    "help": _Entry(SlashCommands.help, "this list"),
    "model": _Entry(SlashCommands.show_model, "the model that answers, or another one from now on", "[NAME]"),
    "models": _Entry(SlashCommands.list_models, "all models"),
    "sources": _Entry(SlashCommands.list_sources, "the sources of the last answer"),
    "open": _Entry(SlashCommands.open_source, "source N in your editor, at its line", "N"),
    "retry": _Entry(SlashCommands.retry, "asks the last question again"),
    "new": _Entry(SlashCommands.start_anew, "begins a new conversation"),
    "clear": _Entry(SlashCommands.clear, "clears the screen; the conversation goes on"),
    "quit": _Entry(SlashCommands.quit, "ends the chat"),
}


def _inside(root: Path, path: str) -> Path:
    """The file of a source. Raises `CommandFailed` if it is not in the codebase (any more)."""
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()) or not file.is_file():
        raise CommandFailed(f"{path} is not in the codebase any more")
    return file
