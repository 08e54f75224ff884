"""Code in a prompt: numbered, headed by its place, fenced so that nothing inside can close the fence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.types import Hit
from models.types import Evidence

_DOUBT = (
    "The search found nothing in the repository that clearly answers the question below."
    " If this code does not answer it, say so and name the closest place."
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A hit under the number it has in its conversation."""

    n: int
    hit: Hit
    shown_before: bool  # its text stands in an earlier message of this prompt


Place = tuple[str, int, int, str]


def place(hit: Hit) -> Place:
    """What makes two hits the same piece of code: path, lines and the file's content."""
    return hit.path, hit.start_line, hit.end_line, hit.sha


def number(hits: Sequence[Hit], shown: dict[Place, int], first: int) -> list[Snippet]:
    """Numbers hits from `first` on; one that `shown` knows keeps its number."""
    fresh_numbers = iter(range(first, first + len(hits)))
    return [
        Snippet(shown[place(hit)], hit, True) if place(hit) in shown else Snippet(next(fresh_numbers), hit, False)
        for hit in hits
    ]


def user_message(snippets: Sequence[Snippet], question: str, is_answered: bool = True) -> str:
    """The text of one user message: new snippets, references to those shown before, the question.

    `is_answered` False says that the snippets are no nearer to the question than chance.
    """
    parts = [_fenced(snippet) for snippet in snippets if not snippet.shown_before]
    before = [f"[{snippet.n}]" for snippet in snippets if snippet.shown_before]
    if parts:
        parts.insert(0, "Code from the repository:")
    if before:
        parts.append(f"Shown above and relevant again: {', '.join(before)}")
    if parts and not is_answered:
        parts.append(_DOUBT)
    return "\n\n".join([*parts, f"Question: {question}"]) if parts else question


def shown_text(message: str, n: int, path: str, start_line: int, end_line: int) -> str:
    """The code that a user message shows under this number and place; "" if it does not show it."""
    head = rf"^\[{n}\] {re.escape(path)}:{start_line}-{end_line}(?: .*)?\n(?P<fence>`{{3,}}).*\n"
    found = re.search(head + r"(?P<text>(?s:.*?))\n(?P=fence)$", message, re.MULTILINE)
    return found["text"] if found else ""


def evidence(snippet: Snippet) -> Evidence:
    hit = snippet.hit
    return Evidence(
        n=snippet.n,
        path=hit.path,
        start_line=hit.start_line,
        end_line=hit.end_line,
        symbol=hit.symbol,
        kind=hit.kind,
        language=hit.language,
        signature=hit.signature,
        doc=hit.doc,
        text=hit.text,
    )


def _fenced(snippet: Snippet) -> str:
    hit = snippet.hit
    longest = max((len(run) for run in re.findall(r"`+", hit.text)), default=0)
    fence = "`" * max(3, longest + 1)
    what = f" {hit.kind} {hit.symbol}" if hit.symbol else ""
    head = f"[{snippet.n}] {hit.path}:{hit.start_line}-{hit.end_line}{what}"
    return f"{head}\n{fence}{hit.language}\n{hit.text.strip(chr(10))}\n{fence}"
