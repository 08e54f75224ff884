"""The limits of a lookup."""

from pathlib import Path

import pytest

from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of

pytestmark = pytest.mark.process


def test_more_files_than_the_limit_make_an_answer_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = {f"m{n}.py": "from core import work\n\nwork()\n" for n in range(4)}
    world = World(tmp_path, {"core.py": "def work():\n    ...\n"} | callers)
    world.refresh()
    monkeypatch.setattr("indexer.navigation.navigator._FILES", 3)
    found = ask(world.store, "who calls work?")
    assert found is not None
    assert (len(found.locations), found.is_complete) == (2, False)


def test_a_definition_in_code_without_a_grammar_is_found_by_its_exact_name(tmp_path: Path) -> None:
    tree = {
        "web/near.js": "export function lockUpAll() {\n  return 1;\n}\n",
        "vault/Safe.weird": "contract Safe {\n    function lockUp(uint256 amount) external {\n    }\n}\n",
        "bin/tool": "setup() {\n}\n\nproc openSafe {} {\n}\n",
        "notes.md": "function lockDown() {\n",
        "use.py": "import safe\n\nsafe.lockUp(1)\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "where is lockUp defined?")) == [("vault/Safe.weird:2", "lockUp")]
    assert lines_of(ask(world.store, "signature of openSafe")) == [("bin/tool:4", "openSafe")]
    assert ask(world.store, "where is lockDown defined?") is None
    assert ask(world.store, "where is LockUpAll defined?") is None


def test_code_is_meant_before_a_style_sheet_or_a_schema(tmp_path: Path) -> None:
    files = {
        "menu.py": "def menu():\n    ...\n\n\nclass Order:\n    ...\n\n\nmenu()\nOrder()\n",
        "site.css": ".menu { margin: 0 }\n",
        "shop.proto": "message Order { int64 id = 1; }\n",
    }
    world = World(tmp_path, files)
    world.refresh()
    places = {}
    for question in ("where is menu defined", "who calls menu", "where is Order defined", "who calls Order"):
        found = ask(world.store, question)
        places[question] = found and [(place.path, place.line) for place in found.locations]
    assert places == {
        "where is menu defined": [("menu.py", 1)],
        "who calls menu": [("menu.py", 9)],
        "where is Order defined": [("menu.py", 5), ("shop.proto", 1)],
        "who calls Order": [("menu.py", 10)],
    }


def test_nothing_calls_a_definition_in_a_language_whose_calls_are_not_known(tmp_path: Path) -> None:
    world = World(tmp_path, {"a.lua": "function draw() end\ndraw()\n", "b.rb": "draw()\n"})
    world.refresh()
    assert ask(world.store, "who calls draw") is None
    found = ask(world.store, "where is draw defined")
    assert found is not None
    assert [(place.path, place.line) for place in found.locations] == [("a.lua", 1)]
