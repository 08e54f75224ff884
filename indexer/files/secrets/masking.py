"""Replaces secret values in a text before it is stored or shown. Line numbers stay the same.

A value counts as secret by its issuer's format (`rules`), by its name and its randomness (`assignments`), by its place
(`credentials`, `blocks`). Takes linear time on any text.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain
from typing import Any

from indexer.files.secrets import blocks, columns, credentials, rules
from indexer.files.secrets.assignments import secret_values
from indexer.files.secrets.linear import rule_set

MARK = "[secret removed]"
MASKING = 5  # version of the result of `redact`, part of every index's recipe

_MARK = MARK.encode()
_DETECTORS = (*blocks.DETECTORS, *rules.DETECTORS, *credentials.DETECTORS, *columns.DETECTORS)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and the lines (1-based) in which they were, one for each."""

    text: str
    lines: tuple[int, ...]


def mask(text: str) -> str:
    """`text` with each secret value replaced by `MARK`; the number of lines stays the same."""
    return redact(text).text


def redact(text: str) -> Redacted:
    """As `mask`, with the lines of what it replaced."""
    data = text.encode("utf-8", "surrogatepass")
    detectors = (_DETECTORS[n][1] for n in sorted(_signs().Match(data) or ()))
    found = chain(rules.prefixed_spans(data), secret_values(data), *(find(data) for find in detectors))
    spans = _merged(_without_marks(data, found))
    if not spans:
        return Redacted(text, ())
    pieces, position = [], 0
    for start, end in spans:
        pieces += [data[position:start], _MARK, b"\n" * data.count(b"\n", start, end)]
        position = end
    pieces.append(data[position:])
    return Redacted(b"".join(pieces).decode("utf-8", "surrogatepass"), _lines(data, [start for start, _ in spans]))


@cache
def _signs() -> Any:
    """One pass over a text tells which of the detectors can find something."""
    return rule_set(sign for sign, _ in _DETECTORS)


def _without_marks(data: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The spans of what is not masked yet. Of a key, that is what stands around a mark in one of its headers."""
    marks = [match.span() for match in re.finditer(re.escape(_MARK), data)]
    for start, end in spans:
        inside = marks[bisect_right(marks, (start - len(_MARK), end)) : bisect_left(marks, (end, end))]
        if not inside:
            yield start, end
        elif b"\n" in data[start:end]:  # only a key has several lines; other values were judged with the mark
            ends = [start, *(last for _, last in inside)], [*(first for first, _ in inside), end]
            yield from zip(*ends, strict=True)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, without overlaps."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif end > start:
            merged.append((start, end))
    return merged


def _lines(data: bytes, offsets: list[int]) -> tuple[int, ...]:
    ends = list(accumulate(len(line) + 1 for line in data.split(b"\n")))
    return tuple(bisect_right(ends, offset) + 1 for offset in offsets)
