"""Regular expressions of RE2, which take linear time on any text. Knows no rules.

Bytes are matched as Latin-1: characters beyond ASCII are no letters, and offsets are those of the encoded text.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import re2

_MEMORY = 64 << 20  # bytes of one expression and its automaton, which is built as texts need it


@cache
def compiled(pattern: str, captures: bool = True) -> Any:
    """The expression. Without `captures` it has no groups, and its matches are found several times faster."""
    return re2.compile(pattern.encode("latin-1"), _options(captures))


def rule_set(patterns: Iterable[str]) -> Any:
    """Its `Match(text)` gives the indexes of all patterns that are somewhere in a text."""
    patterns = list(patterns)
    rules = re2.Set.SearchSet(_options(False))
    for pattern in patterns:
        rules.Add(pattern.encode("latin-1"))
    rules.Compile()
    return rules


def spans(pattern: str, data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of all matches from left to right, none of which overlap."""
    for match in compiled(pattern, captures=False).finditer(data):
        yield match.span()


def _options(captures: bool) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.never_capture = not captures
    options.log_errors = False
    return options
