"""Lines are broken between words, at the width of the moment."""

from backend.cli.asking.wrapping import Wrapper
from backend.cli.output import Styled


def wrapped(text: str, width: int, hang: int = 0) -> str:
    wrapper = Wrapper(lambda: width)
    wrapper.hang(hang)
    pieces = [piece for letter in text for piece in wrapper.feed(Styled(letter))]
    return "".join(piece.text for piece in [*pieces, *wrapper.end_line()])


def test_words_stay_whole_and_continued_lines_are_indented() -> None:
    assert wrapped("- one two three", 9, hang=2) == "- one two\n  three\n"


def test_a_word_that_is_too_long_is_left_to_the_terminal() -> None:
    assert wrapped("a_very_long_name x", 8) == "a_very_long_name\nx\n"


def test_wide_characters_count_twice_and_break_anywhere() -> None:
    assert wrapped("日本語の", 4) == "日本\n語の\n"


def test_spaces_at_the_end_are_not_printed() -> None:
    assert wrapped("one  ", 8) == "one\n"
