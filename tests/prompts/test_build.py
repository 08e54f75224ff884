"""Prompts stay within their limit, grow only at their end, and never show the same code twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.types import Hit
from models.types import Segment
from prompts.build import GUARANTEED_TOKENS, BuiltPrompt, Exchange, PromptRequest, build_prompt
from prompts.errors import QuestionTooLarge
from prompts.formats import FORMATS
from prompts.snippets import frame, place, shown_text, shown_title
from prompts.task import EXPLAIN
from tests.prompts.harness import hit, words

CHAT = FORMATS["phi3"]
FORM = len(EXPLAIN.split())  # words that stand after every question here


def build(
    history: list[Exchange],
    hits: list[Hit],
    question: str,
    limit: int = 10_000,
    first: int = 1,
    budget: int | None = None,
    pinned: list[Hit] | None = None,
) -> BuiltPrompt:
    request = PromptRequest(CHAT, "Be brief.", question, history, hits, pinned or [], first_number=first)
    return build_prompt(request, words, limit, None if budget is None else lambda *_: budget)


def function(n: int, lines: int) -> Hit:
    text = "\n".join([f"def f{n}():", *(f"    step({at})" for at in range(1, lines))])
    return replace(hit(n, text=text), start_line=1, end_line=lines)


def exchange(built: BuiltPrompt, answer: str) -> Exchange:
    shown = tuple((snippet.n, place(snippet.hit)) for snippet in built.snippets if not snippet.shown_before)
    return Exchange(built.user, answer, shown)


def test_a_first_turn_reads_as_written() -> None:
    built = build([], [hit(1)], "What does f1 do?")
    assert built.prompt.text == (
        "<|system|>\nBe brief.<|end|>\n<|user|>\nCode from the repository:\n\n"
        "[1] pkg/m1.py:1-2 function f1\n```python\ndef f1():\n    return 1\n```\n\n"
        f"Question: What does f1 do?\n\n{EXPLAIN}<|end|>\n<|assistant|>\n"
    )
    assert (built.prompt.question, built.tokens, built.dropped) == ("What does f1 do?", words(built.prompt.segments), 0)
    assert built.prompt.snippets[0].doc == "Does 1."


def test_a_model_is_told_when_the_code_is_no_better_than_chance() -> None:
    doubtful = build_prompt(PromptRequest(CHAT, "", "Why?", hits=[hit(1)], is_answered=False), words, limit=999)
    assert doubtful.user.endswith(
        "```\n\nThe search found nothing in the repository that clearly answers the question below."
        " If this code does not answer it, say so and name the closest place.\n\nQuestion: Why?\n\n" + EXPLAIN
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
    assert [piece.n for piece in second.prompt.snippets] == [2, 3]


def test_a_changed_file_is_shown_again_under_a_new_number() -> None:
    first = build([], [hit(1)], "first?")
    changed = Hit(**{name: getattr(hit(1), name) for name in Hit.__slots__} | {"sha": "other"})
    second = build([exchange(first, "A.")], [changed], "second?", first=2)
    assert [(snippet.n, snippet.shown_before) for snippet in second.snippets] == [(2, False)]


def test_code_with_fences_gets_a_longer_fence() -> None:
    built = build([], [hit(1, text='"""\n```\ninner\n````\n"""')], "q")
    assert '`````python\n"""\n```\ninner\n````\n"""\n`````' in built.user


def test_a_large_hit_makes_way_for_smaller_ones() -> None:
    built = build([], [hit(1), hit(2, text="word " * 500), hit(3)], "q", limit=60 + FORM)
    assert [snippet.hit.symbol for snippet in built.snippets] == ["f1", "f3"]
    assert built.tokens <= 60 + FORM


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


def test_a_part_says_that_it_is_one_and_what_signature_it_lacks() -> None:
    whole = function(1, 1800)
    built = build([], [whole], "what does step(1798) do?", budget=1300)
    assert [(s.hit.start_line, s.hit.end_line, s.is_excerpt) for s in built.snippets] == [(720, 1799, True)]
    assert built.user.startswith(
        "Code from the repository:\n\n[1] pkg/m1.py:720-1799 part of function f1: def f1()\n```python\n    step(719)\n"
    )
    assert shown_text(built.user, 1, "pkg/m1.py", 720, 1799) == built.snippets[0].hit.text
    assert shown_title(built.user, 1, "pkg/m1.py", 720, 1799) == "part of function f1: def f1()"
    assert (built.prompt.snippets[0].start_line, built.prompt.snippets[0].doc) == (720, "")


