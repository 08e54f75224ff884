"""Subtypes: subclasses, implementations, what mixes a module in."""

from pathlib import Path

import pytest

from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of

pytestmark = pytest.mark.process

PYTHON = "class Shape:\n    pass\nclass Ring(Shape): ...\n"
SCRIPT = "class Shape {}\nclass Pen {}\nclass Ring extends Shape {}\n"
RUBY = "module Shape\nend\nclass Ring\n  include Shape\nend\n"


def subtypes(folder: Path, path: str, text: str) -> tuple[list[int], bool]:
    """The lines of the subtypes of Shape, and whether these are all."""
    world = World(folder, {path: text})
    world.refresh()
    found = ask(world.store, "what subclasses Shape?")
    assert found is not None
    return [location.line for location in found.locations], found.is_complete


@pytest.mark.parametrize(
    ("path", "text", "is_complete"),
    [
        ("a.ts", "class Shape {}\nclass Ring extends Shape {}\n", True),
        ("a.ts", "class Shape {}\nclass Ring extends Shape {}\nclass Mixed extends Serial(Shape) {}\n", False),
        ("a.ts", "class Shape {}\nclass Ring extends Shape {}\nclass Box { draw(s: Shape) {} }\n", True),
        ("a.py", "class Shape: ...\nclass Ring(Shape): ...\nclass Mixed(serial(Shape)): ...\n", False),
        ("a.py", "class Shape: ...\nclass Ring(Shape): ...\nclass Other(metaclass=Shape): ...\n", True),
    ],
)
def test_a_class_that_extends_what_a_call_gives_may_derive_from_its_argument(
    tmp_path: Path, path: str, text: str, is_complete: bool
) -> None:
    assert subtypes(tmp_path, path, text) == ([2], is_complete)


@pytest.mark.parametrize(
    ("path", "text", "lines"),
    [
        ("a.py", PYTHON + "Box = type('Box', (Shape,), {})\nx = type(Shape), isinstance(1, (Shape,))\n", [3, 4]),
        ("a.py", PYTHON + "import types\nBox = types.new_class('Box', (object, Shape))\n", [3, 5]),
        ("a.py", PYTHON + "Other = Shape\nx = Shape()\ny: Shape = f(each=Shape)\n", [3]),
        ("a.js", "function Shape() {}\nutil.inherits(Ring, Shape);\nutil.log(Ring, Shape);\n", [2]),
        ("a.js", "function Shape() {}\nRing.prototype = Object.create(Shape.prototype);\n", [2]),
        ("a.js", "function Shape() {}\nRing.prototype = new Shape();\nx = new Shape();\n", [2]),
        ("a.ts", SCRIPT + "const s: Shape = new Shape();\nconst t = draw(Shape);\n", [3]),
        ("a.rb", RUBY + "Ring.include(Shape)\nbase.extend Shape\nBox.send(:prepend, Shape)\n", [4, 6, 7, 8]),
        ("a.rb", RUBY + "class Box\n  FOO && include(Shape)\n  x ? include(Shape) : 0\nend\n", [4, 7, 8]),
        ("a.rb", RUBY + "class Box\n  private include(Shape)\n  begin\n    include Shape\n  end\nend\n", [4, 7, 9]),
        (
            "a.rb",
            RUBY + "self.class.include Shape\nsingleton_class.include(Shape)\nA::Box.include Shape\n",
            [4, 6, 7, 8],
        ),
        ("a.rb", RUBY + "included do\n  include Shape\nend\nexpect(all).to include(Shape)\n", [4, 7]),
        ("a.rs", "trait Shape {}\n#[derive(Clone, Shape)]\nstruct Ring;\n", [2]),
        ("a.cs", "using Base = App.Shape;\nnamespace App;\nclass Shape {}\nclass Ring : Base {}\n", [4]),
    ],
)
def test_ways_to_derive(tmp_path: Path, path: str, text: str, lines: list[int]) -> None:
    assert subtypes(tmp_path, path, text) == (lines, True)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", PYTHON + "BASES = (Shape,)\nBox = type('Box', BASES, {})\n"),
        ("a.py", PYTHON + "BASES = (Shape,)\nclass Box(*BASES): ...\n"),
        ("a.py", PYTHON + "Base = Shape if x else object\nclass Box(Base): ...\n"),
        ("a.py", PYTHON + "Shape.register(Box)\n"),
        ("a.py", PYTHON + "Box = ABCMeta('Box', (Shape,), {})\n"),
        ("a.py", PYTHON + "Box = builtins.type('Box', (Shape,), {})\n"),
        ("a.py", PYTHON + "Box = type('Box', (Shape,) + others, {})\n"),
        ("a.py", PYTHON + "Box = make_dataclass('Box', ['x'], bases=(Shape,))\n"),
        ("a.py", PYTHON + "Box.__bases__ = (Shape,)\n"),
        ("a.py", PYTHON + "class Box(\n    six.with_metaclass(\n        Meta,\n        Shape,\n    ),\n): ...\n"),
        ("a.py", PYTHON + "class Box((Base := Shape)): ...\n"),
        ("a.py", PYTHON + "A, B = Shape, Pen\nclass Box(A): ...\n"),
        ("a.py", PYTHON + "def make(base=Shape):\n    class Box(base): ...\n    return Box\n"),
        ("a.py", PYTHON + "def make(\n    x,\n    base: type = Shape,\n):\n    class Box(base): ...\n"),
        ("a.py", PYTHON + "Mixed = serial(key=1, base=Shape)\nclass Box(Mixed): ...\n"),
        ("a.py", PYTHON + "BASE: dict[str, type] = {1: Shape}\nclass Box(BASE[1], BASE): ...\n"),
        ("a.py", PYTHON + "def make(x):\n    class Box(x): ...\n    return Box\nBox = make(Shape)\n"),
        ("a.py", PYTHON.replace("Shape:", "Shape(Protocol):")),
        ("a.ts", SCRIPT + "const Base = Shape;\nclass Box extends Base {}\n"),
        ("a.js", SCRIPT + "Object.setPrototypeOf(Box.prototype, Shape.prototype);\n"),
        ("a.ts", SCRIPT + "const Base = flag ? Shape : Pen;\nclass Box extends Base {}\n"),
        ("a.ts", SCRIPT + "function mix(X) {\n  return class extends X {};\n}\nconst all = [mix(Shape)];\n"),
        ("a.js", SCRIPT + "_inherits(Box, Shape);\n"),
        ("a.js", SCRIPT + "__extends(Box, Shape);\n"),
        ("a.rb", RUBY + "class Box < DelegateClass(Shape)\nend\n"),
        ("a.rb", RUBY + "registry.include(Shape)\n"),
        ("a.rb", RUBY + "KINDS.include Shape\n"),
        ("a.rb", RUBY + "list.extend(Shape)\n"),
        ("a.py", PYTHON + "draw([Shape, 1])  # " + "long " * 400 + "\n"),
        ("a.rb", RUBY + "Base = Shape\nclass Box\n  include Base\nend\n"),
        ("a.cpp", "class Shape {};\n\nclass Ring : Shape {};\nusing Base = Shape;\nclass Box : Base {};\n"),
        ("a.cpp", "class Shape {};\n\nclass Ring : Shape {};\ntypedef Shape Base;\nclass Box : Base {};\n"),
        ("a.kt", "open class Shape\n\nclass Ring : Shape()\ntypealias Base = Shape\nclass Box : Base()\n"),
        ("a.rs", "trait Shape {}\n\nimpl Shape for Ring {}\nmacro_rules! m { ($t:ty) => { impl Shape for $t {} } }\n"),
        ("a.php", "<?php\nclass Shape {}\nclass Ring extends Shape {}\nclass_alias('Shape', 'Base');\n"),
    ],
)
def test_subtypes_that_are_not_read_are_a_doubt(tmp_path: Path, path: str, text: str) -> None:
    lines, is_complete = subtypes(tmp_path, path, text)
    assert (set(lines) <= {3, 4}, is_complete) == (True, False)


