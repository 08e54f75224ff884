"""What commands print to stderr: progress, sources, warnings, summaries. stdout is for the answer alone."""

import shutil
import sys
import time
from typing import Any

PLACES = 5  # of masked secrets that a summary names
LINE_INTERVAL_S = 10.0  # between lines of progress, if stderr is no terminal


def note(text: str = "") -> None:
    """Prints a line for the user, on stderr."""
    print(text, file=sys.stderr, flush=True)


def progress(text: str) -> None:
    """Replaces the current line; prints nothing if stderr is no terminal."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)


class Throttle:
    """Lets one line of progress through every `LINE_INTERVAL_S`."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def note(self, text: str) -> None:
        if time.monotonic() - self._last > LINE_INTERVAL_S:
            note(text)
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
    if (text := end.get("notice")) and text not in answer:
        note(text)


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


def first_fence(text: str) -> str:
    """The first fenced block of an answer, without its fence; the whole answer if it has none."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        fence = line[: len(line) - len(line.lstrip("`"))]
        if len(fence) >= 3:
            block = lines[start + 1 :]
            end = next((n for n, inner in enumerate(block) if inner.strip() == fence), len(block))
            return "\n".join(block[:end])
    return text
