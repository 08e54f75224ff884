"""Answers that repeat themselves are detected; those that list, quote and tabulate are not."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.filters.repetition import MIN_CHARACTERS, WINDOW, RepetitionDetector

# What SmolLM2-135M and Qwen2.5-Coder-0.5B have generated.
STUCK = "It uses a list comprehension to create a list of the tokens. "
CYCLE = (
    "If the `tokens` list is empty, it reads the prompt. If the `ahead` flag is set, it reads ahead of the question. "
    "This is done by checking if the `tokens` list is empty or if the `ahead` flag is set. "
)
NO_SENTENCE = "and the scheduler then uses a list comprehension to create a list of `Slots` that are read last "


def loops_at(text: str, size: int = 1) -> int | None:
    """How many characters it takes until the loop is detected, in pieces of that size; None: it is not."""
    detector = RepetitionDetector()
    for begin in range(0, len(text), size):
        detector.feed(text[begin : begin + size])
        if detector.is_looping:
            return begin + size
    return None


@pytest.mark.parametrize(("block", "times"), [(STUCK, 4), (CYCLE, 2), (NO_SENTENCE, 5), ("ha", 170), ("=", 330)])
def test_a_repeated_block_is_detected(block: str, times: float) -> None:
    intro = "The scheduler decides which prompt is read first. "
    detected_at = loops_at(intro + block * 500)
    assert detected_at is not None
    assert detected_at - len(intro) <= times * len(block)
    if "." in block:  # the cut is after a whole sentence
        assert (intro + block * 500)[:detected_at].endswith(". ")


def test_a_sentence_that_returns_among_others_is_detected_at_its_third_time() -> None:
    block = "`read_state` unpacks the tokens into a list.\n\n`read_head` reads the fixed part of the state [{}].\n\n"
    assert loops_at("".join(map(block.format, range(2)))) is None
    assert loops_at("".join(map(block.format, range(3)))) == 2 * len(block.format(0)) + block.index("\n") + 1


@settings(deadline=None)
@given(st.text(min_size=1, max_size=60).filter(str.strip), st.integers(0, 300), st.data())
def test_a_repeated_block_is_detected_in_pieces_of_any_size(block: str, before: int, data: st.DataObject) -> None:
    text = "".join(f"{n:x} " for n in range(before)) + block * (900 // len(block) + 8)
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    detector = RepetitionDetector()
    for a, b in pairwise([0, *places, len(text)]):
        detector.feed(text[a:b])
    assert detector.is_looping


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 10**6), unique=True, max_size=400), st.sampled_from(["{}: {}\n", "| {} | {} |\n", "{} {} "])
)
def test_text_without_repetition_is_no_loop(numbers: list[int], form: str) -> None:
    assert loops_at("".join(form.format(f"{number:06}", n) for n, number in enumerate(numbers)), 7) is None


@pytest.mark.parametrize(
    "text",
    [
        "| name | is | default |\n|---|---|---|\n" + "| x | yes | no |\n" * 20,
        "```python\n" + "    assert read(file) == 0\n" * 20 + "```\n",
        "".join(f"- `{name}` returns a list of the names that it holds.\n" for name in "abcdefghijkl"),
        "Run it again. Then do this. Run it again. Then do that. Run it again. Then stop.",
        "-" * 120 + "\nTitle\n" + "-" * 120,
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0\n" * 2,
        STUCK * 2,
        " .",
    ],
    ids=["table", "code", "list", "short sentences", "rules", "numbers", "twice", "space"],
)
def test_tables_lists_and_rules_may_repeat(text: str) -> None:
    assert loops_at(text) is None


def test_code_and_tables_may_not_repeat_for_ever() -> None:
    assert loops_at("```python\n" + "    assert read(file) == 0\n" * 40) is not None
    assert loops_at("| x | yes | no |\n" * 60) is not None


def test_no_file_of_this_repository_is_taken_for_a_loop() -> None:
    """As if it were the answer, without a fence around it."""
    root = Path(__file__).parents[3]
    files = [path for folder in ("models", "prompts", "docs") for path in (root / folder).rglob("*.[pm][yd]")]
    assert len(files) > 50
    assert [path.name for path in files if loops_at(path.read_text("utf-8")[:12_000], 4) is not None] == []


def test_memory_is_bounded_and_what_is_long_ago_does_not_count() -> None:
    detector = RepetitionDetector()
    detector.feed("".join(f"There are {n} of {n * n} such cases. " for n in range(5_000)))
    assert not detector.is_looping
    assert len(detector._last_end) <= WINDOW
    assert len(detector._count) + len(detector._line) < WINDOW
    assert loops_at((CYCLE + "".join(f"{n} " for n in range(MIN_CHARACTERS * 10))) * 2, 64) is None
