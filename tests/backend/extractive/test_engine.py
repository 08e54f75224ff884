"""Answers without a model: what they say, word for word, and that they say nothing else."""

import threading
from dataclasses import replace

import pytest

from backend.extractive import engine
from backend.extractive.engine import ExtractiveEngine, compose
from models.types import ContextSnippet, Prompt, Sampling

FIT = ContextSnippet(
    n=1,
    path="prompts/budget.py",
    start_line=12,
    end_line=16,
    symbol="Budget.fit",
    kind="method",
    language="python",
    signature="def fit(self, blocks: list[Block]) -> list[Block]:",
    doc="Drops whole oldest blocks until the prompt fits.\n\nPure.",
    text="def fit(self, blocks):\n    while self.count(blocks) > 9:\n        blocks = blocks[1:]\n    return blocks",
)
COUNT = replace(
    FIT, n=2, symbol="Budget.count", start_line=20, end_line=21, doc="", text="def count(self, blocks): ..."
)
ROUTE = replace(
    FIT, n=3, path="api/chat.py", symbol="ask", kind="function", doc="Answers a question.", text="def ask(): ..."
)


def answer(question: str, *evidence: ContextSnippet, notice: str = "") -> str:
    return compose(Prompt((), question, evidence, notice=notice))


def test_how_is_answered_by_documentation_and_the_lines_themselves() -> None:
    assert answer("How does the budget fit the prompt?", ROUTE, FIT, COUNT) == (
        "`Budget.fit` is a method in `prompts/budget.py:12-16` [1]. Drops whole oldest blocks until the prompt fits."
        " It calls `Budget.count` [2].\n"
        "\n"
        "`prompts/budget.py:12-15`\n"
        "\n"
        "```python\n"
        "def fit(self, blocks):\n"
        "    while self.count(blocks) > 9:\n"
        "        blocks = blocks[1:]\n"
        "    return blocks\n"
        "```\n"
        "\n"
        "Related:\n"
        "\n"
        "- `Budget.count`, `prompts/budget.py:20-21` [2]\n"
        "- `ask`, `api/chat.py:12-16` [3]: Answers a question.\n"
    )


def test_where_puts_the_place_first() -> None:
    first = answer("Where does the budget fit blocks?", FIT, ROUTE).split("\n")[0]
    assert first == "`Budget.fit` is in `prompts/budget.py:12-16` [1]. Drops whole oldest blocks until the prompt fits."


def test_a_close_second_definition_is_shown_too() -> None:
    other = replace(FIT, n=2, path="prompts/trim.py", symbol="Trimmer.fit")
    text = answer("How does fit work?", FIT, other)
    assert "A close second is `Trimmer.fit`, a method in `prompts/trim.py:12-16` [2]." in text
    assert text.count("```python") == 2


@pytest.mark.parametrize(
    ("kind", "words"), [("interface", "an interface"), ("block", "code"), ("section", "a section")]
)
def test_kinds_read_as_english(kind: str, words: str) -> None:
    assert f"is {words} in" in answer("what is fit", replace(FIT, kind=kind))


def test_a_near_miss_is_not_worded_as_the_definition() -> None:
    lock = replace(FIT, n=1, path="web/lock.js", symbol="lockScreen", doc="Locks the screen.", text="lockScreen() {}")
    assert answer("where is withdrawLocked defined?", lock, ROUTE) == (
        "No definition of `withdrawLocked` was found. The nearest places:\n"
        "\n"
        "- `lockScreen`, `web/lock.js:12-16` [1]: Locks the screen.\n"
        "- `ask`, `api/chat.py:12-16` [3]: Answers a question.\n"
    )
    use = replace(ROUTE, n=4, text="def ask():\n    withdrawLocked(1)", doc="")
    assert answer("where is withdrawLocked defined?", lock, use) == (
        "No definition of `withdrawLocked` was found. It occurs here:\n\n- `ask`, `api/chat.py:12-16` [4]\n"
    )
    assert answer("where is `lockscreen` defined?", lock).startswith("No definition of `lockscreen` was found.")
    assert answer("signature of Cart.lockScreen", replace(lock, symbol="Door.lockScreen")).startswith(
        "No definition of `Cart.lockScreen` was found."
    )


