"""Control and invisible characters as escapes."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.visible import one_line, visible, visible_json

TITLE, CLIPBOARD = "\x1b]0;title\x07", "\x1b]52;c;aGk=\x07"
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Of these categories, but with a shape (hieroglyphs from U+13430 on), or what Persian and emoji are written with.
SHOWN = {*map(chr, range(0x13430, 0x13460))} | set(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u200c\u200d\U000110bd\U000110cd"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TITLE, "\\x1b]0;title\\x07"),
        ("\x1b[2J", "\\x1b[2J"),
        (CLIPBOARD, "\\x1b]52;c;aGk=\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\x7f\x00\x85\xad", "\\x7f\\x00\\x85\\xad"),
        ("100 % safe\rrm", "100 % safe\\rrm"),
        ("a\u202eb\u2066c\u2069\u200e\u061c", "a\\u202eb\\u2066c\\u2069\\u200e\\u061c"),
        ("a\u200bb\ufeff\u2028\u2029", "a\\u200bb\\ufeff\\u2028\\u2029"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
    ],
)
def test_each_kind_of_hidden_character(text: str, shown: str) -> None:
    assert (visible(text), one_line(text)) == (shown, shown)


def test_line_feeds_and_tabs_stay_in_text_and_are_escaped_in_a_line() -> None:
    assert visible("a\n\tb\x1b") == "a\n\tb\\x1b"
    assert one_line("a\n\tb\x1b") == "a\\n\\tb\\x1b"


@pytest.mark.parametrize("text", ["", "x = '\\x1b'", "été 日本 ключ", "\u0645\u06cc\u200c\u062e", "👩\u200d💻 ❤\ufe0f"])
def test_other_text_is_returned_itself(text: str) -> None:
    assert visible(text) is text
    assert one_line(text) is text


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_hidden_is_left(text: str) -> None:
    shown = visible(text)
    assert {char for char in shown if unicodedata.category(char) in HIDDEN} - SHOWN <= {"\n", "\t"}
    assert visible(shown) is shown
    assert "".join(map(visible, text)) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_json_keeps_its_value(text: str) -> None:
    written = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(written) == json.loads(json.dumps({text: [text]}))
    assert visible(written) == written
    written.encode()
