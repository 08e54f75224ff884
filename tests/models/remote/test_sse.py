"""Events come out the same wherever their bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.remote.sse import EventStream, EventTooLong

STREAM = (
    "\ufeff: a comment\r\n"
    "event: chunk\n"
    "data: one\n"
    "id: 7\n\n"
    "data:two\r\n"
    "data:  lines\r\n\r\n"
    "\r\n"
    "data: käse €\U0001f600\r\r"
    "retry: 5\n\n"
    "data\n\n"
    "data: [DONE]\n\n"
    "data: never ended"
).encode()
EVENTS = ["one", "two\n lines", "käse €\U0001f600", "", "[DONE]"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_cuts_change_nothing(places: list[int]) -> None:
    cuts = sorted({0, len(STREAM), *places})
    stream = EventStream()
    assert [data for a, b in pairwise(cuts) for data in stream.feed(STREAM[a:b])] == EVENTS


def test_byte_by_byte() -> None:
    stream = EventStream()
    assert [data for byte in STREAM for data in stream.feed(bytes([byte]))] == EVENTS


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_are_events_or_nothing(blocks: list[bytes]) -> None:
    cut, whole = EventStream(), EventStream()
    assert [data for block in blocks for data in cut.feed(block)] == whole.feed(b"".join(blocks))


def test_broken_utf_8_is_replaced_and_the_next_event_is_whole() -> None:
    assert EventStream().feed(b"data: a\xff\xe2\x82b\n\ndata: c\n\n") == ["a\ufffd\ufffdb", "c"]


def test_a_carriage_return_at_the_end_of_a_block_is_one_line_end() -> None:
    stream = EventStream()
    assert [*stream.feed(b"data: a\r"), *stream.feed(b""), *stream.feed(b"\ndata: b\r\n\r\n")] == ["a\nb"]


@pytest.mark.parametrize("block", [b"x" * 10, b"data: 12345\n", b": long com"])
def test_an_endless_line_or_event_is_refused_before_it_is_kept(block: bytes) -> None:
    stream, fed = EventStream(limit=64), 0
    with pytest.raises(EventTooLong, match="longer than 64"):  # noqa: PT012
        while fed < 10_000:
            fed += len(block)
            stream.feed(block)
    assert fed <= 140
