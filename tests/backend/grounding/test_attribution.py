"""Each sentence of an answer gets the number of what holds its names and values, and nothing else."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.grounding.attribution import Attributor
from backend.grounding.sources import Source

MAIL = Source(
    1, "shop/mail.py", 1, 3, "sha",
    'def send_receipt(address, retries=3):\n    """Mails the receipt."""\n    return post()',
    "send_receipt def send_receipt(address)", attached=False,
)  # fmt: skip
CART = Source(
    2, "shop/cart.py", 5, 8, "sha",
    "class Cart:\n    MAX_ITEMS = 1_000\n    def total(self):\n        return sum(self.items)",
    "Cart class Cart", attached=False,
)  # fmt: skip


def revised(text: str, step: int = 3, question: str = "how?") -> tuple[str, list[str], int]:
    """The text as it is shown, what nothing holds, and how many sentences rest on nothing."""
    reviser = Attributor([MAIL, CART], question)
    parts = [reviser.feed(text[at : at + step]) for at in range(0, len(text), step)] + [reviser.close()]
    shown, unsupported = "".join(part.text for part in parts), [item for part in parts for item in part.unsupported]
    assert [shown[one.start : one.end] for one in unsupported] == [one.text for one in unsupported]
    return shown, [one.text for one in unsupported], sum(part.uncited for part in parts)


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ("`send_receipt` mails it. Then `Cart` sums up.", "`send_receipt` mails it [1]. Then `Cart` sums up [2]."),
        ("send_receipt calls `post`, not `total`!", "send_receipt calls `post`, not `total` [1][2]!"),
        ("`Cart` holds the items [1].", "`Cart` holds the items [2]."),
        ("It may hold 1000 items [1]. Good.", "It may hold 1000 items [2]. Good."),
        ("It calls `Cart`. [2] Then `post` goes.", "It calls `Cart` [2]. Then `post` goes [1]."),
        ("- `send_receipt` and `Cart`\n[1]\n[2]", "- `send_receipt` and `Cart` [1][2]\n"),
        ("[2] defines `Cart`.\n[1] defines `post`.", "[2] defines `Cart`.\n[1] defines `post`."),
        ("It mails the receipt to an address.", "It mails the receipt to an address [1]."),
        ("`Cart` is at `shop/cart.py:5-8`.", "`Cart` is at `shop/cart.py:5-8`."),
        ("## The `Cart`\n| `Cart` |\n", "## The `Cart`\n| `Cart` |\n"),
        ("```python\nCart().total()\n```\nThat is `total`.", "```python\nCart().total()\n```\nThat is `total` [2]."),
        ("This is a good design.", "This is a good design."),
        ("It calls `post`, e.g. `Cart`.", "It calls `post`, e.g. `Cart` [2]."),
        ("It is `Cart`", "It is `Cart` [2]"),
        ("7. `Cart`\n8) `post`\n**9.** It mails.", "7. `Cart` [2]\n8) `post` [1]\n**9.** It mails."),
        ("That is _very_ good, _really so_: see x.org/?utm_source=a.",) * 2,
        ("The answer has 3 ends.", "The answer has 3 ends."),
        ("It has 3 retries.", "It has 3 retries [1]."),
        ("`Cart` `.  holds```\n", "`Cart` ` [2].  holds```\n"),
        ("```[2] `Cart`\n", "```[2] `Cart`\n"),
    ],
)
def test_sentences_get_their_numbers(says: str, shown: str) -> None:
    for step in (1, 2, 7, 100):
        assert revised(says, step) == (shown, [], int("ends" in says))


@pytest.mark.parametrize(
    ("says", "unsupported"),
    [
        ("`Cart` holds 5 items [2].", ["5"]),
        ("It sets `unknown_thing` [1].", ["unknown_thing"]),
        ("It sets unknown_thing to 7.", ["unknown_thing", "7"]),
    ],
)
def test_names_and_values_in_no_source_are_reported(says: str, unsupported: list[str]) -> None:
    shown, found, uncited = revised(says)
    assert (found, uncited) == (unsupported, int("[" not in says))
    assert shown == says


def test_what_the_question_says_is_not_the_answers_claim() -> None:
    question = "Does `no_such_name` allow 7 items?"
    assert revised("There is no `no_such_name` for 7 items.", question=question)[1] == []


def test_without_sources_nothing_changes_or_waits() -> None:
    reviser = Attributor([], "how?")
    assert (reviser.feed("`Cart` holds 5.").text, reviser.close().text) == ("`Cart` holds 5.", "")


PIECES = (
    "`Cart` ",
    "`post`",
    " holds",
    " 5 ",
    "1000",
    ". ",
    "\n",
    " [1]",
    "[2] ",
    "`",
    "```\n",
    "- ",
    "!",
    "the items ",
)


@example(text="`post`![2] . ", step=1)
@given(text=st.lists(st.sampled_from(PIECES), max_size=12).map("".join), step=st.integers(1, 9))
def test_any_cut_gives_the_same_and_no_word_is_lost(text: str, step: int) -> None:
    whole = revised(text, max(1, len(text)))
    assert revised(text, step) == whole

    def bare(answer: str) -> str:
        return "".join(re.findall(r"[\w`]", answer.replace("[1]", "").replace("[2]", "")))

    assert bare(whole[0]) == bare(text)


def test_a_fact_is_held_to_its_words() -> None:
    question = "What is the name of the mail server?"
    assert revised("The name of the mail server is Postfix.", question=question)[1] == ["Postfix"]
    assert revised("It is a Mail server with a Receipt.", question=question)[1] == []
    assert revised("It seems to be a Postfix.", question="How does it mail?")[1] == []


def test_what_pythons_own_library_has_is_not_invented() -> None:
    assert revised("It runs in `asyncio.to_thread`.")[1] == []
    assert revised("It runs in `nowhere.to_thread`.")[1] == ["nowhere.to_thread"]
