"""Tables: aligned columns, missing and escaped cells, and lines that are no table."""

from backend.cli.asking.tables import styled_table
from backend.cli.output import Styled


def shown(*lines: str, width: int = 40) -> str:
    return "".join(piece.text for piece in styled_table(lines, width))


def test_columns_are_aligned_by_what_is_shown() -> None:
    assert shown("| a | b |", "|:--|--:|", "| `x_y` | 日本 |", "| 1 |") == (
        "a   | b   \n----+-----\nx_y | 日本\n1   | \n".replace("b   \n", "b\n").replace("----+-----", "----+-----")
    )


def test_a_cell_may_contain_a_bar() -> None:
    assert shown("| a\\|b | c |", "|---|---|") == "a|b | c\n----+--\n"


def test_the_head_is_bold() -> None:
    assert next(iter(styled_table(["| a |", "|---|"], 40))) == Styled("a", "bold")


def test_lines_without_a_rule_are_printed_as_they_are() -> None:
    assert shown("|x|", "|y|") == "|x|\n|y|\n"
    assert shown("|x|") == "|x|\n"
