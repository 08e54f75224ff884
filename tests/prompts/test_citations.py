"""Citations in running text: what is one, where it is, what it answers for, and that no cut of the text changes any."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prompts.citations import Citation, CitationParser, Claim
from prompts.sentences import LONGEST
from tests.prompts.harness import growth


def parsed(*deltas: str) -> list[Claim]:
    parser = CitationParser()
    return [claim for delta in deltas for claim in parser.feed(delta)] + parser.close()


def cited(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(text[one.start : one.end], one.numbers) for claim in parsed(text) for one in claim]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It sums [3].", [("[3]", (3,))]),
        ("Both do [1][2].", [("[1]", (1,)), ("[2]", (2,))]),
        ("All do [1, 2] or [4-6; 9].", [("[1, 2]", (1, 2)), ("[4-6; 9]", (4, 5, 6, 9))]),
        ("See **[1]** and ([2]) and `f`[3].", [("[1]", (1,)), ("[2]", (2,)), ("[3]", (3,))]),
        ("函数发送收据[1]。再见[2]", [("[1]", (1,)), ("[2]", (2,))]),
        ("- one [1]\n- two [2]\n\n> three [3]", [("[1]", (1,)), ("[2]", (2,)), ("[3]", (3,))]),
        ("x[1] and rows[0][1] and f()[1] and d['k'][2]", []),
        ("[0] [3-1] [1-2-3] [1-900] [x] [^1] [ ] [12345] \\[1]", []),
        ("`[1]` and `items[2]` and ``a ` [3]``", []),
        ("```python\nx [1]\ny.py:3\n```\nso [2]", [("[2]", (2,))]),
        ("1. first:\n   ```\n   [1]\n   ```\n~~~\n```\n[3]\n~~~~\n[4]", [("[4]", (4,))]),
        ("````md\n```\n[1]\n```\n````\n[2]", [("[2]", (2,))]),
        ("```one line``` [1]\nand on [2]", [("[1]", (1,)), ("[2]", (2,))]),
        ("an `open tick [1]\nends with its line [2]", [("[1]", (1,)), ("[2]", (2,))]),
        ("```\nnever closed [1]", []),
    ],
)
def test_numbers(text: str, found: list[tuple[str, tuple[int, ...]]]) -> None:
    assert cited(text) == found


@pytest.mark.parametrize(
    ("text", "start", "end", "path", "lines"),
    [
        ("see app/cart.py:12.", 4, 18, "app/cart.py", ((12, 12),)),
        ("see `app/cart.py:12-30`", 5, 22, "app/cart.py", ((12, 30),)),
        ("(app/cart.py#L12-L30)", 1, 20, "app/cart.py", ((12, 30),)),
        ("é cart.py:7: it", 2, 11, "cart.py", ((7, 7),)),
        ("in `a b.py:1-2, 5`", 4, 17, "a b.py", ((1, 2), (5, 5))),
        ("Makefile:3–4", 0, 12, "Makefile", ((3, 4),)),
        ("cart.py:12:5 fails", 0, 10, "cart.py", ((12, 12),)),
    ],
)
def test_places(text: str, start: int, end: int, path: str, lines: tuple[tuple[int, int], ...]) -> None:
    assert parsed(text) == [(Citation(start, end, path=path, lines=lines),)]


@pytest.mark.parametrize(
    "text",
    ["at 12:30", "http://a.com/b.py:80", "localhost:8080", "example.com:443", "10.0.0.1:80", "note:1", "`x = a.py:1`"],
)
def test_what_only_looks_like_a_place(text: str) -> None:
    assert parsed(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("`Cart.total` sums `prices` [1] as `send()` does [2].", [("Cart.total", "prices"), ("send",)]),
        ("`a` calls `b` [1][2].", [("a", "b"), ("a", "b")]),
        ("It is [1], in `f(x)`. `g` too.", [("f",)]),
        ("It calls `f`. [1] Then `g` follows [2].", [("f",), ("g",)]),
        ("It calls `f`. [1] defines `g`.", [("g",)]),
        ("`f` is first [1]. [2] is `g`.", [("f",), ("g",)]),
        ("`f` is far.\n\n[1]", [()]),
        ("It calls `f`.\n[1]\nThen `g`.", [("f",)]),
        ("It calls `f`. \r\n([1], [2]).\r\n", [("f",), ("f",)]),
        ("- It calls `f`\n  [1]\n- and `g`:\n[2]", [("f",), ("g",)]),
        ("> It calls `f`\n> [1][2]\n", [("f",), ("f",)]),
        ("It calls `f`. [1]\n[2]\n", [("f",), ("f",)]),
        ("`f` cites [1].\n[2]\n", [("f",), ()]),
        ("`f` is first. `g` is last.\n[1]", [("g",)]),
        ("It calls `f`.\n[1] defines `g`.", [("g",)]),
        ("It calls `f`.\n- [1]\n", [()]),
        ("```\ncode\n```\n[1]", [()]),
        ("Gives `None`, `self`, `x + 1`, `--flag` or `200` [1].", [()]),
        ("`shop/cart.py` has `std::move` [1].", [("shop/cart.py",)]),
    ],
)
def test_a_citation_answers_for_the_names_of_its_sentence(text: str, names: list[tuple[str, ...]]) -> None:
    assert [one.names for claim in parsed(text) for one in claim] == names


def test_numbers_alone_on_lines_that_follow_are_one_claim() -> None:
    parser = CitationParser()
    assert [parser.feed(text) for text in ("It calls `f` and `g`.\n", "[1]\n", "[2]", "\n", "\n")] == [[]] * 5
    (claim,) = parser.feed("T")
    assert [(one.numbers, one.names) for one in claim] == [((1,), ("f", "g")), ((2,), ("f", "g"))]


def test_a_claim_is_told_when_its_sentence_is_complete_and_not_before() -> None:
    parser = CitationParser()
    assert [parser.feed(delta) for delta in ("`f` at [1", "2]", " and a.py:1", "20", ".")] == [[], [], [], [], []]
    (claim,) = parser.feed(" ")
    assert [(one.numbers, one.lines) for one in claim] == [((12,), ()), ((), ((120, 120),))]
    assert parser.close() == []


PIECES = ["[1]", "[1, 2]", "[", "1", "]", "-", ", ", "a.py:1", "app/x.py", ":12-30", "#L3", "`", "``", "```", "~~~"]
PIECES += [". ", ".", "! ", "\n", "\n\n", " ", "- ", "1. ", "> ", "`f`", "\\", "。", "é🙂", "f()", "word "]
PIECES += ["[2]\n", "`g`.\n[1]\n", "\n[1]. ", "\r\n"]
PIECES += ["y" * (LONGEST // 3)]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.lists(st.integers(0, 400), max_size=30))
@example("`" + "x" * LONGEST + "` [1]. ", [LONGEST])
@example("```\n" + "x" * LONGEST + "```\n[1]\n```\n[2]", [5, LONGEST + 4])
def test_no_cut_of_the_text_changes_a_citation(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    whole = parsed(text)
    assert parsed(*(text[a:b] for a, b in pairwise(places))) == whole
    assert parsed(*text[:300]) == parsed(text[:300])
    for claim in whole:
        for one in claim:
            assert text[one.start : one.end][:1] + text[one.start : one.end][-1:] == "[]" or one.path in text


@pytest.mark.parametrize(
    "piece", ["x" * 1000, "`", "` ``", "a/", "a.", "[1", "[1, ", "x:1-", "(a.py:", "`x(`", "[1]\n", " > ", "[1] [2"]
)
def test_no_text_makes_it_slow(piece: str) -> None:
    def parse_text(size: int) -> None:
        parser = CitationParser()
        for _ in range(size // len(piece * 4)):
            parser.feed(piece * 4)
        parser.close()

    assert growth(parse_text, 2 * LONGEST) < 10  # linear: a sentence ends at LONGEST
