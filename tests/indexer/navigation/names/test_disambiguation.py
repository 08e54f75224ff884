"""A name with several definitions, of which a path says which one is meant."""

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.navigation.doubts import Doubt
from indexer.navigation.intent import parse_structural_query
from indexer.navigation.structural_answers import answer
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask

pytestmark = pytest.mark.process

TREE = {
    "shop/price.py": "def total(items):\n    return sum(items)\n\n\ndef twice(items):\n    return total(items) * 2\n",
    "stock/count.py": "def total(boxes):\n    return len(boxes)\n\n\nDOUBLE = total([1])\n",
    "shop/till.py": "from shop.price import total\n\n\ndef sell(items):\n    return total(items)\n",
    "shop/near.py": "from .price import total as cost\n\n\ndef ask(items):\n    return cost(items)\n",
    "stock/house.py": "from stock import count\n\n\ndef fill(boxes):\n    return count.total(boxes)\n",
    "other/user.py": "from elsewhere import total\n\n\ndef use():\n    return total(1)\n",
    "tests/test_price.py": "from shop.price import total\n\n\ndef test_total():\n    assert total([1]) == 1\n",
    "tests/test_count.py": "from stock.count import total\n\n\ndef test_boxes():\n    assert total([1]) == 1\n",
    "net/dial.go": "package net\n\nfunc Open() {\n}\n\nfunc Dial() {\n\tOpen()\n}\n",
    "net/pool.go": "package net\n\nfunc Fill() {\n\tOpen()\n}\n",
    "disk/file.go": "package disk\n\nfunc Open() {\n}\n\nfunc Read() {\n\tOpen()\n}\n",
    "main.go": 'package main\n\nimport "example.org/app/disk"\n\nfunc main() {\n\tdisk.Open()\n}\n',
}
OF_COUNT = ["stock/count.py:5", "stock/house.py:5", "tests/test_count.py:5"]
OF_PRICE = ["shop/near.py:5", "shop/price.py:6", "shop/till.py:5", "tests/test_price.py:5"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("shop"), TREE)
    world.refresh()
    return world


def lines_of(world: World, question: str, path: str) -> tuple[list[str], bool]:
    """Path and line of each location, and whether these are all."""
    query = parse_structural_query(question)
    assert query is not None
    found = answer(replace(query, path=path), world.store)
    return ([f"{item.path}:{item.line}" for item in found.locations], found.is_complete) if found else ([], True)


def groups_of(world: World, question: str, path: str = "") -> dict[str, list[str]]:
    """Path and line of each location, by those of the definition that it belongs to."""
    query = parse_structural_query(question)
    assert query is not None
    found = answer(replace(query, path=path), world.store)
    return {
        f"{group.definition.path}:{group.definition.line}" if group.definition else "": [
            f"{item.path}:{item.line}" for item in group.locations
        ]
        for group in (found.groups if found else ())
    }


@pytest.mark.parametrize(
    ("question", "path", "expected"),
    [
        ("who calls total?", "shop/price.py", OF_PRICE),
        ("who calls total?", "stock/count.py", OF_COUNT),
        ("which tests touch total?", "stock/count.py", ["tests/test_count.py:5"]),
        ("who imports total?", "shop/price.py", ["shop/near.py:1", "shop/till.py:1", "tests/test_price.py:1"]),
        ("where is total defined?", "stock/count.py", ["stock/count.py:1"]),
        ("who calls Open?", "net/dial.go", ["net/dial.go:7", "net/pool.go:4"]),
        ("who calls Open?", "disk/file.go", ["disk/file.go:7", "main.go:6"]),
        ("who calls twice?", "stock/count.py", []),
    ],
)
def test_only_references_to_the_definition_in_that_file_are_listed(
    world: World, question: str, path: str, expected: list[str]
) -> None:
    assert lines_of(world, question, path) == (expected, True)


def test_a_reference_that_may_mean_either_is_left_out_and_the_answer_incomplete(tmp_path: Path) -> None:
    unclear = {"unclear.py": "from both import total\n\ntotal(1)\n", "both.py": "from shop.price import total\n"}
    world = World(tmp_path, TREE | unclear)
    world.refresh()
    assert lines_of(world, "who calls total?", "shop/price.py") == (OF_PRICE, False)


@pytest.mark.parametrize("path", ["", "gone.py"])
def test_without_a_path_there_is_one_list_for_each_definition(world: World, path: str) -> None:
    assert groups_of(world, "who calls total?", path) == {
        "shop/price.py:1": OF_PRICE,
        "stock/count.py:1": OF_COUNT,
    }
    assert groups_of(world, "which tests touch total?", path) == {
        "shop/price.py:1": ["tests/test_price.py:5"],
        "stock/count.py:1": ["tests/test_count.py:5"],
    }
    assert groups_of(world, "who imports total?", path) == {
        "shop/price.py:1": ["shop/near.py:1", "shop/till.py:1", "tests/test_price.py:1"],
        "stock/count.py:1": ["tests/test_count.py:1"],
    }
    assert groups_of(world, "who calls twice?", path) == {}


def test_what_may_mean_either_definition_has_a_list_of_its_own(tmp_path: Path) -> None:
    unclear = {
        "unclear.py": "from both import total\n\ntotal(1)\nprint(total)\n",
        "both.py": "from shop.price import total\n",
    }
    world = World(tmp_path, TREE | unclear)
    world.refresh()
    assert groups_of(world, "who calls total?") == {
        "shop/price.py:1": OF_PRICE,
        "stock/count.py:1": OF_COUNT,
        "": ["unclear.py:3"],
    }


