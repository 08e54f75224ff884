"""The words that every interface uses."""

import pytest

from backend.wording import plural


@pytest.mark.parametrize(("count", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_one_thing_has_no_s(count: int, words: str) -> None:
    assert plural(count, "file") == words


def test_a_word_with_another_plural() -> None:
    assert plural(1, "question is", "questions are") == "1 question is"
    assert plural(3, "question is", "questions are") == "3 questions are"
