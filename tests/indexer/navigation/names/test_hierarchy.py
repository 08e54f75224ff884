"""Methods that a type inherits, and the base types that signatures name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.navigation.names.hierarchy import bases
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of

TREES = {
    "java": {
        "shop/Base.java": (
            "package shop;\n\npublic abstract class Base {\n  void audit(String line) {}\n"
            '  void self() { audit("x"); }\n}\n'
        ),
        "shop/Child.java": (
            'package shop;\n\npublic class Child extends Base {\n  void run() { audit("r"); }\n'
            '  void more() { super.audit("z"); }\n}\n'
        ),
        "shop/Deep.java": 'package shop;\n\nclass Deep extends Child {\n  void go() { this.audit("g"); }\n}\n',
        "shop/Stranger.java": (
            'package shop;\n\nimport lib.Child;\n\nclass Stranger extends Child {\n  void go() { audit("s"); }\n}\n'
        ),
        "shop/Other.java": 'package shop;\n\nclass Other {\n  void go() { audit("o"); }\n}\n',
    },
    "python": {
        "base.py": "class Base:\n    def audit(self):\n        pass\n",
        "child.py": (
            "from base import Base\n\n\nclass Child(Base):\n    def run(self):\n        self.audit()\n\n"
            "    def more(self):\n        super().audit()\n"
        ),
        "stranger.py": "from lib import Base\n\n\nclass Child(Base):\n    def run(self):\n        self.audit()\n",
    },
    "typescript": {
        "base.ts": "export class Base {\n  audit() {}\n}\n",
        "child.ts": 'import { Base } from "./base";\n\nclass Child extends Base {\n  run() { this.audit(); }\n}\n',
    },
    "ruby": {
        "base.rb": "class Base\n  def audit\n  end\nend\n",
        "child.rb": "class Child < Base\n  def run\n    audit\n  end\nend\n",
        "other.rb": "class Other\n  def run\n    audit\n  end\nend\n",
    },
    "php": {
        "Base.php": "<?php\nclass Base {\n  function audit() {}\n}\n",
        "Child.php": "<?php\nclass Child extends Base {\n  function run() { $this->audit(); parent::audit(); }\n}\n",
    },
    "csharp": {
        "Base.cs": "partial class Base {\n  void Audit() {}\n}\n",
        "More.cs": "partial class Base {\n  void Go() { Audit(); }\n}\n",
        "Child.cs": "class Child(int x) : Base {\n  void Run() { Audit(); base.Audit(); }\n}\n",
        "Other.cs": "class Other {\n  void Run() { Audit(); }\n}\n",
    },
    "kotlin": {
        "Base.kt": "open class Base {\n  fun audit() {}\n}\n",
        "Child.kt": "class Child(val x: Int) : Base() {\n  fun run() { audit() }\n}\n",
    },
}
EXPECTED = {
    "java": ["shop/Base.java:5", "shop/Child.java:4", "shop/Child.java:5", "shop/Deep.java:4"],
    "python": ["child.py:6", "child.py:9"],
    "typescript": ["child.ts:4"],
    "ruby": ["child.rb:3"],
    "php": ["Child.php:3"],
    "csharp": ["Child.cs:2", "More.cs:2"],
    "kotlin": ["Child.kt:2"],
}


@pytest.mark.process
@pytest.mark.parametrize("language", TREES)
def test_calls_in_types_that_inherit_the_method(tmp_path: Path, language: str) -> None:
    world = World(tmp_path, TREES[language])
    world.refresh()
    name = "Audit" if language == "csharp" else "audit"
    found = lines_of(ask(world.store, f"who calls Base.{name}?"), is_complete=False)
    assert [place for place, _ in found] == EXPECTED[language]


@pytest.mark.process
def test_a_type_with_a_method_of_its_own_means_it_unless_it_asks_for_that_of_its_base(tmp_path: Path) -> None:
    override = "class Child extends Base {\n  void audit() { super.audit(); }\n  void run() { audit(); }\n}\n"
    below = "class Grandchild extends Child {\n  void go() { audit(); }\n}\n"
    world = World(
        tmp_path, {"Base.java": "class Base {\n  void audit() {}\n}\n", "Child.java": override, "G.java": below}
    )
    world.refresh()
    of_base, of_child = ask(world.store, "who calls Base.audit?"), ask(world.store, "who calls Child.audit?")
    assert lines_of(of_base, is_complete=False) == [("Child.java:2", "Child.audit")]
    assert lines_of(of_child, is_complete=False) == [("Child.java:3", "Child.run"), ("G.java:2", "Grandchild.go")]


@pytest.mark.process
def test_of_two_bases_of_one_name_neither_is_followed(tmp_path: Path) -> None:
    tree = {
        "a/Base.java": "package a;\nclass Base {\n  void audit() {}\n}\n",
        "b/Base.java": "package b;\nclass Base {\n}\n",
        "b/Child.java": "package b;\nclass Child extends Base {\n  void run() { audit(); }\n}\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert ask(world.store, "who calls Base.audit?") is None


@pytest.mark.parametrize(
    ("family", "signature", "expected"),
    [
        ("python", "class K(L, m.N, metaclass=O, P[Q])", [("", "L"), ("m", "N"), ("", "P")]),
        ("python", "class K", []),
        ("java", "public class K<T extends L> extends M<T> implements N, o.P", [("", "M"), ("", "N"), ("o", "P")]),
        ("java", "record K(L of) implements M", [("", "M")]),
        ("typescript", "export abstract class K extends m.L<T> implements N", [("m", "L"), ("", "N")]),
        ("csharp", "class K(L of) : M.N(of), O<P> where T : Q", [("M", "N"), ("", "O")]),
        ("java", "open class K(val of: L) : M.N(of), O<P>", [("M", "N"), ("", "O")]),
        ("cpp", "class K : public L, private m::N<O>", [("", "L"), ("m", "N")]),
        ("ruby", "class K < L::M", [("L", "M")]),
        ("php", "class K extends \\L\\M implements N", [("L", "M"), ("", "N")]),
    ],
)
def test_bases_in_a_signature(family: str, signature: str, expected: list[tuple[str, str]]) -> None:
    assert list(bases(signature, "K", family)) == expected


@pytest.mark.process
def test_many_types_below_one_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type looks at those whose signatures have its name, and not at all of them."""
    read: list[str] = []

    def counted(signature: str, name: str, family: str) -> Iterator[tuple[str, str]]:
        read.append(name)
        return bases(signature, name, family)

    monkeypatch.setattr("indexer.navigation.names.hierarchy.bases", counted)
    types = "".join(f"\n\nclass K{n}(Base):\n    def run(self):\n        self.audit()\n" for n in range(30))
    world = World(tmp_path, {"base.py": f"class Base:\n    def audit(self):\n        pass\n{types}"})
    world.refresh()
    assert len(lines_of(ask(world.store, "who calls Base.audit?"), is_complete=False)) == 30
    assert len(read) <= 3 * 31
