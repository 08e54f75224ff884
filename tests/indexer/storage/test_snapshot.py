"""What a snapshot reads from the index."""

from pathlib import Path

from tests.indexer.harness import World


def test_lines_are_returned_as_indexed_even_a_line_in_many_chunks(tmp_path: Path) -> None:
    text = "first\n\n" + "x" * 7000 + "\n" + "abcdefghi " * 900 + "\nlast"
    world = World(tmp_path, {"w.md": text})
    world.refresh()
    with world.store.read() as snapshot:
        assert snapshot.lines("w.md", 1, 5) == text
        assert snapshot.lines("w.md", 3, 3) == "x" * 7000


def test_files_are_found_by_their_names_and_by_what_they_define(tmp_path: Path) -> None:
    tree = {
        "go.mod": "module a\n",
        "deep/er/go.mod": "module b\n",
        "cargo.mod": "x\n",
        "a.py": "class Box:\n    def open(self):\n        return 1\n\n\n\n",
        "b.py": "class Boxes:\n    def open(self):\n        return 1\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    with world.store.read() as snapshot:
        assert snapshot.files_called("go.mod", 9) == ["go.mod", "deep/er/go.mod"]
        assert snapshot.files_called("go.mod", 1) == ["go.mod"]
        assert (snapshot.inside("Box"), snapshot.inside("Boxes"), snapshot.inside("B*")) == (["a.py"], ["b.py"], [])
        assert (snapshot.text("a.py"), snapshot.text("gone.py")) == (tree["a.py"].rstrip() + "\n", "")