def test_the_bases_of_a_class_may_be_in_another_file(tmp_path: Path) -> None:
    world = World(tmp_path, {"a.py": PYTHON + "BASES = (\n    Shape,\n)\n", "b.py": "class Box(*BASES): ...\n"})
    world.refresh()
    assert lines_of(ask(world.store, "what subclasses Shape?"), is_complete=False) == [("a.py:3", "Ring")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", PYTHON + "SHAPES = [Shape]\nx = draw(Shape, Base=Shape)\nclass Pen(Base): ...\n"),
        ("a.py", PYTHON + "assert isinstance(x, (Shape, Pen)) and issubclass(y, Shape)\n"),
        ("a.py", PYTHON + "class Box(Generic[Shape]): ...\nclass Pen(Base, metaclass=Shape): ...\n"),
        ("a.py", PYTHON + "def f(x: Shape, y: list[Shape]) -> Shape:\n    class Local: ...\nz: Shape | None = f\n"),
        ("a.py", PYTHON + "EXPRESSION = r'class('\nx = draw(Shape)\n"),
        ("a.ts", SCRIPT + "const s: Shape = draw(Shape), t = x instanceof Shape;\n"),
        ("a.rs", "trait Shape {}\n\nimpl Shape for Ring {}\nfn f(x: &dyn Shape) { g::<dyn Shape>(x) }\n"),
    ],
)
def test_a_type_that_is_passed_or_listed_is_not_derived_from(tmp_path: Path, path: str, text: str) -> None:
    assert subtypes(tmp_path, path, text) == ([3], True)


def test_a_derived_macro_is_not_a_struct_of_its_name(tmp_path: Path) -> None:
    text = "pub struct Shape;\nimpl Draw for Shape {}\n#[derive(Shape)]\nstruct Ring;\n"
    world = World(tmp_path, {"a.rs": text})
    world.refresh()
    assert ask(world.store, "what subclasses Shape?") is None


def test_the_methods_of_a_module_are_called_on_the_types_that_mix_it_in(tmp_path: Path) -> None:
    tree = {
        "loud.rb": "module Loud\n  def shout_it\n    1\n  end\nend\n",
        "dog.rb": "class Dog\n  include Loud\n\n  def bark\n    shout_it\n  end\nend\n",
        "pup.rb": "class Pup < Dog\n  def bark = shout_it\nend\n",
        "fish.rb": "class Fish\n  def bark = shout_it\nend\n",
        "run.rb": "dog = Dog.new\ndog.shout_it\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    for question in ("who calls shout_it?", "who calls Loud#shout_it?"):
        assert lines_of(ask(world.store, question), is_complete=False) == [
            ("dog.rb:5", "Dog.bark"),
            ("pup.rb:2", "Pup.bark"),
            ("run.rb:2", ""),
        ]


def test_the_functions_of_a_module_that_nothing_mixes_in_are_known(tmp_path: Path) -> None:
    tree = {
        "loud.rb": "module Loud\n  module_function\n\n  def shout_it\n    1\n  end\nend\n",
        "run.rb": "Loud.shout_it\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls shout_it?")) == [("run.rb:1", "")]
