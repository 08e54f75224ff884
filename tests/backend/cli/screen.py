"""A small terminal: what stands on its lines after some output, with what our programs send to a terminal."""

import io
import re

_TOKEN = re.compile(
    r"\x1b\[([?\d;]*)([A-Za-z])|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b.|[\r\n\x08\x07\t]|[^\x1b\r\n\x08\x07\t]+", re.DOTALL
)


class Screen:
    """Has no height: nothing scrolls away. Lines are wrapped at the width, as a terminal does it."""

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0

    @property
    def lines(self) -> list[str]:
        shown = ["".join(row).rstrip() for row in self._rows]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def feed(self, output: str) -> None:
        for token in _TOKEN.finditer(output):
            if token[2]:
                self._control(token[1], token[2])
            elif token[0] == "\n":
                self._move(self._row + 1)
            elif token[0] == "\r":
                self._column = 0
            elif token[0] == "\x08":
                self._column = max(0, self._column - 1)
            elif token[0] == "\t":
                self._column = (self._column // 8 + 1) * 8
            elif token[0][0] not in "\x1b\x07":
                for character in token[0]:
                    self._put(character)

    def _move(self, row: int) -> None:
        self._row = max(0, row)
        while len(self._rows) <= self._row:
            self._rows.append([])

    def _put(self, character: str) -> None:
        if self._column >= self.width:
            self._move(self._row + 1)
            self._column = 0
        row = self._rows[self._row]
        row.extend(" " * (self._column + 1 - len(row)))
        row[self._column] = character
        self._column += 1

    def _control(self, parameters: str, kind: str) -> None:
        number = int(parameters) if parameters.isdigit() else 1
        match kind:
            case "A":
                self._move(self._row - number)
            case "B":
                self._move(self._row + number)
            case "C":
                self._column += number
            case "D":
                self._column = max(0, self._column - number)
            case "G":
                self._column = number - 1
            case "K":
                del self._rows[self._row][self._column :]
            case "J":
                del self._rows[self._row][self._column :]
                del self._rows[self._row + 1 :]


class TerminalStream(io.StringIO):
    """A stream of a program that is a terminal; several may share one screen."""

    encoding = "utf-8"

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._screen.feed(text.replace("\n", "\r\n"))
        return super().write(text)
