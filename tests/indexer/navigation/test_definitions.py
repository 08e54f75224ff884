"""What a file or a type contains: also its parts in other files, and what a syntax error may hide."""

from pathlib import Path

import pytest

from indexer.navigation.doubts import Doubt
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask

pytestmark = pytest.mark.process

GO = {
    "disk/disk.go": "package disk\n\ntype Disk struct{}\n\nfunc (d *Disk) Open() {}\n",
    "disk/read.go": "package disk\n\nfunc (d *Disk) Read() {}\n\nfunc Other() {}\n",
    "old/disk.go": "package old\n\nfunc (d *Disk) Old() {}\n",
}
CPP = {
    "src/lamp.h": "namespace room {\nclass Lamp {\n public:\n  void on();\n  int watts() { return 1; }\n};\n}\n",
    "src/lamp.cpp": '#include "lamp.h"\nnamespace room {\nvoid Lamp::on() {}\nint Lamp::hidden() { return 2; }\n}\n',
}
CSHARP = {
    "Box.cs": "partial class Box {\n  public void Open() { }\n}\n",
    "Box.Close.cs": "partial class Box {\n  public void Close() { }\n}\n",
}
TWO = {
    "a/till.py": "class Till:\n    def open(self):\n        return 1\n",
    "b/till.py": "class Till:\n    def shut(self):\n        return 1\n",
    "c/till.py": "def Till():\n    return 1\n",
}


@pytest.mark.parametrize(
    ("tree", "question", "expected"),
    [
        (GO, "what methods does Disk have?", [["disk/disk.go:5 Disk.Open", "disk/read.go:3 Disk.Read"]]),
        (
            CPP,
            "what does Lamp contain?",
            [["src/lamp.h:4 room.Lamp.on", "src/lamp.h:5 room.Lamp.watts", "src/lamp.cpp:4 room.Lamp.hidden"]],
        ),
        (CSHARP, "what methods does Box have?", [["Box.Close.cs:2 Box.Close", "Box.cs:2 Box.Open"]]),
        (TWO, "what methods does Till have?", [["a/till.py:2 Till.open"], ["b/till.py:2 Till.shut"]]),
    ],
)
def test_members_of_types(tmp_path: Path, tree: dict[str, str], question: str, expected: list[list[str]]) -> None:
    world = World(tmp_path, tree)
    world.refresh()
    found = ask(world.store, question)
    assert found is not None
    groups = [[f"{item.path}:{item.line} {item.symbol}" for item in group.locations] for group in found.groups]
    assert (groups, found.is_complete) == (expected, True)


def test_a_syntax_error_may_hide_definitions(tmp_path: Path) -> None:
    world = World(
        tmp_path, {"a.py": "def one():\n    return 1\n\n\ndef two(:\n    x ===\n\n\ndef three():\n    return 3\n"}
    )
    world.refresh()
    found = ask(world.store, "what does a.py contain?")
    assert found is not None
    assert found.groups[0].doubts == (Doubt("damaged", "a.py"),)
    assert {item.symbol for item in found.locations} >= {"one", "three"}
