"""Colours for code, line by line as it arrives. The colours are of the terminal's own sixteen: they suit any ground."""

from collections.abc import Sequence
from functools import cache

from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Span, Text

from backend.cli.output import Styled

CONTEXT_LINES = 80  # that are read again for each line, so that a text of several lines stays one: 10 ms of a core
_STYLES = {
    ("Comment",): "dim",
    ("Keyword",): "magenta",
    ("Operator", "Word"): "magenta",
    ("Name", "Builtin"): "cyan",
    ("Name", "Class"): "bold",
    ("Name", "Decorator"): "magenta",
    ("Name", "Function"): "bold",
    ("Name", "Tag"): "magenta",
    ("Literal", "String"): "green",
    ("Literal", "Number"): "cyan",
    ("Generic", "Deleted"): "red",
    ("Generic", "Inserted"): "green",
    ("Generic", "Heading"): "bold",
    ("Generic", "Subheading"): "magenta",
}


def last_line(lines: Sequence[str], language: str) -> list[Styled]:
    """The pieces of the last of these lines of code. Plain for a language that is not known."""
    if not lines[-1].strip():
        return [Styled(lines[-1])]
    text = _syntax(language).highlight("\n".join(lines[-CONTEXT_LINES:]))
    text.rstrip()  # a line feed that the lexer adds
    shown = text.split("\n", allow_blank=True)[-1]
    return _pieces(shown) if shown.plain == lines[-1].rstrip() else [Styled(lines[-1])]


@cache
def _syntax(language: str) -> Syntax:
    theme = ANSISyntaxTheme({token: Style.parse(style) for token, style in _STYLES.items()})
    return Syntax("", language, theme=theme)


def _pieces(line: Text) -> list[Styled]:
    pieces, at = [], 0
    for span in sorted(line.spans, key=lambda span: span.start):
        if at < span.start:
            pieces.append(Styled(line.plain[at : span.start]))
        pieces.append(Styled(line.plain[max(at, span.start) : span.end], _style(span)))
        at = max(at, span.end)
    return [piece for piece in [*pieces, Styled(line.plain[at:])] if piece.text]


def _style(span: Span) -> str:
    style = str(span.style)
    return "" if style == "none" else style
