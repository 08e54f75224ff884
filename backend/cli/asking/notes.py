"""What is printed around an answer: progress before it, then its sources, doubtful citations, the notice, the usage."""

from typing import Any

from backend.cli import output
from backend.wording import plural

STAGES = {
    "indexing": "indexing",
    "queued": "waiting for other answers",
    "retrieving": "searching the code",
    "loading": "loading the model",
    "prefill": "reading",
    "generating": "generating",
}


def show_progress(event: dict[str, Any]) -> None:
    """Shows the stage of a turn on the line of progress, as long as that does not mix with the answer."""
    match event["type"]:
        case "status":
            output.progress(stage_line(event))
        case "end":
            output.progress("")


def stage_line(status: dict[str, Any]) -> str:
    """One line on what the turn waits for."""
    stage = STAGES.get(status["stage"], status["stage"])
    total, done = status.get("total"), status.get("done", 0)
    eta = f", {status['eta_ms'] / 1000:.0f} s left" if "eta_ms" in status else ""
    match status["stage"]:
        case "queued":
            counts = f" ({total} before this one)" if total else ""
        case "loading":
            counts = f" {100 * done / total:.0f} %" if total else ""
        case _:
            counts = f" {done}/{total}" if total else ""
    return f"{stage}{counts}{eta} ..."


def answer_notes(answer: dict[str, Any]) -> None:
    """What belongs below an answer: its sources, doubtful citations, and the notice."""
    output.gap()
    sources(answer["sources"])
    citations(answer["citations"], answer["response"])
    notice(answer["end"], answer["response"])


def sources(items: list[dict[str, Any]]) -> None:
    """One line for each source."""
    for item in items:
        stale = "" if item["fresh"] else "  (changed since it was indexed)"
        symbol = f"  {item['symbol']}" if item.get("symbol") else ""
        output.note(f"  [{item['n']}] {item['path']}:{item['start']}-{item['end']}{symbol}{stale}")


def citations(items: list[dict[str, Any]], answer: str) -> None:
    """Counts and quotes the citations that do not hold; prints nothing about the others."""
    for status, meaning in (
        ("invented", "not supported by the sources"),
        ("stale", "of code that has changed since"),
        ("moved", "of code that has moved since"),
    ):
        quotes = [answer[item["start"] : item["end"]] for item in items if item["status"] == status]
        if quotes:
            verb = "is" if len(quotes) == 1 else "are"
            unique = ", ".join(dict.fromkeys(quotes))
            output.note(f"{len(quotes)} of {plural(len(items), 'citation')} {verb} {meaning}: {unique}")


def notice(end: dict[str, Any], answer: str) -> None:
    """The notice of the `end` event, unless the answer contains it."""
    if (words := end.get("notice")) and words not in answer:
        output.note(words)


def usage(end: dict[str, Any]) -> None:
    """Token counts and times of one answer."""
    tokens, ms = end["usage"], end["ms"]
    output.note(
        f"{end['model']}: {tokens['prompt']} prompt tokens ({tokens['cached']} cached), "
        f"{tokens['completion']} generated; " + ", ".join(f"{stage} {value:.0f} ms" for stage, value in ms.items())
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
