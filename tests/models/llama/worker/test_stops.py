"""Stop texts, characters and leading space, for every way to split a text into tokens."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from models.llama.worker.stops import AnswerText

alphabet = st.text("ab<|end>\n é🦙", max_size=30)


def shown(pieces: list[bytes], stops: list[str]) -> tuple[str, list[str], bool]:
    answer = AnswerText(stops)
    parts = [answer.feed(piece) for piece in pieces]
    parts.append(answer.end())
    return "".join(parts), parts, answer.stopped


def cut(text: str, stops: list[str]) -> str:
    """The expected text: up to the stop text that is complete first."""
    for end in range(len(text) + 1):
        found = [len(stop) for stop in stops if stop and text[:end].endswith(stop)]
        if found:
            return text[: end - max(found)].lstrip()
    return text.lstrip()


@given(text=alphabet, stops=st.lists(alphabet, max_size=3), places=st.lists(st.integers(0, 120), max_size=8))
@example(text="ab<|end|>x", stops=["<|end|>"], places=[3, 5, 8])
@example(text="abc", stops=["abcd", "bc"], places=[1, 2])
def test_the_text_does_not_depend_on_token_borders(text: str, stops: list[str], places: list[int]) -> None:
    data = text.encode()
    borders = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    pieces = [data[a:b] for a, b in pairwise(borders)]
    assert shown(pieces, stops)[0] == cut(text, stops)


@given(data=st.binary(max_size=40), stops=st.lists(alphabet, max_size=2))
def test_any_bytes_give_whole_characters(data: bytes, stops: list[str]) -> None:
    text, _, _ = shown([data[i : i + 1] for i in range(len(data))], stops)
    assert text == cut(data.decode("utf-8", "replace"), stops)


def test_a_possible_stop_text_is_withheld() -> None:
    assert shown([b"Yes <", b"|e", b"nd|", b">"], ["<|end|>"]) == ("Yes ", ["Yes ", "", "", "", ""], True)
    assert shown([b"Yes <", b"|e", b"ls"], ["<|end|>"]) == ("Yes <|els", ["Yes ", "", "<|els", ""], False)


def test_half_a_character_waits_and_a_broken_one_is_replaced_at_the_end() -> None:
    assert shown([b"\xf0\x9f", b"\xa6\x99!"], []) == ("🦙!", ["", "🦙!", ""], False)
    assert shown([b"a\xf0\x9f"], []) == ("a\ufffd", ["a", "\ufffd"], False)


def test_leading_space_is_dropped_however_long_it_lasts() -> None:
    assert shown([b" ", b"\n\n", b" Hello", b" you "], []) == ("Hello you ", ["", "", "Hello", " you ", ""], False)


def test_what_follows_a_stop_is_never_shown() -> None:
    answer = AnswerText(["STOP"])
    assert answer.feed(b"one STOP two") == "one "
    assert answer.feed(b" three") == ""
    assert answer.end() == ""


def test_a_continuation_keeps_its_white_space() -> None:
    answer = AnswerText(["STOP"], is_continuation=True)
    assert answer.feed(b"\n    return") + answer.feed(b" x\nST") + answer.end() == "\n    return x\nST"
