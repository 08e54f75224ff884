"""Which questions are answered from the project's own files, and how far."""

from pathlib import Path

import pytest

from indexer.project.answers import ProjectAnswer, answer_about_project, overview_of, parse_project_question
from tests.indexer.project.harness import indexed


def ask(folder: Path, question: str) -> ProjectAnswer | None:
    query = parse_project_question(question)
    assert query is not None
    return answer_about_project(query, indexed(folder).store)


@pytest.mark.parametrize(
    ("question", "first", "is_whole"),
    [
        ("What license does it have?", "pyproject.toml:4", True),
        ("What license does shopkeep have?", "pyproject.toml:4", True),
        ("How do I run the linter?", "Makefile:1", True),
        ("How do I run ruff?", "Makefile:1", True),
        ("How do I install it?", "pyproject.toml:1", True),
        ("Which environment variables does it read?", "shop/config.py:7", True),
        ("What does this project do?", "README.md:5", False),
        ("How is it organised?", "shop/__init__.py:1", False),
        ("Which Python versions are supported?", "pyproject.toml:5", True),
        ("Which build system is used?", "pyproject.toml:19", False),
        ("Which environment variables of the shop are read by it?", "shop/config.py:7", False),
        ("What is the default timeout?", "shop/config.py:3", False),
        ("Which environment variable sets the colour?", "shop/config.py:7", False),
        ("What's the timeout?", "shop/config.py:3", False),
        ("Which exporters are there?", "shop/export.py:1", False),
    ],
)
def test_the_first_line_and_whether_it_is_all(tmp_path: Path, question: str, first: str, is_whole: bool) -> None:
    found = ask(tmp_path, question)
    assert found is not None
    location = found.locations[0]
    assert (f"{location.path}:{location.line}", found.is_whole, location.hit) == (first, is_whole, 0)
    assert found.hits[0].path == location.path
    assert found.hits[0].start_line <= location.line <= found.hits[0].end_line


@pytest.mark.parametrize(
    "question",
    [
        "How do I use the cache?",
        "How do I use ruff?",
        "How do I run the check?",
        "How do I install the plugin?",
        "Which Python versions does numpy support?",
        "What is numpy's version?",
        "Which tool is used to parse yaml?",
        "What license does Django have?",
        "What is a router?",
        "Which planets are there?",
        "How do I format the code?",
    ],
)
def test_no_answer_to_what_the_project_does_not_say(tmp_path: Path, question: str) -> None:
    query = parse_project_question(question)
    assert query is None or answer_about_project(query, indexed(tmp_path).store) is None


def test_a_file_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    store = indexed(tmp_path, {"main.py": "def main():\n    pass\n", "go.mod": "module shop\n"}).store
    query = parse_project_question("What is the entry point?")
    assert query is not None
    (store.root / "go.mod").unlink()
    found = answer_about_project(query, store)
    assert found is not None
    assert [location.path for location in found.locations] == ["main.py"]
    (store.root / "main.py").unlink()
    assert answer_about_project(query, store) is None


def test_a_value_that_has_changed_since_is_not_told(tmp_path: Path) -> None:
    store = indexed(tmp_path).store
    query = parse_project_question("What is the default timeout?")
    assert query is not None
    config = store.root / "shop/config.py"
    config.write_text(config.read_text().replace("30.0", "60.0"))
    assert answer_about_project(query, store) is None
    config.write_text(config.read_text().replace("60.0", "30.0") + "\nOTHER = 1\n")
    found = answer_about_project(query, store)
    assert found is not None
    assert [location.text for location in found.locations] == ["DEFAULT_TIMEOUT = 30.0"]


def test_versions_of_what_is_no_platform_are_a_beginning(tmp_path: Path) -> None:
    store = indexed(tmp_path, {"README.md": "# Shop\n\nThe shop talks HTTP 1.1 to all.\n"}).store
    query = parse_project_question("Which HTTP versions are supported?")
    assert query is not None
    found = answer_about_project(query, store)
    assert found is not None
    assert ([location.line for location in found.locations], found.is_whole) == ([3], False)


def test_a_version_that_has_changed_since_is_not_told(tmp_path: Path) -> None:
    store = indexed(tmp_path, {"shop/__init__.py": '__version__ = "1.4.2"\n'}).store
    query = parse_project_question("What version is it?")
    assert query is not None
    assert answer_about_project(query, store) is not None
    (store.root / "shop/__init__.py").write_text('__version__ = "1.5.0"\n')
    assert answer_about_project(query, store) is None


def test_a_question_about_a_value_of_the_code_is_answered_where_the_project_tells_nothing(tmp_path: Path) -> None:
    store = indexed(tmp_path, {"shop/config.py": 'RUST_VERSION = "1.70"\nNODE = 1\n'}).store
    query = parse_project_question("What version of rust is used by default?")
    assert query is not None
    found = answer_about_project(query, store)
    assert found is not None
    assert ([location.text for location in found.locations], found.is_whole) == (['RUST_VERSION = "1.70"'], False)


def test_at_most_a_few_lines_of_a_file(tmp_path: Path) -> None:
    found = ask(tmp_path, "Which Python versions are supported?")
    assert found is not None
    places = [(location.path, location.line) for location in found.locations]
    assert len(set(places)) == len(places)


def test_the_overview_of_a_store(tmp_path: Path) -> None:
    assert ("licence", "MIT") in {(kind, fact.text) for kind, fact in overview_of(indexed(tmp_path).store).facts}


def test_it_says_how_many_variables_are_not_listed(tmp_path: Path) -> None:
    rows = "".join(f'A{n} = os.getenv("NAME_{n}")\n' for n in range(30))
    store = indexed(tmp_path, {"config.py": f"import os\n\n{rows}"}).store
    query = parse_project_question("Which environment variables does it read?")
    assert query is not None
    found = answer_about_project(query, store)
    assert found is not None
    first = found.locations[0]
    assert (first.symbol, first.text.count(",")) == ("24 of 30 environment variables", 23)


@pytest.mark.parametrize(
    ("question", "command"),
    [
        ("How do I use the api?", None),
        ("How do I use the server?", None),
        ("How do I start the cache?", None),
        ("How do I start the server?", "npm start"),
        ("How do I run the api?", "npm start"),
        ("How do I use it?", "npm start"),
        ("How do I start it?", "npm start"),
    ],
)
def test_a_service_is_started_and_not_used_by_its_start_command(
    tmp_path: Path, question: str, command: str | None
) -> None:
    store = indexed(tmp_path, {"package.json": '{"scripts": {"start": "node .", "cache": "x"}}'}).store
    query = parse_project_question(question)
    found = answer_about_project(query, store) if query else None
    assert (found.locations[0].symbol if found else None) == command
