"""Wraps styled text between words while it arrives. What was printed stays: a changed width counts for what follows."""

from collections.abc import Callable, Iterator

from rich.cells import cell_len

from backend.cli.output import Styled


class Wrapper:
    """Knows the column of the terminal, and the last word as long as more letters of it may come."""

    def __init__(self, width: Callable[[], int]) -> None:
        self._width = width
        self._column = 0
        self._indent = ""  # of the continued lines of this paragraph
        self._spaces: list[Styled] = []  # before the word
        self._word: list[Styled] = []

    def hang(self, columns: int) -> None:
        """The next lines of this paragraph begin below this column."""
        self._indent = " " * min(columns, self._width() // 2)

    def feed(self, piece: Styled) -> Iterator[Styled]:
        """What can be printed now. A piece has no line feed."""
        for text in _words(piece.text):
            if text.isspace():
                yield from self.flush()
                self._spaces.append(Styled(text, piece.style))
            else:
                if cell_len(text[0]) == 2:  # a line may break before and after each character of such scripts
                    yield from self.flush()
                self._word.append(Styled(text, piece.style))

    def flush(self) -> Iterator[Styled]:
        """The last word: nothing belongs to it any more."""
        if not self._word:
            return
        length = sum(cell_len(piece.text) for piece in self._word)
        gap = sum(cell_len(piece.text) for piece in self._spaces)
        if self._column + gap + length > self._width() and self._column > len(self._indent):
            yield Styled(f"\n{self._indent}")
            self._column = len(self._indent)
        else:
            yield from self._spaces
            self._column += gap
        yield from self._word
        self._column += length
        self._spaces, self._word = [], []

    def end_line(self) -> Iterator[Styled]:
        yield from self.flush()
        yield Styled("\n")
        self._column, self._indent, self._spaces = 0, "", []


def _words(text: str) -> Iterator[str]:
    """Runs of spaces, runs of other characters, and each wide character alone."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or _breaks(text[at - 1], text[at]):
            yield text[start:at]
            start = at


def _breaks(before: str, after: str) -> bool:
    return before.isspace() != after.isspace() or (not before.isascii() and cell_len(before) == 2)
