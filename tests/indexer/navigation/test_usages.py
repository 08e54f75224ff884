"""Who calls, uses, tests and derives from X: forms of references in the languages."""

from pathlib import Path

import pytest

from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of

pytestmark = pytest.mark.process

RUST = {
    "src/toll.rs": (
        "pub fn toll(tons: u32) -> u32 {\n    tons * 3\n}\n\n"
        "#[cfg(test)]\nmod tests {\n    use super::*;\n\n"
        "    fn both() -> u32 {\n        toll(1) + toll(2)\n    }\n\n"
        "    #[test]\n    fn light_ones_pay() {\n        assert_eq!(toll(1), 3);\n    }\n\n"
        "    #[tokio::test]\n    async fn two_pay() {\n        assert!(both() > 3);\n    }\n}\n"
    ),
    "src/bill.rs": (
        "use crate::toll::toll;\n\n"
        'pub fn line(tons: u32) -> String {\n    format!("{} ct", toll(tons))\n}\n\n'
        "pub fn all(ships: &[u32]) -> u32 {\n    ships.iter().map(|s| toll(*s)).chain(vec![toll(1)]).sum()\n}\n\n"
        '#[cfg(not(test))]\nmod live {\n    pub fn run() {\n        println!("{}", super::toll(7));\n    }\n}\n'
    ),
    "tests/harbour.rs": "use ships::toll::toll;\n\n#[test]\nfn heavy_ones_pay() {\n    assert!(toll(9) > 9);\n}\n",
}
RUBY = {
    "app/days.rb": (
        "def shop_day\n  Time.now\nend\n\n"
        'def banner\n  "Orders of #{shop_day}"\nend\n\n'
        "def closing(shop_day)\n  shop_day\nend\n\n"
        "def later\n  x = shop_day\n  shop_day() + x\nend\n"
    ),
    "app/view.erb": "<h1><%= shop_day %></h1>\n<p>shop_day</p>\n",
    "app/order.rb": (
        "class Order\n  before_save :clean\n\n  def clean\n    @code = 1\n  end\n\n"
        "  def submit\n    clean\n    send_out if ready?\n  end\n\n"
        "  def again\n    self.clean\n  end\n\n"
        "  def ready?\n    true\n  end\n\n  def send_out\n    clean = 2\n    clean\n  end\nend\n"
    ),
    "app/other.rb": "class Other\n  def submit\n    clean\n  end\nend\n",
}
COMPONENTS = {
    "src/money.ts": "export function euro(cents: number): string {\n  return String(cents);\n}\n",
    "src/Total.vue": (
        '<script setup lang="ts">\nimport { euro } from "./money";\nconst shown = euro(1);\n</script>\n'
        "<template>\n  <p>{{ euro(2) }} euro</p>\n</template>\n"
    ),
    "src/Bill.svelte": '<script>\n  import { euro } from "./money";\n</script>\n<p>{euro(3)}</p>\n',
    "src/index.astro": '---\nimport { euro } from "./money";\nconst price = euro(4);\n---\n<p>{price}</p>\n',
}


def world_of(folder: Path, tree: dict[str, str]) -> World:
    world = World(folder, tree)
    world.refresh()
    return world


def test_arguments_of_rust_macros_are_calls(tmp_path: Path) -> None:
    found = ask(world_of(tmp_path, RUST).store, "who calls toll?")
    assert lines_of(found) == [
        ("src/bill.rs:4", "line"),
        ("src/bill.rs:8", "all"),
        ("src/bill.rs:14", "live.run"),
        ("src/toll.rs:10", "tests.both"),
        ("src/toll.rs:15", "tests.light_ones_pay"),
        ("tests/harbour.rs:5", "heavy_ones_pay"),
    ]


def test_tests_of_rust_beside_the_code(tmp_path: Path) -> None:
    found = ask(world_of(tmp_path, RUST).store, "which tests touch toll?")
    assert lines_of(found) == [
        ("src/toll.rs:15", "tests.light_ones_pay"),
        ("src/toll.rs:20", "tests.two_pay"),
        ("tests/harbour.rs:5", "heavy_ones_pay"),
    ]


def test_bare_names_of_ruby_are_calls(tmp_path: Path) -> None:
    store = world_of(tmp_path, RUBY).store
    assert lines_of(ask(store, "who calls shop_day?")) == [
        ("app/days.rb:6", "banner"),
        ("app/days.rb:14", "later"),
        ("app/days.rb:15", "later"),
        ("app/view.erb:1", ""),
    ]
    assert lines_of(ask(store, "who calls `ready?`?"), is_complete=False) == [("app/order.rb:10", "Order.submit")]
    assert lines_of(ask(store, "what uses Order.clean?"), is_complete=False) == [
        ("app/order.rb:2", "Order"),
        ("app/order.rb:9", "Order.submit"),
        ("app/order.rb:14", "Order.again"),
    ]


