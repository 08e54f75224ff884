"""Markdown as styled text for a terminal, while it arrives. What was printed is never printed again.

So nothing flickers, and it works in any terminal, at any width, and over a slow line. Line breaks stay where they are.
Only what may still change its meaning waits: an open `**`, a line of code, a table. Knows no terminal: it is told the
width, and the text is already safe to show.
"""

import re
from collections.abc import Callable, Generator, Iterator

from backend.cli.asking.highlighting import last_line
from backend.cli.asking.inline import safe_length, styled_inline
from backend.cli.asking.tables import styled_table
from backend.cli.asking.wrapping import Wrapper
from backend.cli.output import Styled

MARKER, FENCE, QUOTE, HEADING = "blue", "dim", "dim", "bold"
TOP_HEADING = "bold underline"
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,}) *(?P<language>[^\s`]*)[^`]*")
_HEADING = re.compile(r" {0,3}(?P<level>#{1,6}) +")
_ITEM = re.compile(r" *(?:[-*+]|\d{1,9}[.)]) +")
_QUOTE = re.compile(r" {0,3}(?:> ?)+")
_RULE = re.compile(r" {0,3}([-*_])(?: *\1){2,} *")
_CODE = re.compile(r" {4,}|\t")
# The beginning of a line that may still become a heading, an item, a quote, a rule, a fence or a table.
_UNDECIDED = re.compile(r" *(?:#{0,6}|[-*+_][-*+_ ]*|\d{1,9}[.)]?|(?:> ?)*|`{1,2}|(?:`{3}|~~~)[^\n]*|\|[^\n]*) *")


class MarkdownStream:
    """The text of one answer, in pieces of any length; the pieces that `feed` and `finish` give are to be printed."""

    def __init__(self, width: Callable[[], int], bullet: str = "-") -> None:
        self._width, self._bullet = width, bullet
        self._wrapper = Wrapper(width)
        self._rest = ""  # of the current line: not printed yet
        self._style: str | None = None  # of the current line; None: its kind is not known yet
        self._is_raw = False  # the current line is printed as it is
        self._has_paused = False
        self._fence = self._language = ""  # of the open block of code
        self._code: list[str] = []
        self._table: list[str] = []

    def feed(self, text: str) -> Iterator[Styled]:
        if self._has_paused and text:
            text, self._has_paused = text.removeprefix("\n").lstrip(" "), False
        self._rest += text
        while "\n" in self._rest:
            line, _, rest = self._rest.partition("\n")
            yield from self._end_line(line)
            self._rest = rest
        yield from self._begin_line()

    def pause(self) -> Iterator[Styled]:
        """Ends the line on the screen: its rest takes seconds to come. A line feed that comes then is this one.

        Open markup goes to the next line: it would end here without its other half.
        """
        if self._fence or (self._style is None and _UNDECIDED.fullmatch(self._rest)):
            return
        length = len(self._rest) if self._is_raw else safe_length(self._rest, is_ended=True)
        yield from self._end_line(self._rest[:length])
        self._rest = self._rest[length:]
        self._has_paused = not self._rest

    def finish(self) -> Iterator[Styled]:
        """What waited. Ends the last line."""
        if self._rest or self._style is not None:
            yield from self._end_line(self._rest)
            self._rest = ""
        yield from self._end_table()

    def _end_line(self, line: str) -> Iterator[Styled]:
        if self._style is None:
            if self._fence:
                yield from self._code_line(line)
                return
            if line.startswith("|"):
                self._table.append(line)
                return
            yield from self._end_table()
            if fence := _FENCE.fullmatch(line):
                self._fence, self._language, self._code = fence["fence"], fence["language"], []
                yield Styled(line, FENCE)
                yield Styled("\n")
                return
            line = yield from self._decide(line)
        yield from self._inline(line)
        yield from self._wrapper.end_line()
        self._style = None

    def _begin_line(self) -> Iterator[Styled]:
        """Prints what is certain of a line that has not ended."""
        if self._style is None:
            if self._fence or _UNDECIDED.fullmatch(self._rest):
                return
            yield from self._end_table()
            self._rest = yield from self._decide(self._rest)
        length = len(self._rest) if self._is_raw else safe_length(self._rest)
        yield from self._inline(self._rest[:length])
        self._rest = self._rest[length:]

    def _decide(self, line: str) -> Generator[Styled, None, str]:
        """Sets the kind of the line and prints its marker. Returns what is left of the line."""
        self._style, self._is_raw = "", False
        if heading := _HEADING.match(line):
            self._style = TOP_HEADING if len(heading["level"]) == 1 else HEADING
            return line[heading.end() :]
        if _RULE.fullmatch(line) or (_CODE.match(line) and not _ITEM.match(line)):
            self._is_raw = True
            return line
        if quote := _QUOTE.match(line):
            self._style = QUOTE
            return (yield from self._marker(line, quote[0]))
        if item := _ITEM.match(line):
            marker = re.sub(r"[-*+]", self._bullet, item[0])
            return (yield from self._marker(line, item[0], marker))
        return line

    def _marker(self, line: str, written: str, shown: str = "") -> Generator[Styled, None, str]:
        yield from self._wrapper.feed(Styled((shown or written).rstrip(), MARKER))
        yield from self._wrapper.feed(Styled(written[len(written.rstrip()) :]))
        self._wrapper.hang(len(written))
        return line[len(written) :]

    def _inline(self, text: str) -> Iterator[Styled]:
        style = self._style or ""
        for piece in [Styled(text, style)] if self._is_raw else styled_inline(text, style):
            yield from self._wrapper.feed(piece)

    def _code_line(self, line: str) -> Iterator[Styled]:
        closing = line.strip()
        if closing.startswith(self._fence) and set(closing) == {self._fence[0]}:
            self._fence = ""
            yield Styled(line, FENCE)
        else:
            self._code.append(line)
            yield from last_line(self._code, self._language)
        yield Styled("\n")

    def _end_table(self) -> Iterator[Styled]:
        if self._table:
            yield from styled_table(self._table, self._width())
            self._table = []
