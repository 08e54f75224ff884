"""Markup inside a line, and how much of a line is certain before its end has come."""

import pytest

from backend.cli.asking.inline import safe_length, styled_inline
from backend.cli.output import Styled


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("`a_b` c", [("a_b", "cyan"), (" c", "")]),
        ("`` `x` `` d", [("`x`", "cyan"), (" d", "")]),
        ("**a `b`**", [("a ", "bold"), ("b", "bold cyan")]),
        ("a *b* c", [("a ", ""), ("b", "italic"), (" c", "")]),
        ("[1-3], [2]", [("[1-3]", "bold blue"), (", ", ""), ("[2]", "bold blue")]),
        ("x[1] and [1](y)", [("x", ""), ("[1]", "bold blue"), (" and ", ""), ("1", "underline"), (" (y)", "")]),
        ("[docs](https://x.y)", [("docs", "underline"), (" (https://x.y)", "")]),
        ("[https://x.y](https://x.y)", [("https://x.y", "underline")]),
        ("\\*a\\* \\x1b", [("*", ""), ("a", ""), ("*", ""), (" \\x1b", "")]),
        ("__init__ 5 * 3 * 2 *args **kwargs", [("__init__ 5 * 3 * 2 *args **kwargs", "")]),
        ("[bold]x[/bold] :smile:", [("[bold]x[/bold] :smile:", "")]),
    ],
)
def test_pieces(text: str, pieces: list[tuple[str, str]]) -> None:
    assert list(styled_inline(text)) == [Styled(*piece) for piece in pieces]


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("plain words", "plain words"),
        ("a `b", "a "),
        ("a `b`", "a "),  # another backtick may follow
        ("a `b` c", "a `b` c"),
        ("a **b* c", "a "),
        ("see [1", "see "),
        ("see [1]", "see "),  # "(" may follow
        ("see [1].", "see [1]."),
        ("see [x](http://y", "see "),
        ("a \\", "a "),
        ("a [b] c", "a [b] c"),
    ],
)
def test_what_is_certain(text: str, certain: str) -> None:
    assert text[: safe_length(text)] == certain


@pytest.mark.parametrize("end", ["", " and on"])
def test_thousands_of_ticks_are_read_as_one_run(end: str) -> None:
    # A model that repeats itself writes such lines. All ways to split the run would take minutes.
    text = f"x {'`' * 3000}{end}"
    assert list(styled_inline(text)) == [Styled(text)]
    assert safe_length(text) == 2
