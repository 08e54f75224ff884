"""The innermost definition and the innermost type around a line."""

from indexer.parsing.definitions import parse
from indexer.parsing.usage.enclosing import Enclosing

TEXT = """LIMIT = 1
class Shop:
    def open(self):
        def inner():
            pass
        return inner
class Till: pass
def free(): pass
"""


def test_innermost_definitions_and_types() -> None:
    enclosing = Enclosing([item.symbol for item in parse(TEXT, "python")])
    assert [enclosing[line] for line in range(1, 9)] == [
        "",
        "Shop",
        "Shop.open",
        "Shop.open.inner",
        "Shop.open.inner",
        "Shop.open",
        "Till",
        "free",
    ]
    assert [enclosing.type_at(line) for line in range(1, 9)] == ["", *["Shop"] * 5, "Till", ""]


def test_the_type_of_a_line_with_its_method() -> None:
    enclosing = Enclosing([item.symbol for item in parse("class A extends B { run() {} }", "javascript")])
    assert (enclosing[1], enclosing.type_at(1)) == ("A.run", "A")
