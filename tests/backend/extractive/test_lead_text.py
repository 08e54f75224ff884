"""The first paragraph of an answer: what it names, and what it does not claim."""

from backend.extractive.lead_text import lead, lead_places
from models.types import ContextSnippet

TOTAL = ContextSnippet(
    1, "shop/cart.py", 5, 9, "Cart.total", "method", "python", "def total(self, prices)",
    "Sums up what the cart costs.",
    "def total(self, prices):\n    self.seen = True\n    return add_taxes(sum_of(prices))",
)  # fmt: skip
TAXES = ContextSnippet(
    2, "shop/tax.py", 1, 2, "add_taxes", "function", "python", "", "", "def add_taxes(net):\n    return net * RATE"
)
TEST = ContextSnippet(
    3, "tests/test_cart.py", 1, 2, "test_total", "function", "python", "", "", "def test_total(): Cart().total()"
)
README = ContextSnippet(4, "README.md", 1, 3, "Cart", "section", "markdown", "", "", "# Cart\n\nHow the cart sums up.")


def test_it_names_the_place_its_documentation_and_what_it_uses() -> None:
    question = "How does the cart total add taxes?"
    places = lead_places(question, (TOTAL, TAXES, TEST))
    assert places == [TOTAL, TAXES]
    assert lead(question, places) == (
        "`Cart.total` is a method in `shop/cart.py:5-9` [1]. Sums up what the cart costs. It uses `add_taxes`, `sum_of`"
        " and `seen` [1]. Close to it: `add_taxes` in `shop/tax.py:1-2` [2].\n\nHow it works:"
    )


def test_a_heading_or_code_without_a_name_is_no_lead() -> None:
    assert lead_places("How does the cart sum up?", (README,)) == []
    block = ContextSnippet(5, "main.py", 1, 2, "", "block", "python", "", "", "run(cart)")
    assert lead_places("What runs the cart?", (block,)) == []


def test_a_near_miss_is_no_lead() -> None:
    assert lead_places("where is add_tax defined?", (TAXES, TOTAL)) == []
    assert lead_places("where is add_taxes defined?", (TOTAL, TAXES))[0] == TAXES
    assert lead_places("where is Cart.total defined?", (TAXES, TOTAL))[0] == TOTAL


def test_documentation_that_does_not_meet_the_question_is_left_out() -> None:
    assert "Sums up" not in lead("Why is prices a mapping?", [TOTAL])


def test_a_near_miss_of_the_name_that_is_asked_for_is_no_lead() -> None:
    assert lead_places("where is cartTotals defined", (TOTAL, TAXES)) == []
