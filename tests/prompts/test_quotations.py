"""What of a quotation an answer is held to."""

import pytest

from prompts.quotations import is_path_in, own_words, quoted_names

# A few of each language that an answer says of code which does not spell them.
STANDARD = (
    "Promise Map Set Array Object Error JSON Math console undefined typeof Promise.all Object.keys() JSON.stringify(x)"
    " Option Some Result Ok Err Vec String Box HashMap Arc usize u8 f64 i128 trait impl Self std std::sync::Mutex"
    " Vec::new() fmt fmt.Errorf(x) errors error nil string rune byte int64 uintptr chan goroutine"
    " List ArrayList Integer Optional IOException NullPointerException Override java.util.List"
    " std::unique_ptr unique_ptr nullptr size_t uint32_t void auto std::move(x)"
    " None self dict ValueError Callable __init__ property"
)


@pytest.mark.parametrize("code", STANDARD.split())
def test_what_belongs_to_languages_is_nobodys(code: str) -> None:
    assert quoted_names(code) == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("Cart.total", ["Cart.total"]),
        (" send_receipt(address) ", ["send_receipt"]),
        ("self.items", ["self.items"]),
        ("cart->lines", ["cart->lines"]),
        ("&mut_cart", ["mut_cart"]),
        ("OrderMap", ["OrderMap"]),
        ("Map.total", ["Map.total"]),
        ("errors.NotFound", ["errors.NotFound"]),
        ("shop/cart.py", ["shop/cart.py"]),
        ("./my-shop/cart.test.ts", ["./my-shop/cart.test.ts"]),
        ("../a-b/c.py", ["../a-b/c.py"]),
        ("/etc/a-b.conf", []),
        ("~/.lantern/token", []),
        ("/v1/chat", []),
        ("a-b.py", []),
        ("process", ["process"]),
        ("u7", ["u7"]),
        ("x + 1", []),
        ("--flag", []),
        ("200", []),
        ("", []),
    ],
)
def test_names(code: str, names: list[str]) -> None:
    assert quoted_names(code) == names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Cart.total", ["Cart", "total"]),
        ("self.items", ["items"]),
        ("errors.NotFound", ["NotFound"]),
        ("Map.total", ["total"]),
        ("./a-b/c.py", ["a", "b", "c", "py"]),
        ("std::move", []),
    ],
)
def test_own_words(name: str, words: list[str]) -> None:
    assert own_words(name) == words


@pytest.mark.parametrize(
    "name", ["src/my-shop/cart.test.ts", "./src/my-shop/cart.test.ts", "my-shop/cart.test", "cart.test.ts", "my-shop"]
)
def test_a_path_may_be_spelled_in_part(name: str) -> None:
    assert is_path_in(name, "src/my-shop/cart.test.ts")


@pytest.mark.parametrize("name", ["cart", "shop/cart.test.ts", "src/cart.test.ts", "test/cart", "cart.py", "ts"])
def test_a_path_is_spelled_in_whole_parts_that_follow_each_other(name: str) -> None:
    assert not is_path_in(name, "src/my-shop/cart.test.ts")
