"""A file and its definitions -> chunks, each small enough for one vector. Every line that is not blank is in a chunk.

A definition is a chunk. A class is a chunk for its head and one for each method. A long definition is split at blank
lines and low indentation. Does not parse and does not embed.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from indexer.files.languages import BY_NAME
from indexer.parsing.definitions import Definition
from indexer.types import Chunk, SourceFile

CHUNKER = 10  # version of the result of `chunks_of`, part of every index's recipe
# Characters of a chunk with its prefix, about 400 tokens. Measured on the development repositories: 700, 1,500 and
# 3,000 rank alike; shorter chunks split functions, longer ones fill a prompt with unrelated code.
LIMIT = 1500

_NEVER = 1 << 30
_OWN_CHUNK_LINES = {  # a shorter one is no chunk of its own
    "declaration": _NEVER,
    "constant": 6,
    "selector": 6,
    "key": 6,
    "target": 3,
    "type": 3,
}
_KEEP_WHOLE = frozenset({"function", "method", "enum", "type", "constant", "key"})  # not split while they fit
_TINY = 80  # characters: a smaller run outside definitions joins the chunk before it
_OVERLAP = 2  # lines that two windows share
_MIN_FILL = 0.6  # a part ends at its best break after this share of the limit
_HEADER, _SIGNATURE = 100, 120  # characters of each that are embedded
_SIGNATURE_START = 40  # characters of a signature that show whether a chunk contains it


@dataclass(slots=True)
class _Run:
    """Consecutive lines of one owner. 0-based, `end` exclusive."""

    owner: Definition | None
    start: int
    end: int


def chunks_of(source: SourceFile, definitions: Sequence[Definition], limit: int = LIMIT) -> list[Chunk]:
    """`source` in chunks whose embedding text has at most `limit` characters, in order of lines."""
    lines = source.text.split("\n")
    chunker = _Chunker(source, lines, limit)
    owners = _owners(lines, definitions, chunker)
    starts = {definition.symbol.start_line - 1 for definition in definitions}
    runs = _join_small(list(_runs(lines, owners)), lines, starts)
    return [chunk for run in runs for chunk in chunker.chunks(run)]


def _owners(lines: list[str], definitions: Sequence[Definition], chunker: "_Chunker") -> list[Definition | None]:
    """The definition whose chunk each line belongs to: the innermost, unless an outer one is kept whole."""
    owners: list[Definition | None] = [None] * len(lines)
    whole_until = 0
    for definition in definitions:
        symbol, first = definition.symbol, definition.lead_line - 1
        length = symbol.end_line - symbol.start_line + 1
        if symbol.end_line <= whole_until or length < _OWN_CHUNK_LINES.get(symbol.kind, 1):
            continue
        outer = owners[first]
        if outer is not None and outer.symbol.start_line == symbol.start_line:  # both begin on the line: the outer wins
            continue
        owners[first : symbol.end_line] = [definition] * (symbol.end_line - first)
        if symbol.kind in _KEEP_WHOLE and chunker.fits(_Run(definition, first, symbol.end_line)):
            whole_until = symbol.end_line
    return owners


def _runs(lines: list[str], owners: list[Definition | None]) -> Iterator[_Run]:
    start = 0
    for at in range(1, len(lines) + 1):
        if at == len(lines) or owners[at] is not owners[start]:
            run = _strip_blank(_Run(owners[start], start, at), lines)
            if run.start < run.end:
                yield run
            start = at


def _strip_blank(run: _Run, lines: list[str]) -> _Run:
    start, end = run.start, run.end
    while start < end and not lines[start].strip():
        start += 1
    while start < end and not lines[end - 1].strip():
        end -= 1
    return _Run(run.owner, start, end)


def _join_small(runs: list[_Run], lines: list[str], starts: set[int]) -> list[_Run]:
    """Joins runs too small for a chunk (a closing brace, `#endif`) to the run before them."""
    joined: list[_Run] = []
    for run in runs:
        text = "".join(lines[run.start : run.end]).strip()
        has_no_word = not any(character.isalnum() for character in text)
        defines_nothing = starts.isdisjoint(range(run.start, run.end))
        if joined and (has_no_word or (len(text) < _TINY and run.end - run.start <= 2 and defines_nothing)):
            joined[-1].end = run.end
        else:
            joined.append(run)
    return joined


class _Chunker:
    """Cuts the runs of one file into chunks within the limit."""

    def __init__(self, source: SourceFile, lines: list[str], limit: int) -> None:
        self._source = source
        self._lines = lines
        self._limit = limit
        self._offsets = list(accumulate((len(line) + 1 for line in lines), initial=0))  # characters before each line
        grammar = source.language in BY_NAME and BY_NAME[source.language].grammar
        self._kind_outside = "block" if grammar else "window"

    def fits(self, run: _Run) -> bool:
        return self._offsets[run.end] - self._offsets[run.start] <= self._room(run)

    def chunks(self, run: _Run) -> Iterator[Chunk]:
        if self.fits(run):
            yield self._chunk(run, self._text(run))
            return
        room = self._room(run)
        start = run.start
        while start < run.end:
            end = self._end(run, start, room)
            part = _Run(run.owner, start, end)
            yield from [self._chunk(part, self._text(part))] if self.fits(part) else self._slices(part, room)
            overlap = _OVERLAP if run.owner is None and self._kind_outside == "window" and end < run.end else 0
            start = end - overlap if end - overlap > start + overlap else end

    def _room(self, run: _Run) -> int:
        """Characters, with line ends, that a part of this run may have beside the longest prefix."""
        return self._limit - len(_prefix(self._chunk(run, ""), with_signature=True))

    def _end(self, run: _Run, start: int, room: int) -> int:
        """Where the part that begins at `start` ends: at the best break among its last lines; at least one line."""
        end = max(start + 1, bisect_right(self._offsets, self._offsets[start] + room) - 1)
        return run.end if end >= run.end else self._best_break(start, end)

    def _best_break(self, start: int, end: int) -> int:
        """The best end, at most `end`, of a part that begins at `start`: after a blank line, at a low indentation."""
        earliest = start + max(1, int((end - start) * _MIN_FILL))
        return max(range(earliest, end + 1), key=lambda at: (not self._lines[at - 1].strip(), -self._indent(at), at))

    def _indent(self, at: int) -> int:
        line = self._lines[at]
        return len(line) - len(line.lstrip()) if line.strip() else 0

    def _slices(self, run: _Run, room: int) -> Iterator[Chunk]:
        """A line that does not fit, as pieces of its text."""
        line = self._lines[run.start]
        for at in range(0, len(line), room - 1):
            yield self._chunk(run, line[at : at + room - 1])

    def _chunk(self, run: _Run, text: str) -> Chunk:
        symbol = run.owner.symbol if run.owner else None
        has_start = symbol is not None and run.start < symbol.start_line <= run.end
        return Chunk(
            path=self._source.path,
            start_line=run.start + 1,
            end_line=run.end,
            symbol=symbol.qualified if symbol else "",
            kind=symbol.kind if symbol else self._kind_outside,
            language=self._source.language,
            signature=symbol.signature if symbol else "",
            doc=symbol.doc if symbol and has_start else "",
            text=text,
        )

    def _text(self, run: _Run) -> str:
        return "\n".join(self._lines[run.start : run.end])


def embedding_text(chunk: Chunk) -> str:
    """What is embedded for a chunk: path and symbol, the signature unless the lines contain it, and the lines."""
    has_signature = " ".join(chunk.text.split()).find(chunk.signature[:_SIGNATURE_START]) >= 0
    return f"{_prefix(chunk, with_signature=not has_signature)}\n{chunk.text}"


def _prefix(chunk: Chunk, with_signature: bool) -> str:
    header = chunk.header[-_HEADER:]
    return f"{header}\n{chunk.signature[:_SIGNATURE]}" if with_signature and chunk.signature else header