def test_a_bare_name_in_a_class_of_another_file_may_be_a_method_of_the_class(tmp_path: Path) -> None:
    tree = {"a.rb": "def day\n  1\nend\n\nday\n", "b.rb": "class B < Base\n  def x\n    day\n  end\nend\n"}
    assert lines_of(ask(world_of(tmp_path, tree).store, "who calls `day`?"), is_complete=False) == [("a.rb:5", "")]


def test_component_files_call_and_import(tmp_path: Path) -> None:
    store = world_of(tmp_path, COMPONENTS).store
    assert lines_of(ask(store, "who calls `euro`?")) == [
        ("src/Bill.svelte:4", ""),
        ("src/Total.vue:3", ""),
        ("src/Total.vue:6", ""),
        ("src/index.astro:3", ""),
    ]
    assert lines_of(ask(store, "who imports euro?")) == [
        ("src/Bill.svelte:2", ""),
        ("src/Total.vue:2", ""),
        ("src/index.astro:2", ""),
    ]


def test_a_component_may_use_a_name_that_its_framework_imports(tmp_path: Path) -> None:
    tree = COMPONENTS | {"src/Auto.vue": "<template>\n  <p>{{ euro(5) }}</p>\n</template>\n"}
    found = ask(world_of(tmp_path, tree).store, "who calls `euro`?")
    assert found is not None
    assert (len(found.locations), found.is_complete) == (4, False)


def test_names_of_any_letters(tmp_path: Path) -> None:
    tree = {
        "lager.py": "class Ähre: ...\n\n\nclass Weizenähre(Ähre): ...\n\n\ndef 計算(x):\n    return x\n\n\n計算(3)\n"
    }
    store = world_of(tmp_path, tree).store
    assert lines_of(ask(store, "what subclasses Ähre?")) == [("lager.py:4", "Weizenähre")]
    assert lines_of(ask(store, "who calls 計算?")) == [("lager.py:11", "")]


def test_bases_of_csharp(tmp_path: Path) -> None:
    tree = {
        "Base.cs": "namespace Shop;\n\npublic class Base {\n}\n",
        "All.cs": (
            "class A(int x) : Base(x) { void Run() {} }\nrecord B(int Y) : Base(Y);\nclass C : Shop.Base, I {}\n"
            "class D(int x) : Shop.Base(x) {}\nclass E(Base given) {}\n"
        ),
    }
    assert lines_of(ask(world_of(tmp_path, tree).store, "what subclasses Base?")) == [
        (f"All.cs:{line}", name) for line, name in enumerate("ABCD", 1)
    ]


CALLBACKS = {
    "python": ("a.py", "def tick(): ...\n\n\ntick()\nmap(tick, [])\n", 5),
    "javascript": ("a.js", "function tick() {}\ntick();\nlist.map(tick);\n", 3),
    "go": ("a.go", "package p\n\nfunc tick() {}\n\nfunc f() {\n\ttick()\n\trun(tick)\n}\n", 7),
    "rust": ("a.rs", "fn tick() {}\nfn f() {\n    tick();\n    list.map(tick);\n}\n", 4),
    "c": ("a.c", "void tick(void) {}\nvoid f(void) {\n  tick();\n  run(&tick);\n}\n", 4),
    "kotlin": ("a.kt", "fun tick() {}\nfun f() {\n  tick()\n  list.map(::tick)\n}\n", 4),
    "ruby": ("a.rb", "def tick\nend\ntick\nrun(method(:tick))\n", 4),
    "php": ("a.php", "<?php\nfunction tick() {}\ntick();\narray_map('tick', []);\nrun(tick(...));\n", 4),
}


@pytest.mark.parametrize("language", CALLBACKS)
def test_a_function_that_is_passed_by_its_name_is_used_not_called(tmp_path: Path, language: str) -> None:
    path, text, line = CALLBACKS[language]
    found = ask(world_of(tmp_path, {path: text}).store, "who calls `tick`?")
    assert found is not None
    (group,) = found.groups
    assert len(group.locations) == 1
    assert line in [location.line for location in group.uses]
    assert {location.kind for location in group.uses} == {"use"}


