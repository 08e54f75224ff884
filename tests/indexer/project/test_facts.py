"""Facts from manifests and readmes: which line, which key, which value."""

from pathlib import Path

import pytest

from indexer.project.facts import FINDERS
from indexer.project.questions import ProjectKind, ProjectQuery
from tests.indexer.project.harness import open_tree

Row = tuple[str, str, str]


def told(folder: Path, kind: ProjectKind, thing: str = "", files: dict[str, str] | None = None) -> list[Row]:
    with open_tree(folder, files) as tree:
        found = FINDERS[kind](tree, ProjectQuery(kind, thing))
        return list(dict.fromkeys((f"{f.path}:{f.line}", f.symbol, f.text) for f in found))


@pytest.mark.parametrize(
    ("kind", "thing", "expected"),
    [
        ("licence", "", [("pyproject.toml:4", "project.license", "MIT"), ("LICENSE:1", "MIT", "MIT")]),
        ("version", "", [("shop/__init__.py:1", "__version__", '__version__ = "1.4.2"')]),
        (
            "runtime",
            "python",
            [
                ("pyproject.toml:5", "project.requires-python", ">=3.10"),
                (".github/workflows/ci.yml:7", "jobs.test.strategy.matrix.python-version", "3.10, 3.12"),
                ("README.md:7", "", "It needs Python 3.10 or newer."),
            ],
        ),
        ("dependencies", "", [("pyproject.toml:6", "project.dependencies", "httpx>=0.27, rich")]),
        ("entry points", "", [("pyproject.toml:12", "project.scripts", "shop shop.cli:main")]),
        ("purpose", "", [("README.md:5", "", "Shopkeep is a small shop for things.")]),
        ("authors", "", [("pyproject.toml:10", "project.authors", "name Ada")]),
        ("links", "documentation", [("pyproject.toml:15", "project.urls", "Documentation https://shop.example")]),
        ("name", "", [("pyproject.toml:2", "project.name", "shopkeep")]),
        ("ci", "", [(".github/workflows/ci.yml:6", "jobs.test.strategy.matrix.os", "ubuntu, windows")]),
        ("tools", "build", [("pyproject.toml:19", "build-system.build-backend", "hatchling.build")]),
    ],
)
def test_a_fact(tmp_path: Path, kind: ProjectKind, thing: str, expected: list[Row]) -> None:
    assert told(tmp_path, kind, thing)[: len(expected)] == expected


def test_dependencies_of_other_manifests_are_told_together(tmp_path: Path) -> None:
    go = {"go.mod": "module a/b\n\nrequire (\n\tc/d v1.0\n\te/f v2.0\n)\n"}
    assert told(tmp_path / "go", "dependencies", files=go) == [("go.mod:4", "require", "c/d v1.0, e/f v2.0")]
    php = {"composer.json": '{"require": {\n "php": ">=8.1",\n "psr/log": "^3"\n}}'}
    assert told(tmp_path / "php", "dependencies", files=php) == [
        ("composer.json:1", "require", "php >=8.1, psr/log ^3")
    ]
    assert told(tmp_path / "php", "runtime", "php", files=php) == [("composer.json:2", "require.php", ">=8.1")]


def test_the_root_speaks_before_its_members(tmp_path: Path) -> None:
    files = {"package.json": '{"license": "MIT"}', "packages/a/package.json": '{"license": "ISC"}'}
    assert told(tmp_path, "licence", files=files) == [("package.json:1", "license", "MIT")]


def test_where_the_root_has_a_manifest_its_members_and_its_documents_tell_nothing(tmp_path: Path) -> None:
    files = {
        "package.json": '{"name": "shop"}',
        "docs/package.json": '{"license": "ISC", "version": "9.0"}',
        "packages/a/package.json": '{"license": "ISC", "version": "8.0"}',
        "shopkeep/package.json": '{"version": "7.0"}',
    }
    assert told(tmp_path / "a", "licence", files=files) == []
    assert told(tmp_path / "b", "version", files=files) == [("shopkeep/package.json:1", "version", "7.0")]
    docs = {"docs/package.json": '{"license": "ISC"}'}
    assert told(tmp_path / "c", "licence", files=docs) == []


