"""Why an answer says "at least": a file with the name that was not understood, and doubts about what a name means."""

from pathlib import Path

import pytest

from indexer.navigation.doubts import Doubt, may_refer
from indexer.navigation.intent import QueryKind
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask

pytestmark = pytest.mark.process

CORE = {"core.py": "def weigh(box):\n    return box\n\n\nweigh(1)\n"}


def doubts_of(folder: Path, question: str, more: dict[str, str]) -> tuple[list[str], set[Doubt]]:
    world = World(folder, CORE | more)
    world.refresh()
    found = ask(world.store, question)
    assert found is not None
    return [f"{item.path}:{item.line}" for item in found.locations], {d for group in found.groups for d in group.doubts}


@pytest.mark.parametrize(
    ("more", "doubt"),
    [
        ({"a.weird": "weigh(2)\n"}, Doubt("language", "a.weird")),
        ({"run": "weigh 2\n"}, Doubt("language", "run")),
        ({"b.ps1": "weigh 2\n"}, Doubt("language", "b.ps1")),
        ({"c.py": "from core import weigh\n\ndef a(:\n    x = weigh ]\n"}, Doubt("syntax", "c.py")),
        ({"d.html": "<p onclick='weigh(1)'>a</p>\n"}, Doubt("language", "d.html")),
        ({"d.j2": "<p>{{ weigh(1) }}</p>\n"}, Doubt("language", "d.j2")),
        ({"d.tmpl": "{% if weigh(1) %}\n"}, Doubt("language", "d.tmpl")),
        ({"d.blade.php": "<p>{{ weigh(1) }}</p>\n"}, Doubt("language", "d.blade.php")),
        ({"e.blade.php": "@if (weigh(1))\n@endif\n"}, Doubt("language", "e.blade.php")),
        ({"d.mdx": "<Box of={weigh(1)} />\n"}, Doubt("language", "d.mdx")),
    ],
)
def test_a_file_that_was_not_understood_is_a_doubt(tmp_path: Path, more: dict[str, str], doubt: Doubt) -> None:
    assert doubts_of(tmp_path, "who calls weigh?", more) == (["core.py:5"], {doubt})


@pytest.mark.parametrize(
    "more",
    [
        {"README.md": "Call `weigh(1)`.\n"},
        {"notes.txt": "weigh(1)\n"},
        {"d.html": "<!-- {{ weigh(1) }} --><p id='weigh'>weigh it</p>\n"},
        {"d.blade.php": "<p>{{-- weigh(1) --}} weigh it</p>\n"},
        {"LICENSE": "weigh\n"},
        {"settings.yaml": "run: core:weigh\n"},
        {".gitignore": "weigh\n"},
        {"a.weird": "weighed(2)\nweigh_all(2)\n"},
        {"d.py": "# weigh(2)\nTEXT = 'weigh(3)'\n"},
        {"e.py": "from elsewhere import weigh\n\ndef a(:\n    x = weigh ]\n"},  # of another package
    ],
)
def test_prose_settings_comments_and_strings_hold_no_calls(tmp_path: Path, more: dict[str, str]) -> None:
    assert doubts_of(tmp_path, "who calls weigh?", more) == (["core.py:5"], set())


def test_a_setting_may_be_a_use(tmp_path: Path) -> None:
    more = {"settings.yaml": "run: core:weigh\n"}
    assert doubts_of(tmp_path, "what uses `weigh`?", more) == (["core.py:5"], {Doubt("language", "settings.yaml")})


def test_objects_have_no_known_types(tmp_path: Path) -> None:
    more = {"scale.py": "class Scale:\n    def weigh_all(self):\n        return self.weigh_all()\n"}
    found, doubts = doubts_of(tmp_path, "who calls `weigh_all`?", more)
    assert (found, doubts) == (["scale.py:3"], {Doubt("types")})


def test_time_and_long_lists_are_doubts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = {f"m{n}.py": "from core import weigh\n\nweigh(1)\n" for n in range(4)}
    monkeypatch.setattr("indexer.navigation.structural_answers._LOCATIONS", 3)
    assert doubts_of(tmp_path / "long", "who calls weigh?", more) == (
        ["core.py:5", "m0.py:3", "m1.py:3"],
        {Doubt("places")},
    )
    monkeypatch.setattr("indexer.navigation.navigator._FILES", 2)
    assert doubts_of(tmp_path / "many", "who calls weigh?", more)[1] == {Doubt("files")}


@pytest.mark.parametrize(
    ("path", "language", "kind", "expected"),
    [
        ("a.zig", "zig", "calls", True),
        ("a.swift", "swift", "imports", True),
        ("a.unheard", "text", "calls", True),
        ("bin/run", "text", "calls", True),
        ("a.txt", "text", "uses", False),
        ("README", "text", "uses", False),
        ("a.md", "markdown", "uses", False),
        ("a.json", "json", "calls", False),
        ("a.json", "json", "uses", True),
        (".npmrc", "text", "calls", False),
        (".npmrc", "text", "uses", True),
        ("fix.patch", "text", "uses", False),
        ("fix.diff", "code", "calls", False),
        ("a.unheard", "code", "calls", True),
    ],
)
def test_files_that_may_refer_to_a_name(path: str, language: str, kind: QueryKind, expected: bool) -> None:
    assert may_refer(path, language, kind) is expected


def test_scripts_in_pages_of_php_are_not_read(tmp_path: Path) -> None:
    more = {"fee.js": "function fee() {}\nfee();\n", "page.php": "<p><script>fee();</script></p>\n"}
    assert doubts_of(tmp_path, "who calls fee?", more) == (["fee.js:2"], {Doubt("language", "page.php")})