def test_a_method_that_is_passed_by_its_name(tmp_path: Path) -> None:
    tree = {
        "a.py": (
            "class Box:\n    def wire(self, signal):\n        signal.connect(self.on_open)\n\n"
            "    def on_open(self): ...\n"
        ),
        "b.java": "class Till {\n  void shut() {}\n  void all() { run(this::shut); }\n}\n",
    }
    store = world_of(tmp_path, tree).store
    places = []
    for question in ("who calls Box.on_open?", "who calls Till.shut?"):
        found = ask(store, question)
        assert found is not None
        assert found.locations == ()
        places += [(location.path, location.line) for location in found.groups[0].uses]
    assert places == [("a.py", 3), ("b.java", 3)]


def test_an_import_of_all_names_imports_each(tmp_path: Path) -> None:
    tree = {
        "shop/price.py": "def price():\n    return 1\n",
        "shop/all.py": "from shop.price import *\n\nprice()\n",
        "shop/other.py": "from shop.elsewhere import *\n\nprice = 1\n",
        "shop/elsewhere.py": "x = 1\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who imports price?")) == [("shop/all.py:1", "")]


def test_an_extension_of_kotlin_is_called_on_objects_whose_types_are_not_inferred(tmp_path: Path) -> None:
    tree = {
        "a.kt": "package a\n\nfun String.shout(): String {\n    return this\n}\n\nfun List<Int>?.most(): Int = 1\n",
        "b.kt": "package b\n\nimport a.shout\n\nfun run(word: String) {\n    word.shout()\n}\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls shout?"), is_complete=False) == [("b.kt:6", "run")]
    assert lines_of(ask(world.store, "where is `most` defined?")) == [("a.kt:7", "List.most")]


def test_calls_of_a_method_that_is_only_declared_are_at_least(tmp_path: Path) -> None:
    tree = {
        "lamp.hpp": "class Lamp {\npublic:\n  static Lamp* light_up();\n};\n",
        "use.cpp": '#include "lamp.hpp"\nint main() {\n  Lamp::light_up();\n}\n',
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls light_up?"), is_complete=False) == [("use.cpp:3", "main")]


def test_constants_of_types(tmp_path: Path) -> None:
    tree = {
        "shop/Money.java": (
            "package shop;\n\nclass Money {\n  static final int MAX_CENTS = 9;\n  int all() { return MAX_CENTS; }\n}\n"
        ),
        "shop/Coin.java": "package shop;\n\nclass Coin extends Money {\n  int most() { return MAX_CENTS; }\n}\n",
        "shop/Till.java": "package shop;\n\nclass Till {\n  int a = Money.MAX_CENTS + Other.MAX_CENTS;\n}\n",
        "shop/Else.java": "package shop;\n\nclass Else {\n  int most() { return MAX_CENTS; }\n}\n",
        "shop/Whole.java": (
            "package shop;\n\nimport static shop.Money.*;\n\nclass Whole {\n  int most() { return MAX_CENTS; }\n}\n"
        ),
        "box.py": (
            "class Box:\n    SIZE = 3\n    HALF = SIZE / 2\n\n    def size(self):\n        return self.SIZE\n\n\n"
            "def size(other):\n    return Box.SIZE\n"
        ),
    }
    store = world_of(tmp_path, tree).store
    assert lines_of(ask(store, "where is MAX_CENTS defined?")) == [("shop/Money.java:4", "Money.MAX_CENTS")]
    assert lines_of(ask(store, "where is `MAX_CENTS` used?")) == [
        ("shop/Coin.java:4", "Coin.most"),
        ("shop/Money.java:5", "Money.all"),
        ("shop/Till.java:4", "Till"),
        ("shop/Whole.java:6", "Whole.most"),
    ]
    assert lines_of(ask(store, "what uses Box.SIZE?")) == [
        ("box.py:3", "Box"),
        ("box.py:6", "Box.size"),
        ("box.py:10", "size"),
    ]


def test_a_constant_of_an_object_of_an_unknown_type_may_be_another_one(tmp_path: Path) -> None:
    text = "class Box:\n    SIZE = 3\n\n\ndef size(other):\n    return other.SIZE\n\n\nsize(Box.SIZE)\n"
    found = ask(world_of(tmp_path, {"box.py": text}).store, "what uses Box.SIZE?")
    assert lines_of(found, is_complete=False) == [("box.py:9", "")]


def test_the_type_that_a_function_returns_is_a_use(tmp_path: Path) -> None:
    tree = {
        "shape.py": "class Shape: ...\n",
        "a.py": "import m\nfrom shape import Shape\n\n\ndef f(m) -> Shape:\n    return m\n",
        "b.rs": "pub struct Ring;\nfn g(x: u32) -> Ring { h(x) }\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "what uses Shape?")) == [("a.py:5", "f")]
    assert lines_of(ask(world.store, "what uses Ring?")) == [("b.rs:2", "g")]
