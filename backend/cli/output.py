"""What commands print. The answer goes to stdout; everything else, here, to stderr."""

import shutil
import sys
import time
from typing import Any

LINE_EVERY_S = 10.0  # of progress, where there is no terminal


def say(text: str = "") -> None:
    """A line for the person, not for the pipe."""
    print(text, file=sys.stderr, flush=True)


def progress(text: str) -> None:
    """A line that the next one replaces; only on a terminal."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)


def sources(items: list[dict[str, Any]]) -> None:
    for item in items:
        stale = "" if item["fresh"] else "  (changed since it was indexed)"
        symbol = f"  {item['symbol']}" if item.get("symbol") else ""
        say(f"  [{item['n']}] {item['path']}:{item['start']}-{item['end']}{symbol}{stale}")


def citations(items: list[dict[str, Any]], answer: str) -> None:
    """A word about citations that do not hold; silence about those that do."""
    for status, what in (
        ("invented", "not supported by the sources"),
        ("stale", "of code that has changed since"),
        ("moved", "of code that has moved since"),
    ):
        places = [answer[item["start"] : item["end"]] for item in items if item["status"] == status]
        if places:
            one = len(items) == 1
            count = f"{len(places)} of {len(items)} citation{'' if one else 's'}"
            say(f"{count} {'is' if len(places) == 1 else 'are'} {what}: {', '.join(dict.fromkeys(places))}")


def notice(end: dict[str, Any], answer: str) -> None:
    """What the person should know, unless the answer itself says so."""
    if (told := end.get("notice")) and told not in answer:
        say(told)


def usage(end: dict[str, Any]) -> None:
    used, ms = end["usage"], end["ms"]
    say(
        f"{end['model']}: {used['prompt']} prompt tokens ({used['cached']} cached), {used['completion']} generated; "
        + ", ".join(f"{stage} {value:.0f} ms" for stage, value in ms.items())
    )


def job(told: dict[str, Any]) -> str:
    """One line on a running index job."""
    if told["state"] == "queued":
        return "waiting for another index job"
    if not told["total"]:
        return "scanning"
    eta = "" if told["eta_s"] is None else f", {told['eta_s']:.0f} s left"
    return f"{told['done']}/{told['total']} files, {told['chunks']} chunks, {told['files_per_s']} files/s{eta}"


def report(told: dict[str, Any]) -> None:
    """The summary of a finished index job."""
    done = told["report"]
    say(
        f"{told['root']}: {done['files']} files, {done['chunks']} chunks in {done['seconds']} s "
        f"({done['changed']} changed, {done['removed']} removed)"
    )
    if done["skipped"]:
        reasons = sorted(done["skipped"].items(), key=lambda pair: -pair[1])
        say("skipped: " + ", ".join(f"{count} {reason}" for reason, count in reasons))


def change(told: dict[str, Any]) -> None:
    """One line on a job that a change of files started."""
    if error := told.get("error"):
        say(f"{time.strftime('%H:%M:%S')} {error['message']}")
        return
    done = told["report"]
    say(f"{time.strftime('%H:%M:%S')} {done['changed']} changed, {done['removed']} removed in {done['seconds']} s")


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
