"""Prompts stay within their limit, grow only at their end, and never show the same code twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.types import Hit
from prompts.build import BuiltPrompt, Exchange, build_prompt
from prompts.errors import QuestionTooLarge
from prompts.formats import FORMATS
from prompts.snippets import place
from tests.prompts.worlds import hit, words

CHAT = FORMATS["phi3"]


def build(history: list[Exchange], hits: list[Hit], question: str, limit: int = 10_000, first: int = 1) -> BuiltPrompt:
    return build_prompt(
        chat=CHAT, system="Be brief.", history=history, hits=hits, question=question, count=words, limit=limit,
        first_number=first,
    )  # fmt: skip


def exchange(built: BuiltPrompt, answer: str) -> Exchange:
    shown = tuple((snippet.n, place(snippet.hit)) for snippet in built.snippets if not snippet.shown_before)
    return Exchange(built.user, answer, shown)


def test_a_first_turn_reads_as_written() -> None:
    built = build([], [hit(1)], "What does f1 do?")
    assert built.prompt.text == (
        "<|system|>\nBe brief.<|end|>\n<|user|>\nCode from the repository:\n\n"
        "[1] pkg/m1.py:1-2 function f1\n```python\ndef f1():\n    return 1\n```\n\n"
        "Question: What does f1 do?<|end|>\n<|assistant|>\n"
    )
    assert (built.prompt.question, built.tokens, built.dropped) == ("What does f1 do?", words(built.prompt.segments), 0)
    assert built.prompt.evidence[0].doc == "Does 1."


def test_a_model_is_told_when_the_code_is_no_better_than_chance() -> None:
    doubtful = build_prompt(
        chat=CHAT, system="", history=[], hits=[hit(1)], question="Why?", count=words, limit=999, is_answered=False
    )
    assert doubtful.user.endswith(
        "```\n\nThe search found nothing in the repository that clearly answers the question below."
        " If this code does not answer it, say so and name the closest place.\n\nQuestion: Why?"
    )
    assert doubtful.user in doubtful.prompt.text
    assert not doubtful.prompt.is_answered
    assert "clearly answers" not in build([], [hit(1)], "Why?").prompt.text


def test_the_next_turn_appends_and_refers_to_what_was_shown() -> None:
    first = build([], [hit(1), hit(2)], "first?")
    second = build([exchange(first, "Answer one.")], [hit(2), hit(3)], "second?", first=3)
    assert second.prompt.text.startswith(first.prompt.text + "Answer one.<|end|>\n<|user|>\n")
    assert [(snippet.n, snippet.shown_before) for snippet in second.snippets] == [(2, True), (3, False)]
    assert second.user.count("def f2()") == 0
    assert "Shown above and relevant again: [2]" in second.user
    assert [piece.n for piece in second.prompt.evidence] == [2, 3]


def test_a_changed_file_is_shown_again_under_a_new_number() -> None:
    first = build([], [hit(1)], "first?")
    changed = Hit(**{name: getattr(hit(1), name) for name in Hit.__slots__} | {"sha": "other"})
    second = build([exchange(first, "A.")], [changed], "second?", first=2)
    assert [(snippet.n, snippet.shown_before) for snippet in second.snippets] == [(2, False)]


def test_code_with_fences_gets_a_longer_fence() -> None:
    built = build([], [hit(1, text='"""\n```\ninner\n````\n"""')], "q")
    assert '`````python\n"""\n```\ninner\n````\n"""\n`````' in built.user


def test_a_large_hit_makes_way_for_smaller_ones() -> None:
    built = build([], [hit(1), hit(2, text="word " * 500), hit(3)], "q", limit=60)
    assert [snippet.hit.symbol for snippet in built.snippets] == ["f1", "f3"]
    assert built.tokens <= 60


def test_a_question_that_cannot_fit_says_by_how_much() -> None:
    with pytest.raises(QuestionTooLarge, match="needs 105 tokens") as caught:
        build([], [hit(1)], "word " * 99 + "end", limit=50)
    assert (caught.value.tokens, caught.value.limit) == (105, 50)


def test_history_drops_whole_oldest_exchanges_down_to_half() -> None:
    history = [Exchange(f"question {n} " + "w " * 20, f"answer {n}", ()) for n in range(10)]
    built = build(history, [], "now?", limit=200)
    assert 0 < built.dropped < 10
    assert f"question {built.dropped} " in built.prompt.text
    assert f"question {built.dropped - 1} " not in built.prompt.text
    assert built.tokens <= 100 + 5


@given(
    sizes=st.lists(st.integers(1, 120), max_size=12),
    past=st.lists(st.integers(1, 60), max_size=6),
    limit=st.integers(20, 400),
)
def test_the_limit_holds_whatever_is_packed(sizes: list[int], past: list[int], limit: int) -> None:
    history = [Exchange("u " * size, "a " * size, ()) for size in past]
    hits = [hit(n, text="w " * size) for n, size in enumerate(sizes, 1)]
    built = build(history, hits, "q", limit=limit)
    assert words(built.prompt.segments) == built.tokens <= limit
