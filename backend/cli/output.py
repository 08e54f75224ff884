"""The only module that prints. stdout is for the answer alone; progress, sources, warnings and summaries go to stderr.

What a codebase, a model or a name holds is printed as text: control and invisible characters become visible. Colours
come from rich alone, and only where stdout is a terminal that has them.
"""

import io
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import typer

from backend.wording import plural
from prompts.visible import one_line, visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console

PLACES = 5  # of masked secrets that a summary names
LINE_INTERVAL_S = 10.0  # between lines of progress, if stderr is no terminal


class Styled(NamedTuple):
    """A piece of text and its style, in rich's words: "bold cyan"."""

    text: str
    style: str = ""


class _Screen:
    """What stands on the last line of the terminal: a line of progress, or the beginning of a line of the answer."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # the log of a server in this process comes from other threads
        self.has_progress = False
        self.is_inside_line = False  # of stdout
        self.has_text = False  # on stdout since the last `begin_answer`

    def write(self, stream: TextIO, words: str) -> None:
        """Prints on a line of its own, or goes on with the answer's line."""
        with self.lock:
            self.clear_progress()
            if stream is sys.stderr and self.is_inside_line and sys.stdout.isatty() and is_terminal():
                print(file=sys.stdout, flush=True)
                self.is_inside_line = False
            print(words, end="", file=stream, flush=True)
            if stream is sys.stdout:
                self.wrote(words)

    def wrote(self, words: str) -> None:
        if words:
            self.is_inside_line, self.has_text = not words.endswith("\n"), True

    def clear_progress(self) -> None:
        if self.has_progress:
            self.has_progress = False
            print(f"\r{' ' * _width()}\r", end="", file=sys.stderr, flush=True)

    def has_room(self) -> bool:
        """Whether a line of progress would neither overwrite nor interrupt the answer.

        If stdout is a pipe, its reader may print on the same terminal at any time after it got some text.
        """
        return is_terminal() and not (self.is_inside_line if sys.stdout.isatty() else self.has_text)


_screen = _Screen()


