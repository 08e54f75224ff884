"""What an answer in a conversation passes through."""

from models.filters.answer_filter import AnswerFilter, is_filtered
from models.filters.repetition import NOTICE
from models.types import Message, Prompt, Sampling

ASKED = Prompt((), "Why?", messages=(Message("user", "Why?"),))


def test_an_answer_that_goes_on_and_one_that_repeats_itself() -> None:
    filtering = AnswerFilter()
    assert [filtering.feed("<think>Hm.</think> Be"), filtering.feed("cause."), filtering.end()] == ["Be", "cause.", ""]
    assert (filtering.is_over, filtering.notice) == (False, "")
    for _ in range(100):
        filtering.feed(" So it goes on and on.")
    assert (filtering.is_over, filtering.notice) == (True, NOTICE)


def test_thinking_that_repeats_itself_ends_too() -> None:
    filtering = AnswerFilter()
    assert filtering.feed("<think>" + "Wait, let me look again at that. " * 100) == ""
    assert filtering.is_over


def test_only_answers_for_a_reader_are_filtered() -> None:
    assert is_filtered(ASKED, Sampling())
    assert not is_filtered(ASKED, Sampling(json_schema="{}"))
    assert not is_filtered(Prompt((), "def scan(", is_continuation=True), Sampling())
