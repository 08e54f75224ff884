"""The same question gives the same text and the same sources through every interface.

`tests/real/test_every_api.py` asks a real model in the same ways, whose answers need not be the same twice.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.harness import serving, wait_for_embedder
from tests.e2e.ways import Asked, answers, assert_same

pytestmark = pytest.mark.process

CODE = {
    "shop/cart.py": (
        "class Cart:\n"
        '    """The things a customer wants to buy."""\n\n'
        "    def total(self, prices):\n"
        '        """Sums up what the cart costs, discount included."""\n'
        "        return sum(prices[item] for item in self.items) * self.discount\n"
    ),
    "shop/mail.py": (
        'def send_receipt(address, cart):\n    """Mails the receipt of a finished order."""\n    return address\n'
    ),
}
QUESTIONS = ("How is the total of a cart computed?", "Where is send_receipt defined?", "What is an elephant?")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("same")
    root = folder / "code"
    for path, text in CODE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    with serving(folder / "data", MODEL_NAME="extractive") as served:
        served.post("/index", {"path": str(root), "wait": True})
        wait_for_embedder(served)  # it re-ranks, so that an answer before it could differ from one after
        yield Asked(served, root, folder / "data")


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_interface_gives_the_answer_of_rest(asked: Asked, question: str) -> None:
    expected, others = await answers(asked, question)
    assert expected.text.strip()
    assert_same(expected, others)
