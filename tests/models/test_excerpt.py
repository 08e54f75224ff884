"""Documentation as prose and the lines that matter."""

from hypothesis import given
from hypothesis import strategies as st

from models.excerpt import MAX_LINES, decisive_lines, fenced, first_paragraph, first_sentence
from models.matching import stems
from models.types import Evidence


def code(text: str, doc: str = "", start: int = 1) -> Evidence:
    return Evidence(1, "a.py", start, start + text.count("\n"), "f", "function", "python", "def f():", doc, text)


def test_a_paragraph_is_one_line_and_the_first() -> None:
    doc = "Trims the\n  oldest blocks. Keeps e.g. the system.\n\nRaises nothing."
    assert first_paragraph(doc) == "Trims the oldest blocks. Keeps e.g. the system."
    assert first_sentence(doc) == "Trims the oldest blocks."
    assert first_paragraph("") == first_sentence("") == ""


def test_a_long_paragraph_ends_after_a_sentence() -> None:
    sentence = "This sentence has exactly forty letters. "
    assert first_paragraph(sentence * 30) == (sentence * 14).strip()


def test_short_code_is_shown_whole() -> None:
    assert decisive_lines(code("def f():\n\n    return 1\n", start=7), frozenset()) == [
        (7, 9, "def f():\n\n    return 1")
    ]


def test_long_code_shows_its_head_and_the_lines_the_question_means() -> None:
    lines = ["def f():", '    """Does it."""', *(f"    x{n} = {n}" for n in range(40)), "    return budget"]
    lines[30] = "    trim(oldest)"
    groups = decisive_lines(code("\n".join(lines), doc="Does it.", start=101), stems("trim oldest"))
    assert groups[0][:2] == (101, 101)
    assert groups == [(101, 101, "def f():"), (131, 131, "    trim(oldest)"), (143, 143, "    return budget")]


def test_small_gaps_between_chosen_lines_are_closed() -> None:
    lines = ["def f():", *(f"    x{n} = {n}" for n in range(30))]
    lines[20], lines[23] = "    trim(oldest)", "    trim(newest)"
    groups = decisive_lines(code("\n".join(lines)), stems("trim"))
    assert groups[-1] == (21, 24, "    trim(oldest)\n    x20 = 20\n    x21 = 21\n    trim(newest)")


@given(
    lines=st.lists(
        st.sampled_from(["", "    trim(x)", "    # trim", "    y = 1", "    return y"]), min_size=1, max_size=80
    )
)
def test_only_whole_lines_in_order_and_never_too_many(lines: list[str]) -> None:
    groups = decisive_lines(code("\n".join(["def f():", *lines])), stems("trim"))
    shown = [(start + place, line) for start, _, text in groups for place, line in enumerate(text.split("\n"))]
    assert len(shown) <= MAX_LINES
    assert shown == sorted(shown)
    assert all(["def f():", *lines][number - 1] == line for number, line in shown)


def test_a_fence_is_longer_than_those_inside() -> None:
    assert fenced("x = 1", "python") == "```python\nx = 1\n```"
    assert fenced("````\n```", "markdown") == "`````markdown\n````\n```\n`````"
    assert fenced("x", "text") == "```\nx\n```"
