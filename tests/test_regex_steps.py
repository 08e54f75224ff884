"""The counter of steps finds what `re` finds, and shows how a pattern grows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.regex_steps import CountingPattern, Steps

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\b", "^", "$", " ", "A", "(?<=a)", "(?<!b)"])
REPEATS = st.sampled_from(["*", "+", "?", "{1,2}", "*?", "+?", "*+", "++", "?+"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, REPEATS).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        inner.map(lambda part: f"({part})"),
        inner.map(lambda part: f"(?>{part})"),
        inner.map(lambda part: f"(?={part})"),
        inner.map(lambda part: f"(?!{part})"),
    ),
    max_leaves=6,
)


def steps(pattern: str, text: str) -> int:
    counter = Steps()
    CountingPattern(re.compile(pattern), counter).search(text)
    return counter.total


@given(PATTERNS, st.text("abA \n", max_size=8), st.sampled_from([0, re.IGNORECASE, re.MULTILINE, re.DOTALL]))
def test_it_finds_what_re_finds(pattern: str, text: str, flags: int) -> None:
    counting = CountingPattern(re.compile(pattern, flags), Steps())
    # Each of these compares the spans itself.
    counting.search(text), counting.match(text), counting.fullmatch(text)
    assert counting.findall(text) == re.compile(pattern, flags).findall(text)


@pytest.mark.parametrize("pattern", [r"(a)(?P<b>b)?(?P=b)", r"(`+)a\1(?!`)", r"(?i:A)b|(?s:.)c"])
def test_back_references_and_flags_of_groups_count(pattern: str) -> None:
    counting = CountingPattern(re.compile(pattern), Steps())
    assert [match[0] for match in counting.finditer("abb ``a`` ab \nc")] == [
        match[0] for match in re.finditer(pattern, "abb ``a`` ab \nc")
    ]


def test_nested_repeats_are_exponential_repeats_before_a_mark_quadratic_and_anchored_ones_linear() -> None:
    assert steps("(a+)+b", "a" * 12) > 12 * steps("(a+)+b", "a" * 8)
    assert 3.8 < steps(r"\w+b", "a" * 400) / steps(r"\w+b", "a" * 200) < 4.2
    assert steps(r"(?<!\w)\w++b", "a" * 400) < 2.1 * steps(r"(?<!\w)\w++b", "a" * 200) < 2000
