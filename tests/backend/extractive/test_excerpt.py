"""Documentation as prose and the lines that matter."""

from hypothesis import given
from hypothesis import strategies as st

from backend.extractive.excerpt import MAX_LINES, comment, decisive_lines
from backend.extractive.matching import stems
from models.types import ContextSnippet


def code(text: str, doc: str = "", start: int = 1) -> ContextSnippet:
    return ContextSnippet(1, "a.py", start, start + text.count("\n"), "f", "function", "python", "def f():", doc, text)


def test_short_code_is_shown_whole() -> None:
    assert decisive_lines(code("def f():\n\n    return 1\n", start=7), frozenset()) == [
        (7, 9, "def f():\n\n    return 1")
    ]


def test_long_code_shows_its_head_and_the_lines_the_question_means() -> None:
    lines = ["def f():", '    """Does it."""', *(f"    x{n} = {n}" for n in range(40)), "    return budget"]
    lines[30] = "    trim(oldest)"
    groups = decisive_lines(code("\n".join(lines), doc="Does it.", start=101), stems("trim oldest"))
    assert groups == [
        (101, 101, "def f():"),
        (103, 103, "    x0 = 0"),
        (130, 132, "    x27 = 27\n    trim(oldest)\n    x29 = 29"),
        (142, 143, "    x39 = 39\n    return budget"),
    ]


def test_documentation_that_is_told_is_not_shown_again() -> None:
    python = 'def f(x):\n    """Does it.\n\n    In three steps.\n    """\n    return x'
    java = "/**\n * Does it.\n *\n * @param x what\n */\nint f(int x) {\n  return x;\n}"
    assert decisive_lines(code(python, doc="Does it.\n\nIn three steps."), frozenset()) == [
        (1, 1, "def f(x):"),
        (6, 6, "    return x"),
    ]
    assert decisive_lines(code(java, doc="Does it."), frozenset()) == [(6, 8, "int f(int x) {\n  return x;\n}")]


def test_the_comment_that_meets_the_question() -> None:
    text = "def f():\n    # oldest blocks go first,\n    # whole ones\n    trim()\n    # see issue 7\n    return 1"
    assert comment(code(text), stems("which blocks go")) == "oldest blocks go first, whole ones"
    assert comment(code(text), stems("zebra")) == ""


def test_small_gaps_between_chosen_lines_are_closed() -> None:
    lines = ["def f():", *(f"    x{n} = {n}" for n in range(30))]
    lines[20], lines[23] = "    trim(oldest)", "    trim(newest)"
    groups = decisive_lines(code("\n".join(lines)), stems("trim"))
    shown = "    x18 = 18\n    trim(oldest)\n    x20 = 20\n    x21 = 21\n    trim(newest)\n    x23 = 23"
    assert groups[-1] == (20, 25, shown)


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
