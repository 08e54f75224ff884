"""Names and qualifiers of expressions."""

import pytest

from indexer.parsing.usage.expressions import is_called, qualifier_before, split_expression


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("read", ("read", "")),
        ("store.read", ("read", "store")),
        ("std::mem::take", ("take", "std::mem")),
        ("a.b().c", ("c", "?")),
        ("Shape<Of<T>>", ("Shape", "")),
        ("super().run", ("run", "super")),
        ("super(A, self).run", ("run", "super")),
        ("ready?", ("ready?", "")),
        ("f(x)", ("", "")),
        ("計算.合計", ("合計", "計算")),
    ],
)
def test_the_last_name_and_what_qualifies_it(expression: str, expected: tuple[str, str]) -> None:
    assert split_expression(expression) == expected


@pytest.mark.parametrize(
    ("source", "qualifier", "called"),
    [
        ("a::f(1)", "a", True),
        ("x . f ::<u8>(1)", "x", True),
        ("a::b::f(1)", "a::b", True),
        ("x.a.f(1)", "a", True),
        ("g(1).f(2)", "?", True),
        ("f!{}", "", True),
        ("f, (1)", "", False),
        ("fn f(x: u8)", "", False),
        ("struct f(u8)", "", False),
    ],
)
def test_a_name_in_tokens(source: str, qualifier: str, called: bool) -> None:
    start = source.index("f", 1 if source.startswith("fn") else 0)
    assert (qualifier_before(source.encode(), start), is_called(source.encode(), start, start + 1)) == (
        qualifier,
        called,
    )
