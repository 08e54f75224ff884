"""Which names of a quotation the sources of an answer must contain."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.quoted_names import is_path_in, own_words, quoted_names
from prompts.sentences import LONGEST
from tests.prompts.harness import growth

# A few of each language that an answer may name though the code does not spell them.
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
    ],
)
def test_names(code: str, names: list[str]) -> None:
    assert quoted_names(code) == names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("timeout = DEFAULT_TIMEOUT", ["DEFAULT_TIMEOUT"]),
        ("DEFAULT_TIMEOUT = 30", ["DEFAULT_TIMEOUT"]),
        ("self.retry_count += 1", ["retry_count"]),
        ("total = cart.total(prices)", ["total"]),
        ("my_cart = load_cart(path)", ["load_cart"]),
        ("cart := newCart(a);", ["newCart"]),
        ("const cart: Promise<Foo> = new Cart(a)", ["Cart", "Foo"]),
        ("x: Foo", ["Foo"]),
        ("x: Foo | None = None", ["Foo"]),
        ("x?: Foo[]", ["Foo"]),
        ("async def load(path: Path) -> Config:", ["load", "Config"]),
        ("fn load(&self) -> Result<Config, Error>", ["load", "Config"]),
        ("return DEFAULT_TIMEOUT", ["DEFAULT_TIMEOUT"]),
        ('raise NotFound(f"no {name}")', ["NotFound"]),
        ("load(path).total_price()", ["load", "total_price"]),
        ("load(path).strip()", ["load"]),
        ("count(rows[0])", ["count"]),
    ],
)
def test_names_of_statements(code: str, names: list[str]) -> None:
    assert quoted_names(code) == names


@pytest.mark.parametrize(
    "code",
    [
        *("timeout = 30", "x = y", "name = 'Some_Body'", "print(total_price)", "x = std::move(y)", "x = Math.maxOf(y)"),
        *("x = rows[user_id]", "x = [FOO_A, fooB]", "def my_hook(event)", "_ = x", "x: int", "x: Promise<string>"),
        *("key=some_value", "MODEL_NAME=phi3", "--level=DEBUG_ALL", "Content-Type: Foo", "encoding = UTF-8"),
        *("Authorization: Bearer TOKEN_X", "fix: Some message", "level: DEBUG", "http(s)://", "&gt;", "Foo,"),
        *("pip install Flask_Login", "SELECT * FROM order_items", "GET /Users", "the OrderItem", "new OrderItem here"),
        *("class CsvExporter(Exporter)", "a_b + c_d", "{'a': FooBar}", "it's = fooBar", "200", "--flag", "x + 1", ""),
    ],
)
def test_what_may_be_an_example_or_no_code_is_not_on_account(code: str) -> None:
    assert quoted_names(code) == []


PIECES = ["f", "load_all", "Foo", "x", "std", "my_x", "return", "new", "(", ")", "[", "]", ".", "::", "->", "/", " "]
PIECES += [" = ", ": ", ", ", '"', "'", "-", ";", "é", "0", "_", "@", "\0", "\n"]
codes = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@given(codes)
def test_nothing_is_named_that_is_not_spelled(code: str) -> None:
    words = re.findall(r"\w+", code)
    assert all(word in words for name in quoted_names(code) for word in own_words(name))


@given(st.lists(st.sampled_from(["x", "MY_KEY", "Foo()", "load_all(y)", "key=Bar", "'a'", "[Foo]"])).map(", ".join))
def test_no_argument_of_a_call_is_a_quoted_name(arguments: str) -> None:
    assert quoted_names(f"send({arguments})") == ["send"]
    assert quoted_names(f"x = send({arguments})") == ["send"]


@pytest.mark.parametrize("piece", ["(", "()", "[", "f(", "a.", "a/", "x: ", " = ", "'", "+ ", "my_", "return "])
def test_no_quotation_makes_it_slow(piece: str) -> None:
    assert growth(lambda size: quoted_names(piece * size), LONGEST // 4) < 10
    nested = growth(lambda size: quoted_names("(" * size + piece + ")" * size), LONGEST // 4)
    assert nested < 30  # quadratic at most, and a sentence ends at LONGEST


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Cart.total", ["Cart", "total"]),
        ("self.items", ["items"]),
        ("errors.NotFound", ["NotFound"]),
        ("Map.total", ["total"]),
        ("./a-b/c.py", ["a", "b", "c", "py"]),
        ("std::move", []),
        ("java/cart/Main.java", ["cart", "Main"]),
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