def escape_unencodable() -> None:
    """Characters that the encoding of stdout lacks are printed as escapes, as on stderr, instead of an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def line(words: str) -> None:
    """Prints one line on stdout."""
    _screen.write(sys.stdout, f"{one_line(words)}\n")


def text(piece: str, end: str = "\n") -> None:
    """Prints text of any number of lines on stdout: an answer or a piece of it, code, a table."""
    _screen.write(sys.stdout, visible(piece) + end)


def end_line() -> None:
    """Ends the line on stdout that was begun."""
    if _screen.is_inside_line:
        text("")


def begin_answer() -> None:
    """Progress may be shown until the text of an answer comes."""
    _screen.has_text = False


def styled(pieces: Iterable[Styled]) -> None:
    """Prints pieces of text with their styles on stdout, which `has_styles`."""
    with _screen.lock:
        for piece in pieces:
            _screen.clear_progress()
            _console().out(visible(piece.text), style=piece.style or None, highlight=False, end="")
            _screen.wrote(piece.text)
        sys.stdout.flush()


def has_styles() -> bool:
    """Whether stdout is a terminal that knows more than plain text. NO_COLOR keeps bold; rich looks at both."""
    return sys.stdout.isatty() and not _console().is_dumb_terminal


def is_unicode() -> bool:
    return sys.stdout.encoding.lower().startswith("utf")


def width() -> int:
    """Columns that a line may have."""
    return max(20, _width())


def as_json(value: object) -> None:
    """Prints one line of JSON on stdout. It has the exact content: hidden characters are escapes of JSON."""
    _screen.write(sys.stdout, visible_json(json.dumps(value, ensure_ascii=not is_unicode())) + "\n")


def message_line(message: str) -> None:
    """Writes one line of a protocol on stdout, for a program that reads it there: exactly these characters."""
    sys.stdout.buffer.write(message.encode() + b"\n")
    sys.stdout.buffer.flush()


def note(words: str = "") -> None:
    """Prints one line for the user, on stderr."""
    _screen.write(sys.stderr, f"{one_line(words)}\n")


def note_text(lines: str) -> None:
    """Prints text of several lines for the user, on stderr."""
    _screen.write(sys.stderr, f"{visible(lines)}\n")


def log_record(lines: str) -> None:
    """Prints a record of the log, which the formatter has made safe to show."""
    _screen.write(sys.stderr, f"{lines}\n")


def gap() -> None:
    """An empty line around an answer that is rendered; a pipe gets the answer alone."""
    if has_styles() and is_terminal():
        note()


def error(message: object) -> None:
    """Prints why the command, or one question of a chat, failed."""
    note(f"lantern: {message}")


def is_terminal() -> bool:
    """Whether a person may see stderr."""
    return sys.stderr.isatty()


def is_input_terminal() -> bool:
    """Whether a person may type on stdin."""
    return sys.stdin is not None and sys.stdin.isatty()


def is_interactive() -> bool:
    """Whether a person types and reads."""
    return is_input_terminal() and sys.stdout.isatty()


def progress(words: str) -> None:
    """Replaces the line of progress; empty words remove it. Any terminal knows a carriage return.

    Prints nothing if stderr is no terminal, or where it would mix with an answer.
    """
    with _screen.lock:
        if not words:
            _screen.clear_progress()
        elif _screen.has_room():
            shown = one_line(words)[: _width()]
            print(f"\r{' ' * _width()}\r{shown}", end="", file=sys.stderr, flush=True)
            _screen.has_progress = True


@contextmanager
def typing_mode(is_shown: bool) -> Iterator[None]:
    """Whether what is typed appears on the screen at once; what does not is kept for who reads it next."""
    if not is_interactive():
        yield
        return
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    wanted = termios.tcgetattr(descriptor)
    flags = termios.ECHO | termios.ICANON
    wanted[3] = wanted[3] | flags if is_shown else wanted[3] & ~flags
    try:
        termios.tcsetattr(descriptor, termios.TCSANOW, wanted)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


def confirm(question: str) -> bool:
    """Asks on stderr for yes or no."""
    progress("")
    return typer.confirm(one_line(question), err=True)


def ask(prompt: str) -> str:
    """One line of input. Raises EOFError at its end."""
    return input(one_line(prompt))


def _width() -> int:
    return shutil.get_terminal_size().columns - 1


@cache
def _console() -> "Console":
    from rich.console import Console  # only where a terminal shows an answer

    return Console(highlight=False, markup=False, emoji=False)  # of the stdout of the moment


class Throttle:
    """Lets one line of progress through every `LINE_INTERVAL_S`."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def note(self, words: str) -> None:
        if time.monotonic() - self._last > LINE_INTERVAL_S:
            note(words)
            self._last = time.monotonic()


def job_line(job: dict[str, Any]) -> str:
    """One line on an index job that is queued or running."""
    if job["state"] == "queued":
        return "waiting for another index job"
    if not job["total"]:
        return "scanning"
    eta = "" if job["eta_s"] is None else f", {job['eta_s']:.0f} s left"
    done = f"{job['done']}/{plural(job['total'], 'file')}, {plural(job['chunks'], 'chunk')}"
    return f"{done}, {job['files_per_s']} files/s{eta}"


def job_summary(job: dict[str, Any]) -> None:
    """The summary of a finished index job."""
    report = job["report"]
    size = f"{plural(report['files'], 'file')}, {plural(report['chunks'], 'chunk')}"
    note(f"{job['root']}: {size} in {report['seconds']} s ({report['changed']} changed, {report['removed']} removed)")
    if report["skipped"]:
        reasons = sorted(report["skipped"].items(), key=lambda pair: -pair[1])
        note("skipped: " + ", ".join(f"{count} {reason}" for reason, count in reasons))
    if masked := report.get("masked", {}).get("values"):
        note(_masked_line(masked, report["masked"]["files"], report["masked"]["places"]))


def _masked_line(values: int, files: int, places: list[str]) -> str:
    shown = ", ".join(dict.fromkeys(places[:PLACES])) + (", ..." if values > PLACES else "")
    return f"masked {plural(values, 'secret value')} in {plural(files, 'file')} ({shown})"


def change_summary(job: dict[str, Any]) -> None:
    """One line on a finished job that a change of files started."""
    if error := job.get("error"):
        note(f"{time.strftime('%H:%M:%S')} {error['message']}")
        return
    report = job["report"]
    note(
        f"{time.strftime('%H:%M:%S')} {report['changed']} changed, {report['removed']} removed in {report['seconds']} s"
    )
