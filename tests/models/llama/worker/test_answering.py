"""Which text the tokens of one answer show, and which tokens end it."""

from typing import cast

import pytest

from models.filters.answer_filter import AnswerFilter
from models.filters.repetition import NOTICE
from models.llama.worker.answering import Answer
from models.llama.worker.sampling import Sampler
from models.llama.worker.scheduler import Request
from models.llama.worker.stops import AnswerText

PIECES = [b"A ", b"fox ", b"jumps. ", b"<|", b"end|>", b"<think>", b"</think>", b"END", b"<|end|>"]
END = 8


def answer(*stops: str, filtered: bool = True) -> Answer:
    none = cast("Sampler", None)
    filtering = AnswerFilter() if filtered else None
    return Answer(Request(1, [1], 9), none, frozenset({END}), AnswerText(stops), PIECES.__getitem__, filtering)


@pytest.mark.parametrize("filtered", [True, False])
def test_only_the_token_ends_it_and_is_not_shown(filtered: bool) -> None:
    growing = answer(filtered=filtered)
    assert growing.feed([0, 3, 4]) == ("A <|end|>", None)
    assert growing.feed([1, END, 2, 2]) == ("fox ", 3)
    assert (growing.end(), growing.notice) == ("", "")


def test_a_stop_text_of_the_user_ends_it_as_text() -> None:
    growing = answer("END")
    assert growing.feed([0, 7, 1]) == ("A ", 1)


def test_an_answer_that_repeats_itself_ends_and_says_so() -> None:
    growing = answer()
    text, unsaid = growing.feed([0, 1, 2] * 40)
    assert unsaid is not None
    assert unsaid > 40
    assert text == "".join(PIECES[token].decode() for token in ([0, 1, 2] * 40)[:-unsaid])
    assert growing.notice == NOTICE
    assert answer(filtered=False).feed([0, 1, 2] * 40)[1] is None


def test_reasoning_is_hidden_unless_the_answer_is_unfiltered() -> None:
    assert answer().feed([5, 0, 6, 1]) == ("fox ", None)
    assert answer(filtered=False).feed([5, 0, 6, 1]) == ("<think>A </think>fox ", None)


def test_withheld_text_is_shown_at_the_end() -> None:
    growing = answer("<|end|>")
    assert growing.feed([3]) == ("", None)
    assert growing.end() == "<|"
