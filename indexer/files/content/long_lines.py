"""Lines that no person wrote: data inside code is cut out of its line; a file of little else is minified.

Pure text. A line keeps its number, its beginning and its end.
"""

import re

_LONGEST = {False: 10_000, True: 100_000}  # characters of a line, by whether the text is prose
_SHORT_TEXT, _MEAN = 4000, 400  # characters: a longer text of code with a longer mean line holds data
_CUT = 1000  # characters from which on a line of such a text is cut
_HEAD, _TAIL = 300, 100  # characters that are kept of it
_LEAST_LINES = 2  # that are short and not blank, else a file is minified
_QUOTES = re.compile("[\"'`]")
ELLIPSIS = "…"


def without_long_lines(text: str, prose: bool) -> str | None:
    """The text as it is, or with its long lines cut; None if it is minified."""
    lines = text.split("\n")
    longest = max(map(len, lines))
    is_dense = not prose and len(text) > _SHORT_TEXT and len(text) > _MEAN * len(lines)
    if longest <= _LONGEST[prose] and not is_dense:
        return text
    limit = _LONGEST[True] if prose else _CUT
    short = sum(len(line) <= limit and not line.isspace() and line != "" for line in lines)
    long = sum(len(line) > limit for line in lines)
    if short < max(_LEAST_LINES, long) or not long:
        return None
    return "\n".join(_cut(line) if len(line) > limit else line for line in lines)


def _cut(line: str) -> str:
    """The beginning and the end of a line, with an even number of each quote, so that the lines after it are code."""
    head, tail = line[:_HEAD], line[-_TAIL:]
    odd = {mark for mark in "\"'`" if (head.count(mark) + tail.count(mark)) % 2}
    ends = [len(head), *(match.start() for match in reversed(list(_QUOTES.finditer(head))))]
    for end in ends:
        if all((head.count(mark, end) % 2 == 1) == (mark in odd) for mark in "\"'`"):
            return f"{head[:end]}{ELLIPSIS}{tail}"
    return head[: ends[-1]] + ELLIPSIS
