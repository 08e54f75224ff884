"""The line that a person types in a chat: editing, several lines, history, completion. Knows no commands' meaning."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import clear

from backend.data_folder import open_own

ENTRIES = 1000  # of the history that are kept
HISTORY_BYTES = 1 << 20  # of the file; more than the longest question has as JSON
PROMPT, CONTINUATION = "> ", "  "
Candidates = Callable[[str], Sequence[str]]  # the text so far -> what its last word may become


class LineInput:
    """Reads questions of one or more lines from a terminal."""

    def __init__(self, history_file: Path, candidates: Candidates) -> None:
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=CONTINUATION,
            key_bindings=_keys(),
            history=FileOfLines(history_file),
            completer=_Words(candidates),
            complete_while_typing=True,
            reserve_space_for_menu=4,
        )

    def read(self) -> str:
        """The next question. Raises EOFError at Ctrl-D and KeyboardInterrupt at Ctrl-C."""
        with patch_stdout():  # a warning of the log is printed above the line
            return self._session.prompt()

    def clear_screen(self) -> None:
        clear()


class FileOfLines(History):
    """A file with a JSON string a line, the newest last; only its owner can read it. The oldest are dropped."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._newest())

    def store_string(self, string: str) -> None:
        line = f"{json.dumps(string)}\n"
        if len(line) > HISTORY_BYTES:  # it would drop all others
            return
        with suppress(OSError):  # a full disk does not end the chat
            if self._write(line, os.O_APPEND) > HISTORY_BYTES:
                self._newest()

    def _newest(self) -> list[str]:
        """The entries that are kept, the newest last. If the file has more, it is written again."""
        try:
            with os.fdopen(open_own(self._file, os.O_RDONLY), "rb") as file:
                more = max(0, os.fstat(file.fileno()).st_size - HISTORY_BYTES)
                file.seek(max(0, more - 1))
                if more:
                    file.readline()  # the end of one that is dropped
                lines = file.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        found = [entry for line in lines if (entry := _parsed(line)) is not None]
        kept = found[-ENTRIES:]
        if more or len(found) > ENTRIES:
            self._write("".join(f"{json.dumps(entry)}\n" for entry in kept), os.O_TRUNC)
        return kept

    def _write(self, text: str, mode: int) -> int:
        """Returns the size of the file."""
        with os.fdopen(open_own(self._file, os.O_WRONLY | os.O_CREAT | mode), "wb") as file:
            file.write(text.encode())
            file.flush()
            return os.fstat(file.fileno()).st_size


class _Words(Completer):
    """Completes the last word of a line."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        typed = document.text_before_cursor
        word = typed[typed.rfind(" ") + 1 :]
        for candidate in self._candidates(typed):
            if candidate.startswith(word) and candidate != word:
                yield Completion(candidate, -len(word))


def _keys() -> KeyBindings:
    """Enter sends, unless the line ends with a backslash; Alt-Enter begins a new line."""
    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.is_cursor_at_the_end and buffer.text.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("escape", "c-j")  # what was typed before the prompt came: the terminal turned Enter into a line feed
    def _alt_enter(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def _parsed(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:  # cut off, or damaged
        return None
    return entry if isinstance(entry, str) else None
