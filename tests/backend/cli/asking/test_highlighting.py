"""Code in colours: the last line of a block, and plain text where the language is not known."""

from backend.cli.asking.highlighting import last_line
from backend.cli.output import Styled


def test_the_last_line_is_read_with_those_before_it() -> None:
    assert last_line(["def f():"], "python") == [
        Styled("def", "magenta"),
        Styled(" "),
        Styled("f", "bold"),
        Styled("():"),
    ]
    assert last_line(["# x"], "python") == [Styled("# x", "dim")]
    assert last_line(["x = '''", "def f"], "python") == [Styled("def f", "green")]


def test_lines_keep_their_text() -> None:
    for line in ("", "  ", "\tx = 1  ", "x\\x1b[2J", "def", "\u3042 = 1", "'open"):
        for language in ("python", "", "no such language", "diff", "json", "c"):
            assert "".join(piece.text for piece in last_line(["a", line], language)) == line


def test_an_unknown_language_is_plain() -> None:
    assert last_line(["def f():"], "nothing") == [Styled("def f():")]