def test_the_exact_name_precedes_a_near_miss() -> None:
    near = replace(FIT, n=1, symbol="lock_all", doc="Where the lock is defined.", text="def lock_all(): lock()")
    exact = replace(FIT, n=2, path="web/lock.js", symbol="Door.lock", doc="", text="lock() {}")
    assert answer("where is lock defined?", near, exact).startswith("`Door.lock` is in `web/lock.js:12-16` [2].")


def test_what_is_only_nearest_is_called_that() -> None:
    text = compose(Prompt((), "Who sings the anthem of Portugal?", (FIT, ROUTE), is_answered=False))
    assert text == (
        "Nothing in this codebase answers that. The nearest places:\n"
        "\n"
        "- `Budget.fit`, `prompts/budget.py:12-16` [1]: Drops whole oldest blocks until the prompt fits.\n"
        "- `ask`, `api/chat.py:12-16` [3]: Answers a question.\n"
    )


def test_it_says_what_is_called_and_who_calls() -> None:
    caller = replace(
        ROUTE, symbol="Budget.ask", kind="method", path=FIT.path, text="def ask(self):\n    return self.fit([])"
    )
    first = answer("how does fit work", FIT, COUNT, caller).split("\n")[0]
    assert first.endswith("prompt fits. It calls `Budget.count` [2]. It is called by `Budget.ask` [3].")


def test_without_documentation_a_comment_speaks() -> None:
    bare = replace(FIT, doc="", text="def fit(self, blocks):\n    # oldest blocks go first\n    return blocks[1:]")
    first = answer("which blocks go first", bare).split("\n")[0]
    assert first.endswith("[1]. A comment there says: oldest blocks go first.")


def test_code_outside_definitions_is_named_by_its_place() -> None:
    block = replace(FIT, symbol="", kind="block", doc="", start_line=3, end_line=3, text="LIMIT = 9")
    assert answer("what is the limit", block) == (
        "The best match is code in `prompts/budget.py:3` [1].\n\n`prompts/budget.py:3`\n\n```python\nLIMIT = 9\n```\n"
    )


def test_the_fence_of_plain_text_names_no_language() -> None:
    notes = replace(FIT, language="text", kind="window", text="Blocks fit.")
    assert "\n```\nBlocks fit.\n```\n" in answer("what fits", notes)


def test_tests_are_related_only_where_nothing_else_is() -> None:
    test = replace(COUNT, path="tests/test_budget.py", symbol="test_fit")
    assert "test_fit" not in answer("how does fit work", FIT, test, ROUTE)
    assert "- `test_fit`" in answer("how does fit work", FIT, test)


def test_without_evidence_it_says_so() -> None:
    assert answer("What is x?") == "Nothing in this codebase answers that.\n"


def test_the_notice_comes_last_and_names_the_command() -> None:
    notice = "No model is installed: `lantern models pull phi3-mini` adds one."
    assert "`lantern models pull phi3-mini`" in notice
    assert answer("what is fit", FIT, notice=notice).endswith(f"```\n\n*{notice}*\n")


def test_every_number_and_place_comes_from_the_evidence() -> None:
    text = answer("how does fit work", FIT, COUNT, ROUTE)
    for item in (FIT, COUNT, ROUTE):
        assert f"`{item.path}:{item.start_line}-{item.end_line}` [{item.n}]" in text


async def test_the_stream_is_the_composed_text_in_small_pieces() -> None:
    prompt = Prompt((), "how does fit work", (FIT, COUNT))
    deltas = [delta async for delta in ExtractiveEngine().stream(prompt, Sampling())]
    assert "".join(delta.text for delta in deltas) == compose(prompt)
    assert len(deltas) > 20


async def test_an_answer_is_composed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def composed(prompt: Prompt) -> str:
        threads.append(threading.get_ident())
        return "an answer"

    monkeypatch.setattr(engine, "compose", composed)
    async for _ in ExtractiveEngine().stream(Prompt((), question="how?"), Sampling()):
        pass
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_near_miss_is_not_worded_as_the_place_of_a_name() -> None:
    window = replace(FIT, n=4, path="a.xyz", symbol="", kind="window", text="sub budgetFits { }")
    first = answer("where does it say budgetFits", FIT, window).split("\n")[0]
    assert first == "`budgetFits` occurs in `a.xyz:12-16` [4]."
    first = answer("where does it say budgetFits", FIT, ROUTE).split("\n")[0]
    assert first.startswith(
        "`budgetFits` is not in the code that was found. The nearest is `Budget.fit` in `prompts/budget.py:12-16` [1]."
    )
