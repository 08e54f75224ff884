"""A name looked up in a small tree of several languages."""

from pathlib import Path

import pytest

from indexer.navigation.symbol_lookup import find_symbol
from tests.indexer.harness import World
from tests.indexer.navigation.harness import TREE

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("shop"), TREE)
    world.refresh()
    return world


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("price", [("shop/price.py", 4, 6, "price")]),
        ("open", [("web/basket.ts", 2, 2, "Basket.open"), ("web/cart.ts", 4, 4, "Cart.open")]),
        ("Cart.open", [("web/cart.ts", 4, 4, "Cart.open")]),
        ("Cart::open", [("web/cart.ts", 4, 4, "Cart.open")]),
        (" Cart.open() ", [("web/cart.ts", 4, 4, "Cart.open")]),
        ("Cart#open", [("web/cart.ts", 4, 4, "Cart.open")]),
        ("nothing_here", []),
        ("shop/price.py", []),
        ("::", []),
    ],
)
def test_definitions(world: World, name: str, expected: list[tuple[str, int, int, str]]) -> None:
    found = find_symbol(name, world.store, uses=False)
    places = [
        (item.path, item.symbol.start_line, item.symbol.end_line, item.symbol.qualified) for item in found.definitions
    ]
    assert places == expected
    assert (found.uses, found.doubts) == ((), ())


def test_every_definition_is_listed_those_that_a_question_lists_first(tmp_path: Path) -> None:
    files = {
        "app.pyi": "def load(path: str) -> str: ...\n",
        "app.py": "def load(path):\n    return path\n",
        "main.py": "from app import load\n\nload(1)\n",
        "tests/test_app.py": "def load(n):\n    return n\n\n\ndef test_load():\n    assert load(1) == 1\n",
        "web/app.js": 'const load = require("./load");\n',
    }
    world = World(tmp_path, files)
    world.refresh()
    found = find_symbol("load", world.store, uses=True)
    places = [item.path for item in found.definitions]
    assert places[0] == "app.py"
    assert sorted(places[1:]) == ["app.pyi", "tests/test_app.py", "web/app.js"]
    assert [(place.path, place.line) for place in found.uses] == [("main.py", 3)]


def test_uses_are_those_that_a_question_lists(world: World) -> None:
    found = find_symbol("price", world.store, uses=True)
    assert [(place.path, place.line) for place in found.uses][:3] == [
        ("shop/client.py", 4),
        ("shop/price.py", 14),
        ("shop/till.py", 9),
    ]


def test_doubts_are_kept_where_nothing_was_found(world: World) -> None:
    found = find_symbol("Money.show", world.store, uses=True)
    assert (found.uses, [doubt.kind for doubt in found.doubts]) == ((), ["types"])


def test_uses_of_a_name_that_is_defined_elsewhere(tmp_path: Path) -> None:
    """By a library, say. Who asks whether something is used must not hear that it is not."""
    world = World(tmp_path, {"main.py": "from functools import lru_cache\n\n\n@lru_cache\ndef f(): ...\n"})
    world.refresh()
    found = find_symbol("lru_cache", world.store, uses=True)
    assert (found.definitions, [(place.path, place.line) for place in found.uses]) == ((), [("main.py", 4)])
    assert [doubt.kind for doubt in found.doubts] == ["meaning"]
    nothing = find_symbol("nothing_here", world.store, uses=True)
    assert (nothing.definitions, nothing.uses, nothing.doubts) == ((), (), ())


@pytest.mark.parametrize("count", [12, 40])
def test_a_name_of_many_definitions_is_listed_with_its_uses(tmp_path: Path, count: int) -> None:
    """Too many for a navigator to tell them apart: nothing found, and that complete, would be a lie."""
    files = {f"part{n}.py": f"class Part{n}:\n    def feed(self):\n        return {n}\n" for n in range(count)}
    world = World(tmp_path, files | {"main.py": "def run(part):\n    part.feed()\n    return part.feed\n"})
    world.refresh()
    found = find_symbol("feed", world.store, uses=True)
    assert {item.symbol.qualified for item in found.definitions} == {f"Part{n}.feed" for n in range(count)}
    assert [(place.path, place.line) for place in found.uses] == [("main.py", 2), ("main.py", 3)]
    assert "meaning" in [doubt.kind for doubt in found.doubts]
