"""What to show of a piece of code: its documentation as prose, and the few lines that matter.

Whole lines only, never more than MAX_LINES. Pure; knows no question beyond the word stems it is given.
"""

import re
from itertools import pairwise

from models.matching import stems
from models.types import Evidence

MAX_LINES = 20
_HEAD_LINES = 2
_CHOSEN_LINES = 14  # the rest of MAX_LINES fills small gaps, so that the excerpt reads as code
_SMALL_GAP = 2
_LONG_DOC = 600  # characters of documentation; sentences beyond are left out
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9`\"'(])")
_COMMENT = re.compile(r"^\s*(#|//|/\*|\*|--|\"\"\"|''')")
_DECIDES = re.compile(r"\b(return|raise|throw|yield|await|if|elif|else|for|while|match|case|switch)\b")


def first_paragraph(doc: str) -> str:
    """The first paragraph of a documentation text on one line; "" for none. Long ones end after a sentence."""
    paragraph = " ".join(re.split(r"\n\s*\n", doc.strip())[0].split())
    if len(paragraph) <= _LONG_DOC:
        return paragraph
    kept = ""
    for sentence in _SENTENCE_END.split(paragraph):
        if kept and len(kept) + len(sentence) > _LONG_DOC:
            break
        kept = f"{kept} {sentence}".strip()
    return kept


def first_sentence(doc: str) -> str:
    return _SENTENCE_END.split(first_paragraph(doc))[0]


def decisive_lines(evidence: Evidence, words: frozenset[str]) -> list[tuple[int, int, str]]:
    """Groups of lines as (first, last, text): the head, and the lines that share most words with the question."""
    lines = evidence.text.rstrip().split("\n")
    if len(lines) <= MAX_LINES:
        chosen = list(range(len(lines)))
    else:
        chosen = sorted(_choose(lines, words, _documentation(lines, evidence.doc)))
    groups: list[list[int]] = []
    for place in chosen:
        if groups and place == groups[-1][-1] + 1:
            groups[-1].append(place)
        else:
            groups.append([place])
    first = evidence.start_line
    return [(first + g[0], first + g[-1], "\n".join(lines[g[0] : g[-1] + 1])) for g in groups]


def fenced(text: str, language: str) -> str:
    """A Markdown code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{'' if language == 'text' else language}\n{text}\n{fence}"


def _choose(lines: list[str], words: frozenset[str], documentation: set[int]) -> set[int]:
    """Places of at most MAX_LINES lines: the head, the best of the others, then small gaps between them."""
    chosen = set(range(_HEAD_LINES)) - documentation or {0}

    def worth(place: int) -> float:
        line = lines[place]
        if not line.strip() or place in documentation or _COMMENT.match(line):
            return 0.0
        return 2.0 * len(words & stems(line)) + (0.5 if _DECIDES.search(line) else 0.0)

    best = sorted((place for place in range(len(lines)) if worth(place) > 0), key=lambda place: (-worth(place), place))
    chosen.update(best[: _CHOSEN_LINES - len(chosen)])
    for before, after in pairwise(sorted(chosen)):
        gap = set(range(before + 1, after))
        if len(gap) <= _SMALL_GAP and len(chosen | gap) <= MAX_LINES and not gap & documentation:
            chosen |= gap
    return chosen


def _documentation(lines: list[str], doc: str) -> set[int]:
    """Places of the lines that the documentation was taken from; they are told in prose already."""
    said = {line.strip() for line in doc.split("\n") if line.strip()}
    quotes = "\"'/*#! \t"
    return {place for place, line in enumerate(lines) if (bare := line.strip(quotes)) and (bare in said)}
