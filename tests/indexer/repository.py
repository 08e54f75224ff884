"""A small git repository with documented functions, a fix and tests, from which questions can be generated."""

import subprocess
from pathlib import Path

from tests.indexer.harness import lay_out

CART = '''class Cart:
    def total(self, prices):
        """Sums up what the cart costs. Discounts count."""
        whole = sum(prices)
        less = whole * self.discount
        return whole - less


def clear(cart):
    """Clear."""
    cart.clear()
    return cart
'''
MAIL = """// Mails the receipt of a finished order.
export function sendReceipt(address) {
  const mail = compose(address);
  return post(mail);
}

function post(mail) {
  return mail;
}
"""
TESTS = """from shop.cart import Cart, clear
import pytest


def test_clearing_leaves_an_empty_basket():
    assert clear([1]) == []


def test_total():
    assert Cart().total([1]) == 1


def test_refuses_unknown_currency_codes(world):
    assert world.clear("XX") is None
"""
FILES = {"shop/cart.py": CART, "shop/mail.js": MAIL, "tests/test_cart.py": TESTS, "README.md": "# Shop\n"}


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


def commit(root: Path, message: str, files: dict[str, str]) -> None:
    lay_out(root, files)
    git(root, "add", "-A")
    git(root, "commit", "-m", message)


def shop(root: Path) -> Path:
    """A repository of the files above. Its commits: all files, the deletion of some, a fix of `Cart.total`."""
    root.mkdir()
    git(root, "init")
    before = CART.replace("    less = whole", "    less = 2 * whole")
    more = {f"shop/old{n}.py": f"a = {n}\n" for n in range(4)}
    commit(root, "Everything that the old shop could do", FILES | {"shop/cart.py": before} | more)
    git(root, "rm", "-q", *more)
    commit(root, "Old code removed from the shop", {})
    commit(
        root,
        "Fix discount counted twice\n\nThe cart was too cheap.\n\nSigned-off-by: T <t@example.org>",
        {"shop/cart.py": CART, "tests/test_cart.py": TESTS + "\n"},
    )
    return root