def test_an_example_of_variables_tells_no_link(tmp_path: Path) -> None:
    files = {".env.example": "HOMEPAGE=https://user:pass@host\n", ".nvmrc": "20\n"}
    assert told(tmp_path, "links", files=files) == []


def test_only_a_tool_for_development_is_looked_for_in_development_dependencies(tmp_path: Path) -> None:
    files = {"package.json": '{"devDependencies": {"eslint": "9"}}'}
    assert told(tmp_path / "a", "tools", "lint", files) == [("package.json:1", "devDependencies", "eslint 9")]
    assert told(tmp_path / "b", "tools", "compilers", files) == []


def test_optional_dependencies_are_told_alone(tmp_path: Path) -> None:
    files = {"package.json": '{"dependencies": {"a": "1"},\n"optionalDependencies": {"b": "2"}}'}
    assert told(tmp_path, "dependencies", "optional", files) == [("package.json:2", "optionalDependencies", "b 2")]


def test_only_the_link_that_is_asked_for_is_told(tmp_path: Path) -> None:
    files = {"package.json": '{"homepage": "https://shop.example",\n"bugs": "https://shop.example/bugs"}'}
    assert told(tmp_path / "a", "links", "bug", files) == [("package.json:2", "bugs", "https://shop.example/bugs")]
    assert told(tmp_path / "b", "links", "documentation", files) == []
    assert len(told(tmp_path / "c", "links", "", files)) == 2


def test_an_address_is_no_version_and_a_module_path_no_entry_point(tmp_path: Path) -> None:
    files = {"go.mod": "module a/b\n", "README.md": "# A\n\nIt listens on http://127.0.0.1 for you.\n"}
    assert told(tmp_path / "a", "runtime", "http", files) == []
    assert told(tmp_path / "b", "entry points", "", files) == []


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"go.mod": "module a\n\ngo 1.22\n\nrequire c/d v1.0\n"}, ("go.mod:3", "go", "1.22")),
        ({"package.json": '{"engines": {"node": ">=20"},\n"dependencies": {"a": "1"}}'}, (
            "package.json:1", "engines.node", ">=20")),
        ({"Package.swift": '// swift-tools-version: 5.9\nlet p = Package(\n    platforms: [.macOS(.v13)]\n)\n'}, (
            "Package.swift:1", "swift-tools-version", "5.9")),
        ({"mix.exs": 'elixir: "~> 1.15",\ndeps: [{:phoenix, "~> 1.7"}],\n'}, ("mix.exs:1", "elixir", "~> 1.15")),
        ({"build.gradle.kts": "", "app/build.gradle.kts": "minSdk = 26\n"}, ("app/build.gradle.kts:1", "minSdk", "26")),
    ],
)  # fmt: skip
def test_the_requirements_begin_with_the_language(tmp_path: Path, files: dict[str, str], first: Row) -> None:
    assert told(tmp_path, "requirements", files=files)[0] == first


def test_the_requirements_have_the_packages_too(tmp_path: Path) -> None:
    assert [symbol for _, symbol, _ in told(tmp_path, "requirements")] == [
        "project.requires-python",
        "project.dependencies",
    ]


def test_a_project_file_of_dotnet_tells_its_package(tmp_path: Path) -> None:
    files = {
        "src/Quill/Quill.csproj": "<Project><PropertyGroup><PackageId>Quill.Text</PackageId>\n"
        "<PackageLicenseExpression>MIT</PackageLicenseExpression></PropertyGroup></Project>"
    }
    assert told(tmp_path / "a", "name", files=files)[0][2] == "Quill.Text"
    assert told(tmp_path / "b", "licence", files=files)[0][2] == "MIT"


def test_the_dependencies_of_a_pom_are_told_by_their_names(tmp_path: Path) -> None:
    one = "<dependency><groupId>g</groupId><artifactId>{}</artifactId>{}</dependency>"
    files = {
        "pom.xml": "<project><dependencies>"
        + one.format("a", "<version>1.0</version>")
        + one.format("b", "")
        + "</dependencies></project>"
    }
    assert told(tmp_path, "dependencies", files=files)[0][2] == "a 1.0, b"


