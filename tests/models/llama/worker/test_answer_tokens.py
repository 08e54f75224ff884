"""The tokens of an answer are found by its text."""

from models.llama.worker.answer_tokens import MAX_PROMPTS, AnswerTokens

PIECES = [b" ", b"He", b"llo", b"Hello", b"\xc3", b"\xa9", b"\n", b"!", b"<think>", b"</think>", b"\n\nHe"]


def piece(token: int) -> bytes:
    return PIECES[token]


def test_an_answer_is_found_as_its_generated_tokens() -> None:
    answers = AnswerTokens(piece)
    answers.add([1, 2], [0, 1, 2, 6])
    assert answers.find([1, 2], "Hello") == [0, 1, 2, 6]
    assert answers.find([1, 3], "Hello") is None
    assert answers.find([1, 2], "hello") is None


def test_of_several_answers_the_one_with_that_text_is_found() -> None:
    answers = AnswerTokens(piece)
    for tokens in ([3, 7], [1, 2], [3, 7, 7]):
        answers.add([1], tokens)
    assert answers.find([1], "Hello!") == [3, 7]
    assert answers.find([1], "Hello") == [1, 2]


def test_a_shortened_answer_is_its_first_tokens() -> None:
    answers = AnswerTokens(piece)
    answers.add([1], [3, 4, 5, 7, 7])
    assert answers.find([1], "Hello\u00e9") == [3, 4, 5]
    assert answers.find([1], "Hello\u00e9!") == [3, 4, 5, 7]
    assert answers.find([1], "Hell") is None  # no token ends there


def test_reasoning_is_not_part_of_an_answer() -> None:
    answers = AnswerTokens(piece)
    answers.add([1], [8, 3, 7, 9, 6, 1, 2])
    assert answers.find([1], "Hello") == [6, 1, 2]
    assert answers.find([1], "He") == [6, 1]  # it was cut short
    assert answers.find([1], "<think>Hello!</think>\nHello") is None
    answers.add([1], [8, 9, 10, 2, 8, 9])
    assert answers.find([1], "Hello<think></think>") == [10, 2, 8, 9]


def test_the_oldest_prompts_are_dropped() -> None:
    answers = AnswerTokens(piece)
    for number in range(MAX_PROMPTS + 1):
        answers.add([number], [3])
    assert answers.find([0], "Hello") is None
    assert answers.find([MAX_PROMPTS], "Hello") == [3]
