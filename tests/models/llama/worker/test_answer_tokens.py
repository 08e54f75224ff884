"""What the model has said, found again by its text."""

from models.llama.worker.answer_tokens import REMEMBERED, Answers

PIECES = [b" ", b"He", b"llo", b"Hello", b"\xc3", b"\xa9", b"\n", b"!", b"<think>", b"</think>", b"\n\nHe"]


def piece(token: int) -> bytes:
    return PIECES[token]


def test_an_answer_is_the_tokens_that_it_was_said_with() -> None:
    answers = Answers(piece)
    answers.remember([1, 2], [0, 1, 2, 6])
    assert answers.find([1, 2], "Hello") == [0, 1, 2, 6]
    assert answers.find([1, 3], "Hello") is None
    assert answers.find([1, 2], "hello") is None


def test_of_several_answers_to_a_prompt_the_one_with_that_text_is_meant() -> None:
    answers = Answers(piece)
    for tokens in ([3, 7], [1, 2], [3, 7, 7]):
        answers.remember([1], tokens)
    assert answers.find([1], "Hello!") == [3, 7]
    assert answers.find([1], "Hello") == [1, 2]


def test_an_answer_that_was_cut_short_is_its_first_tokens() -> None:
    answers = Answers(piece)
    answers.remember([1], [3, 4, 5, 7, 7])
    assert answers.find([1], "Hello\u00e9") == [3, 4, 5]
    assert answers.find([1], "Hello\u00e9!") == [3, 4, 5, 7]
    assert answers.find([1], "Hell") is None  # no token ends there


def test_what_was_thought_is_not_said_again() -> None:
    answers = Answers(piece)
    answers.remember([1], [8, 3, 7, 9, 6, 1, 2])
    assert answers.find([1], "Hello") == [6, 1, 2]
    assert answers.find([1], "He") == [6, 1]  # it was cut short
    assert answers.find([1], "<think>Hello!</think>\nHello") is None
    answers.remember([1], [8, 9, 10, 2, 8, 9])
    assert answers.find([1], "Hello<think></think>") == [10, 2, 8, 9]


def test_the_oldest_are_forgotten() -> None:
    answers = Answers(piece)
    for number in range(REMEMBERED + 1):
        answers.remember([number], [3])
    assert answers.find([0], "Hello") is None
    assert answers.find([REMEMBERED], "Hello") == [3]
