"""Markdown on a terminal while it arrives: the same text for any pieces, and nothing is printed twice."""

from collections.abc import Iterable

import pytest

from backend.cli.asking.markdown import MarkdownStream
from backend.cli.output import Styled

ANSWER = """\
# Sessions

`expire` is in `sessions.py:1-3` [1]. It **drops** what is *older* than an hour, and then it writes a line [2, 3].

- the first item, which is too long for one line of the terminal
  * nested `code`
12. twelve

> quoted

```python
def f(x):
    return [x] * 2
```

| name | value |
|---|---|
| `a` | 1 |
| bb | **two** |

***
    x = **kwargs
*args and **kwargs"""
SHOWN = """\
Sessions

expire is in sessions.py:1-3 [1]. It
drops what is older than an hour, and
then it writes a line [2, 3].

* the first item, which is too long for
  one line of the terminal
  * nested code
12. twelve

> quoted

```python
def f(x):
    return [x] * 2
```

name | value
-----+------
a    | 1
bb   | two

***
    x = **kwargs
*args and **kwargs
"""


def shown(pieces: Iterable[Styled]) -> str:
    return "".join(piece.text for piece in pieces)


def stream(width: int = 40) -> MarkdownStream:
    return MarkdownStream(lambda: width, "*")


def rendered(text: str, size: int = 10_000, width: int = 40) -> list[Styled]:
    markdown = stream(width)
    pieces = [piece for at in range(0, len(text), size) for piece in markdown.feed(text[at : at + size])]
    return [*pieces, *markdown.finish()]


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_any_pieces_give_the_same_lines(size: int) -> None:
    assert shown(rendered(ANSWER, size)) == SHOWN


def test_styles() -> None:
    pieces = [piece for piece in rendered(ANSWER) if piece.text.strip()]
    assert pieces[0] == Styled("Sessions", "bold underline")
    assert Styled("expire", "cyan") in pieces
    assert Styled("[1]", "bold blue") in pieces
    assert Styled("drops", "bold") in pieces
    assert Styled("older", "italic") in pieces
    assert Styled("def", "magenta") in pieces
    assert Styled("two", "bold") in pieces


def test_text_appears_word_by_word() -> None:
    markdown = stream()
    assert shown(markdown.feed("It expires ses")) == "It expires"
    assert shown(markdown.feed("sions **now")) == " sessions"
    assert shown(markdown.feed("** and")) == " now"
    assert shown(markdown.finish()) == " and\n"


def test_code_appears_line_by_line_with_the_colours_of_a_text_that_goes_on() -> None:
    markdown = stream()
    assert shown(markdown.feed('```py\ndef f():\n    """One\n    tw')) == '```py\ndef f():\n    """One\n'
    assert [piece for piece in markdown.feed("o\n") if piece.text.strip()] == [Styled("    two", "green")]


def test_a_line_ends_while_the_model_is_loaded_and_the_text_goes_on_below_it() -> None:
    markdown = stream()
    assert shown([*markdown.feed("It is in `a.py`"), *markdown.pause()]) == "It is in a.py\n"
    assert shown([*markdown.feed("\n\nIt "), *markdown.finish()]) == "\nIt\n"
    again = stream()
    assert shown([*again.feed("It is."), *again.pause(), *again.pause()]) == "It is.\n"
    assert shown([*again.feed(" More"), *again.finish()]) == "More\n"


@pytest.mark.parametrize("cut", range(1, len("In `a.py:1-9` [2] with **`x`** and `y`.")))
def test_a_line_that_ends_inside_of_markup_breaks_none(cut: int) -> None:
    text = "In `a.py:1-9` [2] with **`x`** and `y`."
    markdown = stream()
    pieces = [*markdown.feed(text[:cut]), *markdown.pause(), *markdown.feed(text[cut:]), *markdown.finish()]
    assert "".join(shown(pieces).split()) == "Ina.py:1-9[2]withxandy."


def test_nothing_waits_in_a_block_of_code_or_before_any_text() -> None:
    markdown = stream()
    assert shown(markdown.pause()) == ""
    assert shown([*markdown.feed("```\nx = "), *markdown.pause()]) == "```\n"
    assert shown([*markdown.feed("1\n```"), *markdown.finish()]) == "x = 1\n```\n"


def test_a_changed_width_counts_for_what_follows() -> None:
    widths = [40]
    markdown = MarkdownStream(lambda: widths[0])
    first = shown(markdown.feed("one two three four "))
    widths[0] = 20
    assert first + shown([*markdown.feed("five six seven eight"), *markdown.finish()]) == (
        "one two three four\nfive six seven eight\n"
    )


def test_a_table_that_is_too_wide_is_printed_as_it_is() -> None:
    assert shown(rendered("| a b c d e | f g h i j |\n|---|---|\n| 1 | 2 |\n", width=20)) == (
        "| a b c d e | f g h i j |\n|---|---|\n| 1 | 2 |\n"
    )


@pytest.mark.parametrize("text", ["", "\n", "x\n", "```", "```\n", "|", "#", "**", "[1", "`a", "1.", "- ", "> ", "\\"])
def test_beginnings_lose_nothing(text: str) -> None:
    assert shown(rendered(text, 1)).split() == (text.replace("- ", "* ") if text == "- " else text).split()
