"""Documentation as plain sentences."""

import pytest

from backend.extractive.prose import code_span, first_paragraph, first_sentence, name, paragraphs


def test_a_paragraph_is_one_line_and_the_first() -> None:
    doc = "Trims the\n  oldest blocks. Keeps e.g. the system.\n\nRaises nothing."
    assert first_paragraph(doc) == "Trims the oldest blocks. Keeps e.g. the system."
    assert first_sentence(doc) == "Trims the oldest blocks."
    assert paragraphs(doc)[1:] == ["Raises nothing."]
    assert first_paragraph("") == first_sentence("") == ""


def test_a_long_paragraph_ends_after_a_sentence() -> None:
    sentence = "This sentence has exactly forty letters. "
    assert first_paragraph(sentence * 30) == (sentence * 14).strip()


@pytest.mark.parametrize(
    ("doc", "plain"),
    [
        ("Opens it.\n\n:param path: where\n:returns: a file", ["Opens it."]),
        ("Opens it.\n@param path where\n@return a file", ["Opens it."]),
        ("Opens it.\n\nArgs:\n    path: where", ["Opens it."]),
        ("Opens it.\n\nParameters\n----------\npath : str", ["Opens it."]),
        ("Opens it::\n\n    >>> go()", ["Opens it."]),
        ("Opens it:\n\n- a\n- b\n\nClosed later.", ["Opens it.", "Closed later."]),
        ("See :class:`~a.b.Path` and ``x``, or `the guide <https://x.y>`_.", ["See `Path` and `x`, or the guide."]),
        ("Like {@link Foo#bar the bar}, {@code x &lt; 1}.<p>More.", ["Like the bar, `x < 1`.", "More."]),
        ("A List<String> of <b>all</b>.", ["A List<String> of all ."]),
        (":param path: where", []),
        ("@brief Opens it.", ["Opens it."]),
        ("-----\nOpens it.\n=====", ["Opens it."]),
    ],
)
def test_fields_and_markup_are_left_out(doc: str, plain: list[str]) -> None:
    assert paragraphs(doc) == plain


@pytest.mark.parametrize(
    ("doc", "plain"),
    [
        ("As in [77] and a.py:12.", "As in \\[77] and a.py\\:12."),
        ("See a.py#L3 or `b.py:4-5`.", "See a.py\\#L3 or b.py\\:4-5."),
        ("At 12:30, `x[1]` and a [link](y).", "At 12:30, x\\[1] and a link."),
        ("An `open span.", "An open span."),
    ],
)
def test_nothing_reads_as_a_citation(doc: str, plain: str) -> None:
    assert first_paragraph(doc) == plain


def test_code_with_backticks_stays_in_its_span() -> None:
    assert [code_span(text) for text in ("a.b", "use `x`", "a``b")] == ["`a.b`", "`` use `x` ``", "``` a``b ```"]


def test_long_code_is_cut_after_a_word() -> None:
    assert code_span("f(\n  x,\n)", 160) == "`f( x, )`"
    assert code_span("word " * 50, 162) == f"`{'word ' * 32}…`"
    assert code_span("a``b " * 50, 5) == "``` a``b … ```"


def test_a_name_shows_its_hidden_characters() -> None:
    assert code_span("a\x1b[2J\n\u202eb") == "`a\\x1b[2J \\u202eb`"
    assert name("[2]\x9b\u200b") == "\\[2]\\x9b\\u200b"


def test_a_heading_that_reads_as_a_citation_is_plain_words() -> None:
    assert [name(text) for text in ("Box.open", "see `a.py:3`", "[2]")] == ["`Box.open`", "see a.py\\:3", "\\[2]"]
