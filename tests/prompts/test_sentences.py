"""Sentences are the same however the text is cut, and all of the text."""

from hypothesis import given
from hypothesis import strategies as st

from prompts.sentences import LONGEST, SentenceSplitter

PIECES = (
    "It ",
    "`a.b`",
    "calls",
    ". ",
    "\n",
    "```",
    "```py\nx = 1.\n```\n",
    "[1]",
    " [2].",
    "- ",
    "`",
    "e.g. ",
    "?",
    "。",
)


def split(text: str, step: int) -> list[tuple[str, bool]]:
    splitter, found = SentenceSplitter(), []
    for at in range(0, len(text), step):
        found += splitter.feed(text[at : at + step])
    return [(sentence.text, sentence.is_code) for sentence in found + splitter.close()]


@given(text=st.lists(st.sampled_from(PIECES), max_size=14).map("".join), step=st.integers(1, 9))
def test_any_cut_gives_the_same(text: str, step: int) -> None:
    whole = split(text, max(1, len(text)))
    assert split(text, step) == whole
    assert "".join(sentence for sentence, _ in whole) == text


def test_a_sentence_without_an_end_is_cut() -> None:
    assert [len(text) for text, _ in split("a" * (2 * LONGEST + 5), 700)] == [LONGEST, LONGEST, 5]


def test_code_is_lines() -> None:
    assert split("So:\n```py\nx = 1. Then\n```\nDone.", 100) == [
        ("So:\n", False), ("```py\n", True), ("x = 1. Then\n", True), ("```\n", True), ("Done.", False),
    ]  # fmt: skip
