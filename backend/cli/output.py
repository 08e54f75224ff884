"""The only module that prints. stdout is for the answer alone; progress, sources, warnings and summaries go to stderr.

What a codebase, a model or a name holds is printed as text: control and invisible characters become visible. Lantern
itself prints no colours and no escape sequences.
"""

import io
import json
import shutil
import sys
import time
from typing import Any

import typer

from prompts.visible import one_line, visible, visible_json

PLACES = 5  # of masked secrets that a summary names
LINE_INTERVAL_S = 10.0  # between lines of progress, if stderr is no terminal


def escape_unencodable() -> None:
    """Characters that the encoding of stdout lacks are printed as escapes, as on stderr, instead of an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def line(words: str) -> None:
    """Prints one line on stdout."""
    print(one_line(words), flush=True)


def text(piece: str, end: str = "\n") -> None:
    """Prints text of any number of lines on stdout: an answer or a piece of it, code, a table."""
    print(visible(piece), end=end, flush=True)


def as_json(value: object) -> None:
    """Prints one line of JSON on stdout. It has the exact content: hidden characters are escapes of JSON."""
    is_unicode = sys.stdout.encoding.lower().startswith("utf")
    print(visible_json(json.dumps(value, ensure_ascii=not is_unicode)), flush=True)


def message_line(message: str) -> None:
    """Writes one line of a protocol on stdout, for a program that reads it there: exactly these characters."""
    sys.stdout.buffer.write(message.encode() + b"\n")
    sys.stdout.buffer.flush()


def note(words: str = "") -> None:
    """Prints one line for the user, on stderr."""
    print(one_line(words), file=sys.stderr, flush=True)


def note_text(lines: str) -> None:
    """Prints text of several lines for the user, on stderr."""
    print(visible(lines), file=sys.stderr, flush=True)


def error(message: object) -> None:
    """Prints why the command, or one question of a chat, failed."""
    note(f"lantern: {message}")


def is_terminal() -> bool:
    """Whether a person may see stderr."""
    return sys.stderr.isatty()


def is_input_terminal() -> bool:
    """Whether a person may type on stdin."""
    return sys.stdin is not None and sys.stdin.isatty()


def progress(words: str) -> None:
    """Replaces the current line; prints nothing if stderr is no terminal. Any terminal knows a carriage return."""
    if is_terminal():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{' ' * width}\r{one_line(words)[:width]}", end="", file=sys.stderr, flush=True)


def confirm(question: str) -> bool:
    """Asks on stderr for yes or no."""
    return typer.confirm(one_line(question), err=True)


def ask(prompt: str) -> str:
    """One line of input. Raises EOFError at its end."""
    return input(one_line(prompt))


class Throttle:
    """Lets one line of progress through every `LINE_INTERVAL_S`."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def note(self, words: str) -> None:
        if time.monotonic() - self._last > LINE_INTERVAL_S:
            note(words)
            self._last = time.monotonic()


def answer_notes(answer: dict[str, Any]) -> None:
    """What belongs below an answer: its sources, doubtful citations, and the notice."""
    sources(answer["sources"])
    citations(answer["citations"], answer["response"])
    notice(answer["end"], answer["response"])


def sources(items: list[dict[str, Any]]) -> None:
    """One line for each source."""
    for item in items:
        stale = "" if item["fresh"] else "  (changed since it was indexed)"
        symbol = f"  {item['symbol']}" if item.get("symbol") else ""
        note(f"  [{item['n']}] {item['path']}:{item['start']}-{item['end']}{symbol}{stale}")


def citations(items: list[dict[str, Any]], answer: str) -> None:
    """Counts and quotes the citations that do not hold; prints nothing about the others."""
    for status, meaning in (
        ("invented", "not supported by the sources"),
        ("stale", "of code that has changed since"),
        ("moved", "of code that has moved since"),
    ):
        quotes = [answer[item["start"] : item["end"]] for item in items if item["status"] == status]
        if quotes:
            plural = "" if len(items) == 1 else "s"
            verb = "is" if len(quotes) == 1 else "are"
            note(f"{len(quotes)} of {len(items)} citation{plural} {verb} {meaning}: {', '.join(dict.fromkeys(quotes))}")


def notice(end: dict[str, Any], answer: str) -> None:
    """The notice of the `end` event, unless the answer contains it."""
    if (words := end.get("notice")) and words not in answer:
        note(words)


def usage(end: dict[str, Any]) -> None:
    """Token counts and times of one answer."""
    tokens, ms = end["usage"], end["ms"]
    note(
        f"{end['model']}: {tokens['prompt']} prompt tokens ({tokens['cached']} cached), "
        f"{tokens['completion']} generated; " + ", ".join(f"{stage} {value:.0f} ms" for stage, value in ms.items())
    )


def job_line(job: dict[str, Any]) -> str:
    """One line on an index job that is queued or running."""
    if job["state"] == "queued":
        return "waiting for another index job"
    if not job["total"]:
        return "scanning"
    eta = "" if job["eta_s"] is None else f", {job['eta_s']:.0f} s left"
    return f"{job['done']}/{job['total']} files, {job['chunks']} chunks, {job['files_per_s']} files/s{eta}"


def job_summary(job: dict[str, Any]) -> None:
    """The summary of a finished index job."""
    report = job["report"]
    note(
        f"{job['root']}: {report['files']} files, {report['chunks']} chunks in {report['seconds']} s "
        f"({report['changed']} changed, {report['removed']} removed)"
    )
    if report["skipped"]:
        reasons = sorted(report["skipped"].items(), key=lambda pair: -pair[1])
        note("skipped: " + ", ".join(f"{count} {reason}" for reason, count in reasons))
    if masked := report.get("masked", {}).get("values"):
        note(_masked_line(masked, report["masked"]["files"], report["masked"]["places"]))


def _masked_line(values: int, files: int, places: list[str]) -> str:
    shown = ", ".join(dict.fromkeys(places[:PLACES])) + (", ..." if values > PLACES else "")
    plural = "" if values == 1 else "s"
    return f"masked {values} secret value{plural} in {files} file{'' if files == 1 else 's'} ({shown})"


def change_summary(job: dict[str, Any]) -> None:
    """One line on a finished job that a change of files started."""
    if error := job.get("error"):
        note(f"{time.strftime('%H:%M:%S')} {error['message']}")
        return
    report = job["report"]
    note(
        f"{time.strftime('%H:%M:%S')} {report['changed']} changed, {report['removed']} removed in {report['seconds']} s"
    )


def first_fence(answer: str) -> str:
    """The first fenced block of an answer, without its fence; the whole answer if it has none."""
    lines = answer.removesuffix("\n").split("\n")
    for start, line in enumerate(lines):
        fence = line[: len(line) - len(line.lstrip("`"))]
        if len(fence) >= 3:
            block = lines[start + 1 :]
            end = next((n for n, inner in enumerate(block) if inner.strip() == fence), len(block))
            return "\n".join(block[:end])
    return answer
