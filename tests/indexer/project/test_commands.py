"""How to test, lint, build and install: declared, quoted and implied commands."""

from pathlib import Path

import pytest

from indexer.project.commands import commands
from indexer.project.questions import ProjectQuery
from tests.indexer.project.harness import open_tree

Row = tuple[str, str, str, str]


def told(folder: Path, task: str, files: dict[str, str] | None = None) -> list[Row]:
    query = ProjectQuery("install") if task == "install" else ProjectQuery("command", task)
    with open_tree(folder, files) as tree:
        return [(f.kind, f.symbol, f.text, f"{f.path}:{f.line}") for f in commands(tree, query)]


def test_targets_scripts_and_steps(tmp_path: Path) -> None:
    assert told(tmp_path, "test") == [
        ("command", "make test-all", "pytest", "Makefile:4"),
        ("command", "scripts/test", "pytest -q", "scripts/test:1"),
        ("said", "jobs.test.steps.run", "scripts/test", ".github/workflows/ci.yml:10"),
    ]
    assert told(tmp_path, "lint") == [("command", "make lint", "ruff check", "Makefile:1")]


def test_the_manifest_implies_how_to_install(tmp_path: Path) -> None:
    assert told(tmp_path, "install") == [
        ("implied", "pip install shopkeep", "pyproject.toml", "pyproject.toml:1"),
        ("said", "", "pip install shopkeep", "README.md:12"),
    ]


@pytest.mark.parametrize(
    ("files", "task", "expected"),
    [
        (
            {"package.json": '{"scripts": {"test": "mocha"}}'},
            "test",
            ("command", "npm test", "mocha", "package.json:1"),
        ),
        (
            {"composer.json": '{"scripts": {"phpstan": "x"}}'},
            "analysis",
            ("command", "composer phpstan", "x", "composer.json:1"),
        ),
        ({"Cargo.toml": "[package]\n"}, "test", ("implied", "cargo test", "Cargo.toml", "Cargo.toml:1")),
        ({"go.mod": "module a/b\n"}, "install", ("implied", "go get a/b", "go.mod", "go.mod:1")),
        (
            {"build.gradle.kts": "plugins {}\n"},
            "build",
            ("implied", "./gradlew build", "build.gradle.kts", "build.gradle.kts:1"),
        ),
        (
            {"tox.ini": "[testenv:lint]\ncommands = ruff\n"},
            "lint",
            ("command", "tox -e lint", "ruff", "tox.ini:2"),
        ),
    ],
)
def test_each_ecosystem(tmp_path: Path, files: dict[str, str], task: str, expected: Row) -> None:
    assert told(tmp_path, task, files)[0] == expected


def test_a_script_is_known_by_what_it_runs(tmp_path: Path) -> None:
    files = {"scripts/lint": "#!/bin/sh\nset -e\nruff format .\n"}
    assert told(tmp_path, "format", files) == [("command", "scripts/lint", "ruff format .", "scripts/lint:1")]


def test_a_module_of_a_library_is_no_script(tmp_path: Path) -> None:
    files = {
        "src/util/format.js": "export const x = 1\n",
        "agent/tools/format.sh": "black .\n",
        "tools/format.py": "def main(): ...\n",
        "dev/format.py": "import os\n\nif __name__ == '__main__':\n    os.system('black .')\n",
    }
    assert [row[1] for row in told(tmp_path, "format", files)] == ["dev/format.py"]


def test_a_named_tool_is_a_whole_script_or_the_program_of_a_command(tmp_path: Path) -> None:
    files = {
        "package.json": '{"scripts": {"cache:clear": "rm -rf .cache", "up": "npx vite", "vite-old": "x"}}',
        "README.md": "## Vite\n\n```sh\nnpx vite build\nnpm ci\n```\n",
    }
    assert told(tmp_path / "cache", "cache", files) == []
    assert told(tmp_path / "vite", "vite", files) == [
        ("command", "npm run up", "npx vite", "package.json:1"),
        ("said", "", "npx vite build", "README.md:4"),
    ]


