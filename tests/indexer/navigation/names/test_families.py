"""Code of one language does not mean what is defined in another."""

from pathlib import Path

import pytest

from indexer.navigation.names.families import are_kin, is_for_others
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of


@pytest.mark.parametrize(
    ("language", "path", "expected"),
    [
        ("vue", "a.ts", True),
        ("html", "a.js", True),
        ("cpp", "a.h", True),
        ("kotlin", "A.java", True),
        ("erb", "a.rb", True),
        ("python", "notes.ipynb", True),  # its cells may be in any language
        ("bash", "bin/run", True),
        ("bash", "a.py", False),
        ("ruby", "a.c", False),
        ("php", "a.js", False),
    ],
)
def test_kin(language: str, path: str, expected: bool) -> None:
    assert are_kin(language, path) is expected


@pytest.mark.parametrize(
    ("path", "signature", "expected"),
    [("a.c", "int go(void)", True), ("a.rs", 'pub extern "C" fn go()', True), ("a.rs", "pub fn go()", False)],
)
def test_functions_for_other_languages(path: str, signature: str, expected: bool) -> None:
    assert is_for_others(path, signature) is expected


@pytest.mark.process
def test_a_call_in_another_language_means_another_function(tmp_path: Path) -> None:
    tree = {
        "a.py": "def weigh(box):\n    return box\n\n\nweigh(1)\n",
        "b.c": "int f(void) { return weigh(2); }\n",
        "c.sh": "weigh 3\n",
        "d.rb": "def e\n  weigh(4)\nend\n",
        "f.html": "<script>weigh(5)</script>\n",
        "g.ts": "import { weigh } from 'a';\nweigh(6);\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls weigh?")) == [("a.py:5", "")]
    assert lines_of(ask(world.store, "who imports weigh?")) == []


@pytest.mark.process
def test_a_function_of_c_may_be_called_from_elsewhere(tmp_path: Path) -> None:
    tree = {
        "a.c": "int weigh(int n) { return n; }\nint f(void) { return weigh(1); }\n",
        "b.rs": "fn g() { unsafe { weigh(2) } }\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls weigh?"), is_complete=False) == [("a.c:2", "f")]