def test_a_function_of_the_same_name_in_a_test_is_not_called_by_the_code(tmp_path: Path) -> None:
    tree = {
        "src/ring.c": "int ring(int n) {\n  return n;\n}\n\nint twice(void) {\n  return ring(2);\n}\n",
        "tests/fake.c": "static int ring(int n) {\n  return 0;\n}\n\nint main(void) {\n  return ring(1);\n}\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(world, "who calls ring?", "") == (["src/ring.c:6"], True)


def test_a_call_of_an_object_may_mean_the_method_of_any_type(tmp_path: Path) -> None:
    tree = {
        "till.py": "class Till:\n    def pay_out(self):\n        return 1\n",
        "bank.py": "class Bank:\n    def pay_out(self):\n        return 2\n",
        "use.py": "def run(bank, other):\n    bank.pay_out()\n    other.pay_out()\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert groups_of(world, "who calls pay_out?") == {"bank.py:2": ["use.py:2"], "till.py:2": [], "": ["use.py:3"]}


def test_a_file_that_defines_a_name_and_imports_another_of_it_is_unclear(tmp_path: Path) -> None:
    tree = {
        "a/Cargo.toml": '[package]\nname = "a"\n',
        "a/src/lib.rs": "pub fn parse_all() {}\n\nfn x() {\n    parse_all();\n}\n",
        "b/Cargo.toml": '[package]\nname = "b"\n',
        "b/src/lib.rs": (
            "pub fn parse_all() {}\n\nfn y() {\n    parse_all();\n}\n\n"
            "mod z {\n    use a::parse_all;\n\n    fn w() {\n        parse_all();\n    }\n}\n"
        ),
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert groups_of(world, "who calls parse_all?") == {
        "a/src/lib.rs:1": ["a/src/lib.rs:4"],
        "b/src/lib.rs:1": [],
        "": ["b/src/lib.rs:4", "b/src/lib.rs:11"],
    }


def test_a_static_function_of_c_is_called_in_its_file_only(tmp_path: Path) -> None:
    tree = {
        "ring.h": "int ring(int n);\nstatic inline int twice(int n) { return ring(n); }\n",
        "ring.c": '#include "ring.h"\n\nint ring(int n) {\n  return n;\n}\n',
        "own.c": "static int ring(int n) {\n  return 1;\n}\n\nint go(void) {\n  return ring(1);\n}\n",
        "use.c": '#include "ring.h"\n\nint run(void) {\n  return ring(2);\n}\n',
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert groups_of(world, "who calls ring?") == {"own.c:1": ["own.c:6"], "ring.c:3": ["ring.h:2", "use.c:4"]}


def test_the_files_of_a_package_for_several_systems_are_one_definition(tmp_path: Path) -> None:
    tree = {
        "disk/open_linux.go": "package disk\n\nfunc Open() {}\n",
        "disk/open_windows.go": "package disk\n\nfunc Open() {}\n",
        "disk/use.go": "package disk\n\nfunc Use() {\n\tOpen()\n}\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert groups_of(world, "who calls Open?") == {"": ["disk/use.go:4"]}


def test_an_imported_class_is_told_from_its_neighbours(tmp_path: Path) -> None:
    tree = {
        "p/A.java": "package p;\npublic class A {\n  static void go() {}\n}\n",
        "p/B.java": "package p;\npublic class B {\n  static void go() {}\n}\n",
        "q/C.java": "package q;\nimport p.A;\nclass C {\n  void f() { A.go(); }\n}\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(world, "who calls A.go?", "")[0] == ["q/C.java:4"]
    assert lines_of(world, "who calls B.go?", "")[0] == []


def test_a_bare_name_is_no_method(tmp_path: Path) -> None:
    tree = {
        "m.py": "def fee():\n    return 1\n",
        "a.py": "from m import fee\n\n\nclass A:\n    def fee(self):\n        return fee()\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(world, "who calls m.fee?", "") == (["a.py:6"], True)


@pytest.mark.parametrize("opened", ["using namespace shop;", "using shop::weigh;", "using namespace all::shop;"])
def test_an_opened_namespace_of_cpp_beside_an_own_overload(tmp_path: Path, opened: str) -> None:
    tree = {
        "shop.hpp": "namespace shop {\ninline int weigh(int x) { return x; }\n}\n",
        "a.cpp": f"{opened}\nint weigh(double x) {{ return x; }}\nint f() {{ return weigh(1); }}\n",
        "b.cpp": '#include "shop.hpp"\nusing namespace other;\nint g() {\n  return shop::weigh(2);\n}\n',
    }
    world = World(tmp_path, tree)
    world.refresh()
    found = ask(world.store, "who calls weigh?")
    assert found is not None
    own, inner, unclear = found.groups
    assert [place.path for place in own.locations] == []
    assert [(place.path, place.line) for place in inner.locations] == [("b.cpp", 4)]
    assert [(place.path, place.line) for place in unclear.locations] == [("a.cpp", 3)]
    assert not found.is_complete
    assert Doubt("meaning", "a.cpp") in own.doubts


def test_a_using_declaration_of_cpp_names_a_namespace_and_no_file(tmp_path: Path) -> None:
    tree = {
        "money.hpp": "namespace shop {\ninline int weigh(int x) { return x; }\n}\n",
        "a.cpp": '#include "money.hpp"\nusing shop::weigh;\nint f() {\n  return weigh(1);\n}\n',
        "b.cpp": '#include "other.hpp"\nusing other::weigh;\nint f() {\n  return weigh(1);\n}\n',
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(world, "who calls weigh?", "") == (["a.cpp:4"], True)