@pytest.mark.parametrize("line", ["${PREFIX}ruff check", "$(BIN)/ruff .", "A=1 uv run -q ruff x", "cd a && ./b/ruff"])
def test_a_program_is_found_behind_what_runs_it(tmp_path: Path, line: str) -> None:
    assert told(tmp_path, "ruff", {"Makefile": f"style:\n\t{line}\n"}) == [
        ("command", "make style", line, "Makefile:1")
    ]


def test_a_library_is_not_run(tmp_path: Path) -> None:
    go = {"go.mod": "module a/b\n", "b.go": "package b\n"}
    assert told(tmp_path / "library", "run", go) == []
    assert told(tmp_path / "program", "run", {**go, "main.go": "package main\n"}) == [
        ("implied", "go run .", "go.mod", "go.mod:1")
    ]


def test_to_use_it_is_to_run_it(tmp_path: Path) -> None:
    files = {"package.json": '{"scripts": {"start": "node ."}}'}
    assert told(tmp_path, "use", files) == [("command", "npm start", "node .", "package.json:1")]


def test_nothing_is_declared(tmp_path: Path) -> None:
    assert told(tmp_path, "lint", {"a.py": "x = 1\n"}) == []


def test_tox_has_only_its_commands_and_nox_its_sessions(tmp_path: Path) -> None:
    files = {
        "tox.ini": "[testenv]\ndeps =\n    pytest\ncommands = pytest\n[testenv:lint]\ncommands = ruff ./test\n",
        "noxfile.py": "@nox.session(name='unit')\ndef tests(session):\n    session.run('python', '-m', 'pytest')\n",
    }
    with open_tree(tmp_path, files) as tree:
        found = [(item.symbol, item.text) for item in commands(tree, ProjectQuery("command", "test"))]
    assert found[:2] == [("tox", "pytest"), ("nox -s unit", "python, -m, pytest")]
    assert "tox -e lint" not in dict(found)


def test_a_script_that_is_asked_for_in_words(tmp_path: Path) -> None:
    files = {"package.json": '{"scripts": {"db:migrate": "prisma migrate", "db:seed": "seed"}}'}
    with open_tree(tmp_path, files) as tree:
        found = [item.symbol for item in commands(tree, ProjectQuery("command", "database migrations"))]
    assert found == ["npm run db:migrate"]


SCRIPTS = {
    "Makefile": "drop-database-migrations-all:\n\trm -rf db\n\nbuild:\n\tcc\n\nclean-build:\n\trm -rf out\n\n"
    "docs:\n\tsphinx\n\npublish-docs:\n\tscp\n\nunit-tests-no-cache:\n\tpytest\n",
    "package.json": '{"scripts": {"prebuild": "rm out", "build:web": "vite", "db:down": "docker stop",'
    '"dropDatabase": "x", "latest:migrated": "y"}}',
    "scripts/reset-test.sh": "rm -rf test\n",
}


@pytest.mark.parametrize(
    ("task", "text", "expected"),
    [
        ("database migrations", "How do I run the database migrations?", []),
        ("drop database", "How do I run drop database?", ["npm run dropDatabase", "make drop-database-migrations-all"]),
        ("build", "How do I build it?", ["make build", "npm run build:web"]),
        ("docs", "How do I build the docs?", ["make docs"]),
        ("release", "How do I publish it?", ["make publish-docs"]),
        ("test", "How do I run the tests?", []),
        ("docker", "How do I run docker?", []),
        ("test mig", "How do I run the test mig script?", []),
    ],
)
def test_what_undoes_or_publishes_something_is_told_only_if_that_is_asked_for(
    tmp_path: Path, task: str, text: str, expected: list[str]
) -> None:
    with open_tree(tmp_path, SCRIPTS) as tree:
        found = commands(tree, ProjectQuery("command", task, text=text))
        assert [item.symbol for item in found if item.kind == "command"] == expected


def test_what_has_other_spellings_is_the_same_script(tmp_path: Path) -> None:
    files = {"Makefile": "end2end-tests:\n\tx\n\npre-commit:\n\ty\n"}
    assert [row[1] for row in told(tmp_path / "a", "end-to-end tests", files)] == ["make end2end-tests"]
    assert [row[1] for row in told(tmp_path / "b", "lint", files)] == ["make pre-commit"]
