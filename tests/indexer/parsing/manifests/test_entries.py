"""Which file has which entries, and which of them are indexed by name."""

import pytest

from indexer.parsing.manifests.entries import entries, key_definitions
from indexer.parsing.manifests.entry import Entry, flat


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("go.mod", "module a.b/c\n\ngo 1.22\n", [("module", "a.b/c"), ("go", "1.22")]),
        ("Cargo.toml", '[package]\nname = "x"\n', [("package", '[package] name = "x"'), ("package.name", "x")]),
        ("sub/package.json", '{"license": "MIT"}', [("license", "MIT")]),
        ("ci.yml", "on: push\n", [("on", "push")]),
        ("pom.xml", "<project><version>1</version></project>", [("project", ""), ("project.version", "1")]),
        ("setup.cfg", "[metadata]\nlicense = MIT\n", [("metadata.license", "MIT")]),
        ("Makefile", "lint:\n\truff check\n", [("target.lint", "ruff check")]),
        ("web.dockerfile", "EXPOSE 80\n", [("EXPOSE", "80")]),
        ("requirements-dev.txt", "ruff==1 # why\n", [("requirements.ruff", "==1")]),
        ("a.gemspec", 'spec.license = "MIT"\n', [("license", "MIT")]),
        ("VERSION", "1.2.3\n", [("version", "1.2.3")]),
        ("main.py", "a = 1\n", []),
    ],
)
def test_entries_by_the_name_of_the_file(path: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert [(item.key, item.value) for item in entries(path, text)] == expected


def test_a_very_large_file_has_none() -> None:
    assert entries("data.json", '{"a": "' + "x" * (1 << 18) + '"}') == ()


def test_a_long_line_is_read_to_its_first_characters() -> None:
    assert entries("setup.cfg", "[a]\nb = " + " " * 200_000 + "c\n")[0].value == ""


def test_keys_of_a_manifest_are_definitions_and_those_of_data_are_not() -> None:
    text = '{\n  "scripts": {\n    "test": "mocha"\n  }\n}\n'
    symbols = [definition.symbol for definition in key_definitions("package.json", text)]
    assert [(s.name, s.qualified, s.kind, s.start_line, s.end_line) for s in symbols] == [
        ("scripts", "scripts", "key", 2, 4),
        ("test", "scripts.test", "key", 3, 3),
    ]
    assert symbols[1].signature == "test = mocha"
    assert key_definitions("locales/de.json", text) == ()


def test_a_value_is_flat() -> None:
    assert flat(' "a\n  b",') == "a b"
    assert Entry("a.b", "c", 1, 1).text == "b = c"
