"""Excerpts of code: the few lines that match a question, and the comment that matches it best.

Whole lines only, at most MAX_LINES. Pure; sees the question as word stems only.
"""

import re
from itertools import pairwise

from backend.extractive.matching import stems
from models.types import ContextSnippet

MAX_LINES = 20
_HEAD_LINES = 2
_CHOSEN_LINES = 14  # the rest of MAX_LINES fills small gaps, so that the excerpt reads as code
_SMALL_GAP = 2
_SHORT_DOC = 2  # lines; longer documentation stands in the prose already and is not shown again
_WORDS = 4  # of the shortest comment that counts
_COMMENT = re.compile(r"^\s*(#|//|/\*|\*|--|\"\"\"|''')")
_WHOLE_LINE = re.compile(r"^\s*(?:#(?![!\[])|//+!?|/\*+|\*(?!/)|--)\s*(.*)$")
_QUOTES = "\"'/*#! \t"
_DECIDES = re.compile(r"\b(return|raise|throw|yield|await|if|elif|else|for|while|match|case|switch)\b")


def decisive_lines(snippet: ContextSnippet, words: frozenset[str]) -> list[tuple[int, int, str]]:
    """Groups of lines as (first, last, text): the head, and the lines that share the most words with the question."""
    lines = snippet.text.rstrip().split("\n")
    documentation = _documentation(lines, snippet.doc)
    if snippet.kind == "section":
        chosen = list(range(min(len(lines), MAX_LINES)))
    elif len(lines) > MAX_LINES:
        chosen = sorted(_choose(lines, words, documentation))
    elif len(documentation) > _SHORT_DOC and len(documentation) < len(lines):
        chosen = [at for at in range(len(lines)) if at not in documentation]
    else:
        chosen = list(range(len(lines)))
    groups: list[list[int]] = []
    for at in chosen:
        if groups and at == groups[-1][-1] + 1:
            groups[-1].append(at)
        else:
            groups.append([at])
    first = snippet.start_line
    return [(first + g[0], first + g[-1], "\n".join(lines[g[0] : g[-1] + 1])) for g in groups]


def comment(snippet: ContextSnippet, words: frozenset[str]) -> str:
    """The comment that shares the most words with the question, on one line; "" where none shares any."""
    blocks: list[list[str]] = [[]]
    for line in snippet.text.split("\n"):
        if found := _WHOLE_LINE.match(line):
            blocks[-1].append(found[1].strip(" */"))
        elif blocks[-1]:
            blocks.append([])
    comments = [" ".join(block) for block in blocks]
    matching = [text for text in comments if len(text.split()) >= _WORDS and words & stems(text)]
    return max(matching, key=lambda text: len(words & stems(text)), default="")


def _choose(lines: list[str], words: frozenset[str], documentation: set[int]) -> set[int]:
    """Indices of at most MAX_LINES lines: the head, the best of the others with the lines around them."""
    code = [at for at, line in enumerate(lines) if at not in documentation and line.strip()]
    is_code = set(code)
    chosen = set(code[:_HEAD_LINES])

    def worth(at: int) -> float:
        line = lines[at]
        if _COMMENT.match(line):
            return 0.0
        return 2.0 * len(words & stems(line)) + (0.5 if _DECIDES.search(line) else 0.0)

    best = sorted((at for at in code if worth(at) > 0), key=lambda at: (-worth(at), at))
    for at in best:
        around = {at - 1, at, at + 1}.intersection(is_code)
        if len(chosen | around) <= _CHOSEN_LINES:
            chosen |= around
    for before, after in pairwise(sorted(chosen)):
        gap = set(range(before + 1, after))
        if len(gap) <= _SMALL_GAP and len(chosen | gap) <= MAX_LINES and not gap & documentation:
            chosen |= gap
    return chosen or set(range(min(len(lines), MAX_LINES)))


def _documentation(lines: list[str], doc: str) -> set[int]:
    """Indices of the lines that hold the documentation."""
    doc_lines = {line.strip() for line in doc.split("\n") if line.strip()}
    found = sorted(at for at, line in enumerate(lines) if (bare := line.strip(_QUOTES)) and bare in doc_lines)
    if not found:
        return set()
    start = end = found[0]
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
