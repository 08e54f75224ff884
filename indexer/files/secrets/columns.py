"""Secrets in columns that have a head: tables of Markdown, comma-separated lines, rows that SQL inserts.

Knows no other syntax. A table ends with the first line that has another number of cells.
"""

import re
from collections.abc import Generator, Iterator
from functools import partial

from indexer.files.secrets import values
from indexer.files.secrets.linear import compiled
from indexer.files.secrets.names import Strength, strength_of

_CELL = r"[ \t]*[\"']?[A-Za-z][\w .-]*[\"']?[ \t]*"
_HEAD = r"(?m)(?:\A|\n[ \t]*\n|```\w*\n)(" + "|".join(rf"{_CELL}(?:{mark}{_CELL})+" for mark in ",;\t") + r")\r?$"
_RULED = r"(?m)^([^\n|]{0,20}\|[^\n]*)\n[ \t]*\|?[ \t]*:?-+:?[ \t]*\|[-:| \t]*$"
_INSERT = r"(?i)insert[ \t]+(?:or[ \t]+\w{1,20}[ \t]+)?into[ \t]+[^\s()]{1,100}\s*\(([^()]+)\)\s*values\s*"
_LITERAL = re.compile(rb"\(|\)|,|N?'(?:[^'\\\n]|''|\\.){0,1000}'|[^\s(),']+")
_LONGEST_ROW = 20_000  # bytes


def _table_spans(pattern: str, data: bytes) -> Iterator[tuple[int, int]]:
    done = 0
    for match in compiled(pattern).finditer(data):
        if match.start() >= done:
            done = yield from _table(data, data[slice(*match.span(1))], match.end())


def _inserted_spans(data: bytes) -> Iterator[tuple[int, int]]:
    done = 0
    for match in compiled(_INSERT).finditer(data):
        if match.start() >= done:
            done = yield from _inserted(data, _strengths(data[slice(*match.span(1))].split(b",")), match.end())


def _strengths(cells: list[bytes]) -> list[Strength]:
    names = [cell.strip(b" \t\r\n\"'`*[]").replace(b" ", b"_").decode("latin-1") for cell in cells]
    return [strength_of(name[:100]) for name in names]


def _table(data: bytes, head: bytes, after: int) -> Generator[tuple[int, int], None, int]:
    """Gives the end of the table."""
    head = head.rstrip(b"\r")
    mark = max(b"|,;\t", key=lambda sign: (sign == 124 and b"|" in head) * 1000 + head.count(sign))
    strengths = _strengths(head.split(bytes([mark])))
    if not any(strength > Strength.WEAK for strength in strengths):
        return after
    position = data.find(b"\n", after) + 1 if data[after : after + 2].strip(b"\r")[:1] == b"\n" else 0
    while position:
        stop = data.find(b"\n", position)
        line = data[position : stop if stop >= 0 else len(data)]
        cells = line.split(bytes([mark]))
        if len(cells) != len(strengths):
            return position
        at = position
        for cell, strength in zip(cells, strengths, strict=True):
            value = cell.strip(b" \t\r\"'`*")
            begin = at + cell.find(value) if value else at
            if _is_secret(value, strength):
                yield begin, begin + len(value)
            at += len(cell) + 1
        position = stop + 1
        after = stop if stop >= 0 else len(data)
    return after


def _inserted(data: bytes, strengths: list[Strength], position: int) -> Generator[tuple[int, int], None, int]:
    """The literals of `(...), (...)` that belong to secret columns. A call within a row counts as one value."""
    if not any(strength > Strength.WEAK for strength in strengths):
        return position
    depth = column = 0
    limit = position + _LONGEST_ROW
    for token in _LITERAL.finditer(data, position):
        text = token[0]
        if text == b"(":
            depth, column, limit = depth + 1, column if depth else 0, token.end() + _LONGEST_ROW
        elif text == b")":
            depth -= 1
        elif depth == 0 and text != b",":
            return token.start()
        elif text == b"," and depth == 1:
            column += 1
        elif text[-1:] == b"'" and depth and column < len(strengths):
            begin = token.start() + text.index(b"'") + 1
            if _is_secret(data[begin : token.end() - 1], strengths[column]):
                yield begin, token.end() - 1
        if depth < 0 or token.end() > limit:
            return token.end()
        position = token.end()
    return position


def _is_secret(value: bytes, strength: Strength) -> bool:
    if strength <= Strength.WEAK or not 6 <= len(value) <= 4000:
        return False
    text = value[:1000].decode("latin-1")
    if values.is_harmless(text) or b" " in value:
        return False
    return values.is_token(text, quoted=True) or (
        strength is Strength.PASSWORD and values.is_password(text, quoted=True)
    )


# What a text has if it has such a table, and the search for it.
DETECTORS = (
    (r"-:?[ \t]*\|", partial(_table_spans, _RULED)),
    (_HEAD, partial(_table_spans, _HEAD)),
    (_INSERT, _inserted_spans),
)
