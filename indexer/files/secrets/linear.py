"""Regular expressions of RE2, which take linear time on any text. Knows no rules.

Bytes are matched as Latin-1: characters beyond ASCII are no letters, and offsets are those of the encoded text.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

import re2

_MEMORY = 64 << 20  # bytes of one expression and its automaton, which is built as texts need it
_ANCHOR = re2._re2.RE2.Anchor

# Given a text, a beginning and an end: the spans of a match and of its groups. All are (-1, -1) if there is none.
Finder = Callable[[bytes, int, int], list[tuple[int, int]]]


@cache
def compiled(pattern: str, captures: bool = True) -> Any:
    """The expression. Without `captures` it has no groups, and its matches are found several times faster."""
    return re2.compile(pattern.encode("latin-1"), _options(captures))


@cache
def finder(pattern: str, anchored: bool = False, captures: bool = True) -> Finder:
    """The search for an expression, or its match at the beginning, without the objects that `re2` makes of matches."""
    anchor = _ANCHOR.ANCHOR_START if anchored else _ANCHOR.UNANCHORED
    return partial(compiled(pattern, captures)._regexp.Match, anchor)


def rule_set(patterns: Iterable[str]) -> Any:
    """Its `Match(text)` gives the indexes of all patterns that are somewhere in a text."""
    patterns = list(patterns)
    rules = re2.Set.SearchSet(_options(False))
    for pattern in patterns:
        rules.Add(pattern.encode("latin-1"))
    rules.Compile()
    return rules


def spans(pattern: str, data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of all matches from left to right, none of which overlap. None may be empty."""
    find = finder(pattern, captures=False)
    position, end = 0, len(data)
    while (span := find(data, position, end)[0])[0] >= 0:
        yield span
        position = span[1]


def _options(captures: bool) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.never_capture = not captures
    options.log_errors = False
    return options
