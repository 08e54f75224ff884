"""Code in a prompt: numbered, headed by its place, fenced so that nothing inside can close the fence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.types import Hit
from models.types import ContextSnippet
from prompts.visible import one_line

_LEAD, _AGAIN, _QUESTION = "Code from the repository:", "Shown above and relevant again:", "Question:"
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
    is_excerpt: bool = False  # it has only some lines of what was found


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be shown of something that was found: `hit` has the lines and the text that are shown."""

    hit: Hit
    is_excerpt: bool = False


Place = tuple[str, int, int, str]


def place(hit: Hit) -> Place:
    """What makes two hits the same piece of code: path, lines and the file's content."""
    return hit.path, hit.start_line, hit.end_line, hit.sha


def number(pieces: Sequence[Piece], shown: Mapping[Place, int], first: int) -> list[Snippet]:
    """Numbers pieces from `first` on; one that `shown` knows keeps its number."""
    fresh_numbers = iter(range(first, first + len(pieces)))
    return [
        Snippet(shown[where], piece.hit, True, piece.is_excerpt)
        if (where := place(piece.hit)) in shown
        else Snippet(next(fresh_numbers), piece.hit, False, piece.is_excerpt)
        for piece in pieces
    ]


def user_message(snippets: Sequence[Snippet], question: str, is_answered: bool = True, form: str = "") -> str:
    """The text of one user message: new snippets, references to those shown before, the question, and the form that
    its answer shall have.

    `is_answered` False says that the snippets are no nearer to the question than chance.
    """
    parts = [fenced(snippet) for snippet in snippets if not snippet.shown_before]
    before = [f"[{snippet.n}]" for snippet in snippets if snippet.shown_before]
    if parts:
        parts.insert(0, _LEAD)
    if before:
        parts.append(f"{_AGAIN} {', '.join(before)}")
    if parts and not is_answered:
        parts.append(_DOUBT)
    return "\n\n".join(filter(None, [*parts, f"{_QUESTION} {question}", form])) if parts else question


def is_doubted(message: str) -> bool:
    """Whether a user message says that its snippets are no nearer to the question than chance."""
    return _DOUBT in message


def frame(is_answered: bool, form: str = "") -> str:
    """All that a user message may have around its snippets and the question."""
    return "\n\n".join([_LEAD, _AGAIN, "" if is_answered else _DOUBT, _QUESTION, form])


def shown_text(message: str, n: int, path: str, start_line: int, end_line: int) -> str:
    """The code that a user message shows under this number and place; "" if it does not show it."""
    found = _shown(message, n, path, start_line, end_line)
    return found["text"] if found else ""


def shown_title(message: str, n: int, path: str, start_line: int, end_line: int) -> str:
    """What it says of that code in its head: kind, symbol, of a part its signature."""
    found = _shown(message, n, path, start_line, end_line)
    return found["title"] or "" if found else ""


def _shown(message: str, n: int, path: str, start_line: int, end_line: int) -> re.Match[str] | None:
    head = rf"^\[{n}\] {re.escape(one_line(path))}:{start_line}-{end_line}(?: (?P<title>.*))?\n(?P<fence>`{{3,}}).*\n"
    return re.search(head + r"(?P<text>(?s:.*?))\n(?P=fence)$", message, re.MULTILINE)


def context_snippet(snippet: Snippet) -> ContextSnippet:
    hit = snippet.hit
    return ContextSnippet(
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


def fenced(snippet: Snippet) -> str:
    """The code under its number and place. Of a part it says so, and the signature that the part itself lacks."""
    hit = snippet.hit
    head = f"[{snippet.n}] {hit.path}:{hit.start_line}-{hit.end_line}{' part of' if snippet.is_excerpt else ''}"
    head += f" {hit.kind} {hit.symbol}" if hit.symbol else f" {hit.kind}" if snippet.is_excerpt else ""
    if snippet.is_excerpt and words(hit.signature) not in words(hit.text):
        head += f": {hit.signature}"
    return f"{one_line(head)}\n{code_block(hit.text.strip(chr(10)), hit.language)}"


def code_block(text: str, language: str) -> str:
    """A Markdown code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def words(text: str) -> str:
    """A text without what a formatter may change."""
    return " ".join(re.findall(r"\w+", text))
