"""Thinking before an answer is left out, however the text is cut; text about thinking is an answer."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.filters.reasoning import ReasoningFilter, reasoning_bytes
from models.types import REASONING_MARKS


def shown(*pieces: str) -> str:
    filtering = ReasoningFilter()
    return "".join([filtering.feed(piece) for piece in pieces] + [filtering.end()])


@pytest.mark.parametrize(("mark", "until"), REASONING_MARKS)
@settings(deadline=None)
@given(places=st.lists(st.integers(0, 60), max_size=6))
def test_thinking_is_never_shown_however_it_is_cut(mark: str, until: str, places: list[int]) -> None:
    text = f"\n{mark}\nHm, <b>so</b>.\n{until}\n\nIt {mark} works."
    borders = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    assert shown(*[text[a:b] for a, b in pairwise(borders)]) == f"It {mark} works."
    assert text.encode()[reasoning_bytes(text.encode()) :].strip() == f"It {mark} works.".encode()


@settings(deadline=None)
@given(st.text("<think/>\n x", max_size=30).map(lambda text: "x" + text))
def test_what_begins_otherwise_is_shown_as_it_is(text: str) -> None:
    assert shown(*text) == text
    assert reasoning_bytes(text.encode()) == 0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The tag `<think>` opens it, </think> ends it.", "The tag `<think>` opens it, </think> ends it."),
        ("<thinker>x", "<thinker>x"),
        ("  <thi", "  <thi"),
        ("    return 1", "    return 1"),
        ("<think></think><think>again</think>Yes.", "Yes."),
        ("<think>it never comes to an end", ""),
        ("<think>so</think>", ""),
        ("", ""),
    ],
)
def test_only_whole_thinking_at_the_beginning_is_left_out(text: str, answer: str) -> None:
    assert shown(*text) == shown(text) == answer


def test_an_answer_is_shown_as_soon_as_it_can_be_no_thinking() -> None:
    filtering = ReasoningFilter()
    assert [filtering.feed(piece) for piece in ("<", "thin", "g is", " odd", "<think>")] == [
        "", "", "<thing is", " odd", "<think>",
    ]  # fmt: skip
