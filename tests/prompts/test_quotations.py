"""What of a quotation an answer is held to."""

import pytest

from prompts.quotations import quoted_names

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
        ("Cart.total", ["Cart", "total"]),
        (" send_receipt(address) ", ["send_receipt"]),
        ("self.items", ["items"]),
        ("cart->lines", ["cart", "lines"]),
        ("&mut_cart", ["mut_cart"]),
        ("OrderMap", ["OrderMap"]),
        ("Map.total", ["total"]),
        ("errors.NotFound", ["NotFound"]),
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