def test_a_part_shown_before_keeps_its_number_and_the_whole_gets_its_own() -> None:
    whole = function(1, 1800)
    first = build([], [whole], "what does step(1798) do?", budget=1300)
    again = build([exchange(first, "A.")], [whole], "and step(5)?", first=2, budget=1300)
    assert [(s.n, s.shown_before, s.hit.start_line) for s in again.snippets] == [(1, True, 720)]
    assert "relevant again: [1]" in again.user
    more = build([exchange(first, "A.")], [whole], "and step(5)?", first=2)
    assert [(s.n, s.shown_before, s.is_excerpt) for s in more.snippets] == [(2, False, False)]


def test_history_stays_and_some_code_is_shown_whatever_the_budget() -> None:
    history = [Exchange("u " * 300, "a " * 300, ())]
    built = build(history, [function(n, 75) for n in (1, 2, 3)], "q", budget=100)
    assert built.dropped == 0
    assert [s.hit.end_line for s in built.snippets] == [75, 75]  # the best two
    assert 700 < built.tokens <= words(build(history, [], "q").prompt.segments) + 10 + FORM + 150 + 10


def test_pinned_hits_are_whole_and_only_the_limit_cuts_them() -> None:
    text = [function(n, 300) for n in (1, 2)]
    built = build([], [function(3, 90)], "q", budget=100, pinned=text)
    assert [(s.n, s.hit.symbol, s.is_excerpt) for s in built.snippets] == [
        (1, "f1", False),
        (2, "f2", False),
        (3, "f3", False),
    ]
    tight = build([], [function(3, 200)], "q", limit=500, budget=100, pinned=text)
    assert [s.hit.symbol for s in tight.snippets] == ["f1"]
    assert tight.tokens <= 500


def test_each_hit_is_counted_once_and_the_whole_at_the_end() -> None:
    counted = []

    def count(segments: tuple[Segment, ...]) -> int:
        counted.append(segments)
        return words(segments)

    hits = [function(n, 40) for n in range(1, 13)]
    built = build_prompt(PromptRequest(CHAT, "", "q", hits=hits), count, limit=300)
    assert 1 < len(built.snippets) < 12
    assert len(counted) <= 1 + 1 + len(hits) + 2  # bare, frame, hits, whole
    assert counted[-1] == built.prompt.segments


@given(
    lines=st.lists(st.integers(1, 90), max_size=10),
    past=st.lists(st.integers(1, 60), max_size=3),
    budget=st.integers(0, 900),
    limit=st.integers(250, 1200),
)
def test_the_budget_holds_beyond_the_bare_prompt_and_the_floor(
    lines: list[int], past: list[int], budget: int, limit: int
) -> None:
    history = [Exchange("u " * size, "a " * size, ()) for size in past]
    built = build(history, [function(n, size) for n, size in enumerate(lines, 1)], "f2 or f3?", limit, budget=budget)
    bare = words(build(history, [], "f2 or f3?", limit).prompt.segments)
    around = words((Segment(frame(is_answered=True), parse_special=False),))
    assert (
        words(built.prompt.segments)
        == built.tokens
        <= min(limit, max(budget, bare + around + FORM + GUARANTEED_TOKENS))
    )
    assert [snippet.n for snippet in built.snippets] == list(range(1, len(built.snippets) + 1))
    for snippet in built.snippets:
        where = snippet.hit
        assert shown_text(built.user, snippet.n, where.path, where.start_line, where.end_line) == where.text


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


def test_less_code_than_the_best_places_need_is_told() -> None:
    assert build([], [hit(1), hit(2)], "q").is_excerpt is False
    cut = build([], [hit(1), hit(2, text="word " * 500)], "q", limit=60 + FORM)
    assert ([snippet.hit.symbol for snippet in cut.snippets], cut.is_excerpt) == (["f1"], True)
