"""Data in long lines is cut out; the lines around it stay as they are."""

import pytest

from indexer.files.content.long_lines import ELLIPSIS, without_long_lines

CODE = "def load():\n    return DATA\n"


def test_ordinary_text_is_unchanged() -> None:
    text = "x = 1\n" * 5000
    assert without_long_lines(text, prose=False) is text
    paragraphs = "word " * 3000
    assert without_long_lines(paragraphs, prose=True) is paragraphs


@pytest.mark.parametrize("length", [4500, 12_000, 90_000])
def test_a_long_line_keeps_its_number_its_beginning_and_its_end(length: int) -> None:
    text = without_long_lines(f'DATA = "{"ab" * length}"\n{CODE}', prose=False)
    assert text is not None
    long, rest = text.split("\n", 1)
    assert rest == CODE
    assert (long[:10], ELLIPSIS in long, long[-3:], len(long)) == ('DATA = "ab', True, 'ab"', 401)


@pytest.mark.parametrize("quote", ["'", '"', "`"])
def test_no_string_stays_open(quote: str) -> None:
    rows = ",".join(f"({n},{quote}name{n}{quote})" for n in range(3000))
    for shift in range(8):
        text = without_long_lines(f"{'x' * shift}insert({rows});\n{CODE}", prose=False)
        assert text is not None
        long = text.split("\n")[0]
        assert long.count(quote) % 2 == 0
        assert long.endswith(");")


@pytest.mark.parametrize(
    "text", ["x" * 10_001, "var a=1;" * 2000, "// licence\n" + "a=1;" * 4000, "\n\n" + "a" * 20_000]
)
def test_a_file_of_little_else_is_minified(text: str) -> None:
    assert without_long_lines(text, prose=False) is None


def test_many_lines_of_some_length_are_data() -> None:
    assert without_long_lines(f"{'1 ' * 250}\n" * 100, prose=False) is None