def test_a_project_without_dependencies_may_say_so(tmp_path: Path) -> None:
    files = {"README.md": "# Shop\n\nIt has no dependencies other than Python.\n", "setup.py": "setup(name='x')\n"}
    assert told(tmp_path, "dependencies", files=files) == [
        ("README.md:3", "", "It has no dependencies other than Python.")
    ]


def test_a_database_is_found_among_the_dependencies(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\ndependencies = [\n  "psycopg>=3",\n]\n'}
    assert told(tmp_path / "a", "tools", "database", files=files)[0][2] == "psycopg>=3"
    assert told(tmp_path / "b", "tools", "orm", files=files) == []


def test_the_licence_of_a_vendored_library_is_not_that_of_the_project(tmp_path: Path) -> None:
    mit, gpl = "Permission is hereby granted, free of charge", "GNU GENERAL PUBLIC LICENSE"
    declared = {"package.json": '{"license": "MIT"}', "db/COPYING": gpl}
    assert [text for _, _, text in told(tmp_path / "a", "licence", files=declared)] == ["MIT"]
    assert [text for _, _, text in told(tmp_path / "b", "licence", files={"LICENSE": mit, "db/COPYING": gpl})] == [
        "MIT"
    ]
    alone = {"db/COPYING": gpl}
    assert [text for _, _, text in told(tmp_path / "c", "licence", files=alone)] == ["GNU General Public License"]


def test_what_is_commented_out_is_no_dependency_and_no_licence(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[project]\nclassifiers = [\n"
        '  # "License :: OSI Approved :: GNU General Public License v3 (GPLv3)",\n'
        '  "License :: OSI Approved :: MIT License",\n]\n'
        'dependencies = [\n # "evil>=1", "old>=2",\n "a>=1", # and "z"\n # don\'t add b, c here\n "d",\n]\n'
    }
    assert told(tmp_path / "a", "dependencies", files=files) == [
        ("pyproject.toml:6", "project.dependencies", "a>=1, d")
    ]
    assert [text for _, _, text in told(tmp_path / "b", "licence", files=files)] == [
        "License :: OSI Approved :: MIT License"
    ]


@pytest.mark.parametrize(("thing", "value"), [("node", "20.1.0"), ("go", "1.22")])
def test_the_versions_of_tools_have_other_names_for_a_language(tmp_path: Path, thing: str, value: str) -> None:
    files = {".tool-versions": "nodejs 20.1.0\ngolang 1.22\n"}
    assert [text for _, _, text in told(tmp_path, "runtime", thing, files)] == [value]


@pytest.mark.parametrize(
    ("sentence", "is_told"),
    [
        ("Zero-config, no more broken dependencies.", False),
        ("Never again worry: no build has broken dependencies here.", False),
        ("- Zero runtime dependencies, small", True),
        ("It has no third-party dependencies.", True),
    ],
)
def test_what_is_said_of_other_dependencies_is_not_told(tmp_path: Path, sentence: str, is_told: bool) -> None:
    files = {"README.md": f"# Shop\n\n{sentence}\n", "setup.py": "setup(name='x')\n"}
    assert [text for _, _, text in told(tmp_path, "dependencies", files=files)] == [sentence] * is_told


def test_a_key_is_that_of_dependencies_only_in_the_files_of_its_tool(tmp_path: Path) -> None:
    setup = {"setup.py": "api = 'v1'\nsetup(\n    packages=['shop'],\n    install_requires=['a'],\n)\n"}
    assert told(tmp_path / "a", "dependencies", files=setup) == [("setup.py:4", "install_requires", "a")]
    others = {"Pipfile": '[packages]\nb = "1"\n', "Gemfile": "gem 'c'\n", "build.gradle": "api 'd:d:1'\n"}
    assert [text for _, _, text in told(tmp_path / "b", "dependencies", files=others)] == ["b 1", "c", "d:d:1"]
