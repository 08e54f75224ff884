"""A file and its definitions -> chunks that fit the embedder's window. Every line that is not blank lies in one.

A definition is a chunk; a class is its head and its methods; what is too long is split where a reader would.
Does not parse and does not embed: the embedder lends its token count.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from indexer.languages import BY_NAME
from indexer.parse import Definition
from indexer.types import Chunk, SourceFile

CHUNKER = 1  # version of what `chunks_of` gives, part of every index's recipe

Count = Callable[[str], int]

_NEVER = 1 << 30
_OWN_FROM = {"declaration": _NEVER, "constant": 6, "type": 3}  # lines from which a definition is a chunk of its own
_WHOLE = frozenset({"function", "method", "enum", "type", "constant"})  # kept together while they fit
_TINY = 80  # characters: less outside definitions joins the chunk before it
_OVERLAP = 2  # lines that two windows share
_FILL = 0.6  # a part is cut at its best border after this share of the window
_HEADER, _SIGNATURE = 100, 120  # characters of each that are embedded


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk and the text that stands for it in the embedder: never more than its window."""

    chunk: Chunk
    embedded: str


@dataclass(slots=True)
class _Run:
    """Consecutive lines of one owner. 0-based, `end` exclusive."""

    owner: Definition | None
    start: int
    end: int


def chunks_of(source: SourceFile, definitions: Sequence[Definition], count: Count, limit: int) -> list[Piece]:
    """`source` cut into pieces whose embedded text has at most `limit` tokens by `count`, in order of their lines."""
    lines = source.text.split("\n")
    cutter = _Cutter(source, lines, count, limit)
    owners = _owners(lines, definitions, cutter)
    starts = {definition.symbol.start_line - 1 for definition in definitions}
    runs = _joined(list(_runs(lines, owners)), lines, starts)
    return [piece for run in runs for piece in cutter.pieces(run)]


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
    """Cuts the runs of one file into pieces within the window."""

    def __init__(self, source: SourceFile, lines: list[str], count: Count, limit: int) -> None:
        self._source = source
        self._lines = lines
        self._count = count
        self._limit = limit
        grammar = source.language in BY_NAME and BY_NAME[source.language].grammar
        self._outside = "block" if grammar else "window"

    def fits(self, run: _Run) -> bool:
        return self._within(self._piece(run, self._text(run.start, run.end)))

    def pieces(self, run: _Run) -> Iterator[Piece]:
        whole = self._piece(run, self._text(run.start, run.end))
        if self._within(whole):
            yield whole
            return
        for start, end in self._parts(run):
            yield from self._halved(_Run(run.owner, start, end))

    def _parts(self, run: _Run) -> Iterator[tuple[int, int]]:
        """Line ranges that hold about a window each, cut at the best border of their last part."""
        empty = self._count("")
        room = max(1, self._limit - self._count(_lead(self._piece(run, "").chunk, with_signature=True)))
        sizes = [self._count(line) - empty for line in self._lines[run.start : run.end]]
        start = run.start
        while start < run.end:
            end, filled = start, 0
            while end < run.end and (end == start or filled + sizes[end - run.start] <= room):
                filled += sizes[end - run.start]
                end += 1
            if end < run.end:
                end = self._border(start, end)
            yield start, end
            overlap = _OVERLAP if run.owner is None and self._outside == "window" and end < run.end else 0
            start = end - overlap if end - overlap > start + overlap else end

    def _border(self, start: int, end: int) -> int:
        """The best place to end a part that begins at `start` and may not go beyond `end`."""
        earliest = start + max(1, int((end - start) * _FILL))
        return max(range(earliest, end + 1), key=lambda at: (not self._lines[at - 1].strip(), -self._indent(at), at))

    def _indent(self, at: int) -> int:
        line = self._lines[at]
        return len(line) - len(line.lstrip()) if line.strip() else 0

    def _halved(self, part: _Run) -> Iterator[Piece]:
        """Halves of a part until they fit: the sum of its lines' sizes is an estimate."""
        stack = [part]
        while stack:
            run = stack.pop()
            piece = self._piece(run, self._text(run.start, run.end))
            if self._within(piece):
                yield piece
            elif run.end - run.start == 1:
                yield from self._slices(run)
            else:
                middle = (run.start + run.end) // 2
                stack += [_Run(run.owner, middle, run.end), _Run(run.owner, run.start, middle)]

    def _slices(self, run: _Run) -> Iterator[Piece]:
        """One line that does not fit, as pieces of its text."""
        stack = [self._lines[run.start]]
        while stack:
            text = stack.pop()
            piece = self._piece(run, text)
            if self._within(piece) or len(text) <= 1:
                yield piece
            else:
                stack += [text[len(text) // 2 :], text[: len(text) // 2]]

    def _piece(self, run: _Run, text: str) -> Piece:
        symbol = run.owner.symbol if run.owner else None
        begins = symbol is not None and run.start < symbol.start_line <= run.end
        chunk = Chunk(
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
        lead = _lead(chunk, with_signature=not begins)
        if self._count(lead) > self._limit // 2:  # a path or a name longer than the window: the code matters more
            lead = ""
        return Piece(chunk, f"{lead}\n{text}" if lead else text)

    def _within(self, piece: Piece) -> bool:
        return self._count(piece.embedded) <= self._limit

    def _text(self, start: int, end: int) -> str:
        return "\n".join(self._lines[start:end])


def _lead(chunk: Chunk, with_signature: bool) -> str:
    """What an embedder is told before the lines: where they are, and of a later part also what it is a part of."""
    lead = chunk.header[-_HEADER:]
    return f"{lead}\n{chunk.signature[:_SIGNATURE]}" if with_signature and chunk.signature else lead
