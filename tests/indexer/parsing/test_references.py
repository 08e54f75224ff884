"""References of every language with reference queries: names, kinds, lines, qualifiers, enclosing definitions."""

import pytest

from indexer.parsing.reference_queries import IMPORTS, USES
from indexer.parsing.references import Reference, references, references_to
from tests.indexer.parsing.reference_samples import EXPECTED, Row


def row(ref: Reference) -> Row:
    return ref.line, ref.kind, ref.qualifier, ref.name + (f" = {ref.alias}" if ref.alias else ""), ref.enclosing


@pytest.mark.parametrize("language", EXPECTED)
def test_references_of_a_language(language: str) -> None:
    text, expected = EXPECTED[language]
    assert sorted(map(row, references(text, language))) == sorted(expected)


def test_every_grammar_with_reference_queries_is_tested() -> None:
    assert set(IMPORTS) == set(USES) == {*EXPECTED, "tsx"}


MENTIONS = '''
from shop import price as cost, tax

def price(item):
    """price of an item"""
    return cost(item)  # price

class Till:
    price = 3

    def total(self, items: "price") -> int:
        return sum(map(price, items)) + self.price
'''


def test_mentions_of_a_name_and_its_alias_but_not_definitions_comments_or_strings() -> None:
    assert [row(ref) for ref in references_to(MENTIONS, "python", "price") or ()] == [
        (2, "import", "shop", "price = cost", ""),
        (2, "import", "shop", "tax", ""),
        (6, "call", "", "cost", "price"),
        (12, "use", "", "price", "Till.total"),
        (12, "use", "self", "price", "Till.total"),
    ]


@pytest.mark.parametrize("language", EXPECTED)
def test_references_to_a_name_are_among_all_references_of_the_file(language: str) -> None:
    text = EXPECTED[language][0]
    everything = references(text, language)
    for name in {ref.name for ref in everything if ref.kind != "import"}:
        expected = {
            (ref.line, ref.kind, ref.qualifier, ref.enclosing)
            for ref in everything
            if ref.name == name and ref.kind != "import"
        }
        found = references_to(text, language, name) or ()
        assert expected <= {(ref.line, ref.kind, ref.qualifier, ref.enclosing) for ref in found}
        assert {ref.kind for ref in found if ref.name != name} <= {"import"}


def test_many_mentions_in_one_file() -> None:
    text = "def f():\n    return 1\n\n" + "".join(f"def g{n}():\n    return f()\n" for n in range(100))
    found = references_to(text, "python", "f") or ()
    assert [(ref.line, ref.enclosing) for ref in found] == [(5 + 2 * n, f"g{n}") for n in range(100)]


@pytest.mark.parametrize("text", ["", "def", "class (:\n@@@", "f(" * 3000, "\x00f()", "f(é)\n"])
@pytest.mark.parametrize("language", EXPECTED)
def test_broken_text_raises_nothing(language: str, text: str) -> None:
    assert all(ref.line >= 1 for ref in references(text, language))
    assert all(ref.line >= 1 for ref in references_to(text, language, "f") or ())


def test_without_a_grammar_or_time_there_are_no_references() -> None:
    assert references("price(1)", "sql") == ()
    assert references_to("price(1)", "sql", "price") is None
    assert references_to("price(1)\n" * 100_000, "python", "price", seconds=0.0) is None
