"""What to show of a piece of code: the few lines that matter, and what its comments say of them.

Whole lines only, never more than MAX_LINES. Pure; knows no question beyond the word stems it is given.
"""

import re
from itertools import pairwise

from backend.extractive.matching import stems
from models.types import ContextSnippet

MAX_LINES = 20
_HEAD_LINES = 2
_CHOSEN_LINES = 14  # the rest of MAX_LINES fills small gaps, so that the excerpt reads as code
_SMALL_GAP = 2
_SHORT_DOC = 2  # lines; more of what is told in prose already is not shown again
_WORDS = 4  # of a comment that says something
_COMMENT = re.compile(r"^\s*(#|//|/\*|\*|--|\"\"\"|''')")
_WHOLE_LINE = re.compile(r"^\s*(?:#(?![!\[])|//+!?|/\*+|\*(?!/)|--)\s*(.*)$")
_QUOTES = "\"'/*#! \t"
_DECIDES = re.compile(r"\b(return|raise|throw|yield|await|if|elif|else|for|while|match|case|switch)\b")


def decisive_lines(evidence: ContextSnippet, words: frozenset[str]) -> list[tuple[int, int, str]]:
    """Groups of lines as (first, last, text): the head, and the lines that share most words with the question."""
    lines = evidence.text.rstrip().split("\n")
    told = _documentation(lines, evidence.doc)
    if evidence.kind == "section":
        chosen = list(range(min(len(lines), MAX_LINES)))
    elif len(lines) > MAX_LINES:
        chosen = sorted(_choose(lines, words, told))
    elif len(told) > _SHORT_DOC and len(told) < len(lines):
        chosen = [place for place in range(len(lines)) if place not in told]
    else:
        chosen = list(range(len(lines)))
    groups: list[list[int]] = []
    for place in chosen:
        if groups and place == groups[-1][-1] + 1:
            groups[-1].append(place)
        else:
            groups.append([place])
    first = evidence.start_line
    return [(first + g[0], first + g[-1], "\n".join(lines[g[0] : g[-1] + 1])) for g in groups]


def comment(evidence: ContextSnippet, words: frozenset[str]) -> str:
    """The comment in the code that shares most words with the question, on one line; "" where none shares any."""
    blocks: list[list[str]] = [[]]
    for line in evidence.text.split("\n"):
        if found := _WHOLE_LINE.match(line):
            blocks[-1].append(found[1].strip(" */"))
        elif blocks[-1]:
            blocks.append([])
    said = [" ".join(block) for block in blocks]
    telling = [text for text in said if len(text.split()) >= _WORDS and words & stems(text)]
    return max(telling, key=lambda text: len(words & stems(text)), default="")


def _choose(lines: list[str], words: frozenset[str], documentation: set[int]) -> set[int]:
    """Places of at most MAX_LINES lines: the head, the best of the others with the lines around them."""
    code = [place for place, line in enumerate(lines) if place not in documentation and line.strip()]
    chosen = set(code[:_HEAD_LINES])

    def worth(place: int) -> float:
        line = lines[place]
        if _COMMENT.match(line):
            return 0.0
        return 2.0 * len(words & stems(line)) + (0.5 if _DECIDES.search(line) else 0.0)

    best = sorted((place for place in code if worth(place) > 0), key=lambda place: (-worth(place), place))
    for place in best:
        around = {place - 1, place, place + 1}.intersection(code) | {place}
        if len(chosen | around) <= _CHOSEN_LINES:
            chosen |= around
    for before, after in pairwise(sorted(chosen)):
        gap = set(range(before + 1, after))
        if len(gap) <= _SMALL_GAP and len(chosen | gap) <= MAX_LINES and not gap & documentation:
            chosen |= gap
    return chosen or set(range(min(len(lines), MAX_LINES)))


def _documentation(lines: list[str], doc: str) -> set[int]:
    """Places of the lines that the documentation was taken from; they are told in prose already."""
    said = {line.strip() for line in doc.split("\n") if line.strip()}
    told = sorted(place for place, line in enumerate(lines) if (bare := line.strip(_QUOTES)) and bare in said)
    if not told:
        return set()
    start = end = told[0]
    quote = next((mark for mark in ('"""', "'''") if mark in lines[start] or (start and mark in lines[start - 1])), "")
    if quote:  # a docstring: to where it is closed
        start -= quote not in lines[start]
        marks = 0
        for end in range(start, len(lines)):
            marks += lines[end].count(quote)
            if marks >= 2:
                break
    else:
        while start and _COMMENT.match(lines[start - 1]):
            start -= 1
        while end + 1 < len(lines) and _COMMENT.match(lines[end + 1]):
            end += 1
    return set(range(start, end + 1))
