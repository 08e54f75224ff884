"""A Markdown table as aligned columns, or as it was written where the terminal is too narrow."""

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from backend.cli.asking.inline import styled_inline
from backend.cli.output import Styled

BORDER = "dim"
_RULE = re.compile(r" *\|?(?: *:?-+:? *\|)* *:?-+:? *\|? *")
_SEPARATOR = re.compile(r"(?<!\\)\|")
Cell = tuple[Styled, ...]


def styled_table(lines: Sequence[str], width: int) -> Iterator[Styled]:
    """The pieces of lines that begin with `|`, each line ended."""
    if len(lines) < 2 or not _RULE.fullmatch(lines[1]):
        yield from _as_written(lines)
        return
    rows = [[_cell(text, is_head=n == 0) for text in _texts(line)] for n, line in enumerate(lines) if n != 1]
    columns = max(len(row) for row in rows)
    widths = [max(_length(row[n]) for row in rows if n < len(row)) for n in range(columns)]
    if sum(widths) + 3 * (columns - 1) > width:
        yield from _as_written(lines)
        return
    for n, row in enumerate(rows):
        yield from _row(row, widths)
        if n == 0:
            yield Styled("-+-".join("-" * column for column in widths) + "\n", BORDER)


def _row(row: Sequence[Cell], widths: Sequence[int]) -> Iterator[Styled]:
    for n, width in enumerate(widths):
        cell = row[n] if n < len(row) else ()
        if n:
            yield Styled(" | ", BORDER)
        yield from cell
        if n < len(widths) - 1:
            yield Styled(" " * (width - _length(cell)))
    yield Styled("\n")


def _as_written(lines: Sequence[str]) -> Iterator[Styled]:
    for line in lines:
        yield from styled_inline(line)
        yield Styled("\n")


def _texts(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner.removesuffix("|") if not inner.endswith("\\|") else inner
    return [text.strip().replace("\\|", "|") for text in _SEPARATOR.split(inner)]


def _cell(text: str, is_head: bool) -> Cell:
    return tuple(styled_inline(text, "bold" if is_head else ""))


def _length(cell: Cell) -> int:
    return sum(cell_len(piece.text) for piece in cell)
