"""Questions which things of a kind there are: enums, lists and names that are alike."""

from pathlib import Path

import pytest

from indexer.project.listings import find_lists, parse_list_query
from tests.indexer.project.harness import indexed

FILES = {
    "log/level.py": "class LogLevel(IntEnum):\n    DEBUG = 1\n    INFO = 2\n    ERROR = 3\n",
    "log/Level.php": (
        "<?php\nenum Channel: int {\n  case Mail = 1;\n  case Chat = 2;\n  case Phone = 3;\n"
        "  function f() { return match($x) { 1 => 2 }; }\n}\n"
    ),
    "shell/bash.go": "package shell\n\nfunc GenBashCompletion() {}\n",
    "shell/fish.go": "package shell\n\nfunc GenFishCompletion() {}\n",
    "shell/zsh.go": "package shell\n\nfunc GenZshCompletion() {}\n",
    "codec.py": "SUPPORTED_CODECS = ['gzip', 'br', 'zstd']\n",
    "export.py": "class CsvExporter: pass\nclass JsonExporter: pass\nclass HtmlExporter: pass\nclass One: pass\n",
    "tests/test_export.py": "class FakeExporter: pass\n",
}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which log levels are there?", [("log/level.py:1", "LogLevel", "DEBUG, INFO, ERROR")]),
        ("What are the available channels?", [("log/Level.php:2", "Channel", "Mail, Chat, Phone")]),
        ("Which codecs are supported?", [("codec.py:1", "SUPPORTED_CODECS", "gzip, br, zstd")]),
        (
            "Which exporters are there?",
            [
                ("export.py:1", "…Exporter", "Csv, Json, Html"),
                ("export.py:2", "JsonExporter", "class JsonExporter"),
                ("export.py:3", "HtmlExporter", "class HtmlExporter"),
            ],
        ),
        (
            "Which shells can completions be generated for?",
            [
                ("shell/bash.go:3", "Gen…Completion", "Bash, Fish, Zsh"),
                ("shell/fish.go:3", "GenFishCompletion", "func GenFishCompletion()"),
                ("shell/zsh.go:3", "GenZshCompletion", "func GenZshCompletion()"),
            ],
        ),
        ("Which planets are there?", []),
    ],
)
def test_a_list(tmp_path: Path, question: str, expected: list[tuple[str, str, str]]) -> None:
    query = parse_list_query(question)
    assert query is not None
    with indexed(tmp_path, FILES).store.read() as snapshot:
        found = find_lists(query, snapshot)
    assert [(f"{item.path}:{item.line}", item.symbol, item.text) for item in found] == expected


@pytest.mark.parametrize("question", ["How many levels are there?", "Where is the level set?", "Which?"])
def test_another_question(question: str) -> None:
    assert parse_list_query(question) is None
