"""A file and its definitions -> chunks of a size that one vector can stand for. Every line that is not blank is in one.

A definition is a chunk; a class is its head and its methods; what is too long is split where a reader would.
Does not parse and does not embed.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from indexer.files.languages import BY_NAME
from indexer.parsing.definitions import Definition
from indexer.types import Chunk, SourceFile

CHUNKER = 2  # version of what `chunks_of` gives, part of every index's recipe
# Characters of a chunk with its lead, about 400 tokens. Measured on the development repositories: 700, 1,500 and 3,000
# are alike for the ranking; shorter ones tear functions apart, longer ones fill a prompt with what was not asked.
LIMIT = 1500

_NEVER = 1 << 30
_OWN_FROM = {"declaration": _NEVER, "constant": 6, "type": 3}  # lines from which a definition is a chunk of its own
_WHOLE = frozenset({"function", "method", "enum", "type", "constant"})  # kept together while they fit
_TINY = 80  # characters: less outside definitions joins the chunk before it
_OVERLAP = 2  # lines that two windows share
_FILL = 0.6  # a part is cut at its best border after this share of the window
_HEADER, _SIGNATURE = 100, 120  # characters of each that are embedded
_SHOWN = 40  # characters of a signature by which it is recognised in a chunk


@dataclass(slots=True)
class _Run:
    """Consecutive lines of one owner. 0-based, `end` exclusive."""

    owner: Definition | None
    start: int
    end: int


def chunks_of(source: SourceFile, definitions: Sequence[Definition], limit: int = LIMIT) -> list[Chunk]:
    """`source` cut into chunks whose embedded text has at most `limit` characters, in order of their lines."""
    lines = source.text.split("\n")
    cutter = _Cutter(source, lines, limit)
    owners = _owners(lines, definitions, cutter)
    starts = {definition.symbol.start_line - 1 for definition in definitions}
    runs = _joined(list(_runs(lines, owners)), lines, starts)
    return [chunk for run in runs for chunk in cutter.chunks(run)]


def _owners(lines: list[str], definitions: Sequence[Definition], cutter: "_Cutter") -> list[Definition | None]:
    """The definition whose chunk each line belongs to: the innermost, unless an outer one is kept whole."""
    owners: list[Definition | None] = [None] * len(lines)
    whole_until = 0
    for definition in definitions:
        symbol, first = definition.symbol, definition.lead_line - 1
        if symbol.end_line <= whole_until or symbol.end_line - symbol.start_line + 1 < _OWN_FROM.get(symbol.kind, 1):
            continue
        around = owners[first]
        if around is not None and around.symbol.start_line == symbol.start_line:  # both on one line: the outer has it
            continue
        owners[first : symbol.end_line] = [definition] * (symbol.end_line - first)
        if symbol.kind in _WHOLE and cutter.fits(_Run(definition, first, symbol.end_line)):
            whole_until = symbol.end_line
    return owners


def _runs(lines: list[str], owners: list[Definition | None]) -> Iterator[_Run]:
    start = 0
    for at in range(1, len(lines) + 1):
        if at == len(lines) or owners[at] is not owners[start]:
            run = _trimmed(_Run(owners[start], start, at), lines)
            if run.start < run.end:
                yield run
            start = at


def _trimmed(run: _Run, lines: list[str]) -> _Run:
    start, end = run.start, run.end
    while start < end and not lines[start].strip():
        start += 1
    while start < end and not lines[end - 1].strip():
        end -= 1
    return _Run(run.owner, start, end)


def _joined(runs: list[_Run], lines: list[str], starts: set[int]) -> list[_Run]:
    """Runs too small to stand alone (a closing brace, `#endif`) put at the end of the run before them."""
    kept: list[_Run] = []
    for run in runs:
        text = "".join(lines[run.start : run.end]).strip()
        says_nothing = not any(character.isalnum() for character in text)
        defines_nothing = starts.isdisjoint(range(run.start, run.end))
        if kept and (says_nothing or (len(text) < _TINY and run.end - run.start <= 2 and defines_nothing)):
            kept[-1].end = run.end
        else:
            kept.append(run)
    return kept


class _Cutter:
    """Cuts the runs of one file into chunks within the limit."""

    def __init__(self, source: SourceFile, lines: list[str], limit: int) -> None:
        self._source = source
        self._lines = lines
        self._limit = limit
        self._before = list(accumulate((len(line) + 1 for line in lines), initial=0))  # characters before each line
        grammar = source.language in BY_NAME and BY_NAME[source.language].grammar
        self._outside = "block" if grammar else "window"

    def fits(self, run: _Run) -> bool:
        return self._before[run.end] - self._before[run.start] <= self._room(run)

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
            overlap = _OVERLAP if run.owner is None and self._outside == "window" and end < run.end else 0
            start = end - overlap if end - overlap > start + overlap else end

    def _room(self, run: _Run) -> int:
        """Characters, line ends counted, that a part of this run may have after the longest lead it can get."""
        return self._limit - len(_lead(self._chunk(run, ""), with_signature=True))

    def _end(self, run: _Run, start: int, room: int) -> int:
        """Where the part that begins at `start` ends: at the best border of its last lines; one line at least."""
        end = max(start + 1, bisect_right(self._before, self._before[start] + room) - 1)
        return run.end if end >= run.end else self._border(start, end)

    def _border(self, start: int, end: int) -> int:
        """The best place to end a part that begins at `start` and may not go beyond `end`."""
        earliest = start + max(1, int((end - start) * _FILL))
        return max(range(earliest, end + 1), key=lambda at: (not self._lines[at - 1].strip(), -self._indent(at), at))

    def _indent(self, at: int) -> int:
        line = self._lines[at]
        return len(line) - len(line.lstrip()) if line.strip() else 0

    def _slices(self, run: _Run, room: int) -> Iterator[Chunk]:
        """One line that does not fit, as pieces of its text."""
        line = self._lines[run.start]
        for at in range(0, len(line), room - 1):
            yield self._chunk(run, line[at : at + room - 1])

    def _chunk(self, run: _Run, text: str) -> Chunk:
        symbol = run.owner.symbol if run.owner else None
        begins = symbol is not None and run.start < symbol.start_line <= run.end
        return Chunk(
            path=self._source.path,
            start_line=run.start + 1,
            end_line=run.end,
            symbol=symbol.qualified if symbol else "",
            kind=symbol.kind if symbol else self._outside,
            language=self._source.language,
            signature=symbol.signature if symbol else "",
            doc=symbol.doc if symbol and begins else "",
            text=text,
        )

    def _text(self, run: _Run) -> str:
        return "\n".join(self._lines[run.start : run.end])


def embedded(chunk: Chunk) -> str:
    """What stands for a chunk in an embedder: where it is, of a later part also what it is a part of, and its lines."""
    begins = " ".join(chunk.text.split()).find(chunk.signature[:_SHOWN]) >= 0
    return f"{_lead(chunk, with_signature=not begins)}\n{chunk.text}"


def _lead(chunk: Chunk, with_signature: bool) -> str:
    lead = chunk.header[-_HEADER:]
    return f"{lead}\n{chunk.signature[:_SIGNATURE]}" if with_signature and chunk.signature else lead
