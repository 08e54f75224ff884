"""A database and a framework are known by the packages that manifests declare, and by nothing else."""

from pathlib import Path

import pytest

from indexer.project.products import products
from tests.indexer.project.harness import open_tree


def told(folder: Path, kind: str, path: str, text: str) -> list[tuple[str, str]]:
    with open_tree(folder, {path: text}) as tree:
        return list(dict.fromkeys((f"{found.path}:{found.line}", found.text) for found in products(tree, kind)))


@pytest.mark.parametrize(
    ("path", "text", "kind", "expected"),
    [
        (
            "pyproject.toml",
            '[project]\ndependencies = [\n "a[b]>=1,<2",\n "psycopg>=3",\n]\n',
            "database",
            "2: psycopg>=3",
        ),
        ("package.json", '{"dependencies": {\n"pg": "^8",\n"a": "1"}}', "database", "2: pg ^8"),
        ("package.json", '{"dependencies": {\n"express": "^5"}}', "framework", "2: express ^5"),
        ("Cargo.toml", '[dependencies.axum]\nversion = "0.7"\n', "web framework", "1: axum"),
        (
            "go.mod",
            "module a\n\nrequire github.com/labstack/echo/v4 v4.1\n",
            "framework",
            "3: github.com/labstack/echo/v4 v4.1",
        ),
        ("Gemfile", 'gem "rails", "~> 7"\n', "framework", "1: rails ~> 7"),
        ("mix.exs", 'defp deps do\n  [\n    {:ecto_sql, "~> 3"}\n  ]\nend\n', "orm", "3: ecto_sql ~> 3"),
        ("requirements.txt", "Django>=5\n", "framework", "1: Django >=5"),
        ("setup.cfg", "[options]\ninstall_requires =\n    a\n    flask>=3\n", "framework", "2: flask>=3"),
        (
            "build.gradle",
            'implementation "org.postgresql:postgresql:42"\n',
            "database",
            "1: org.postgresql:postgresql:42",
        ),
        (
            "pom.xml",
            "<project><dependencies><dependency>\n<artifactId>spring-boot-starter-web</artifactId>\n</dependency>"
            "</dependencies></project>",
            "framework",
            "2: spring-boot-starter-web",
        ),
        (
            "a.csproj",
            '<Project><ItemGroup>\n<PackageReference Include="Npgsql.PostgreSQL" />\n</ItemGroup></Project>',
            "database",
            "2: Npgsql.PostgreSQL",
        ),
        ("docker-compose.yml", "services:\n  db:\n    image: postgres:16\n", "database", "3: postgres:16"),
    ],
)
def test_a_declared_package(tmp_path: Path, path: str, text: str, kind: str, expected: str) -> None:
    line, _, name = expected.partition(": ")
    assert told(tmp_path, kind, path, text) == [(f"{path}:{line}", name)]


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("Makefile", "build:\n\t@echo building\n\nnext: build\n", "web framework"),
        ("package.json", '{"description": "An express way to mongo", "scripts": {"up": "next redis"}}', "framework"),
        ("package.json", '{"description": "An express way to mongo", "scripts": {"up": "next redis"}}', "database"),
        ("package.json", '{"dependencies": {"express-validator": "1", "laravel-echo": "1"}}', "web framework"),
        ("package.json", '{"devDependencies": {"express": "1"}}', "web framework"),
        ("requirements-dev.txt", "flask\n", "web framework"),
        ("Cargo.toml", '[dependencies]\nvector = "1"\nselectors = "2"\n', "orm"),
        ("pyproject.toml", '[project]\nkeywords = ["django"]\nname = "rocket"\n', "web framework"),
    ],
)
def test_a_word_of_something_else_is_no_product(tmp_path: Path, path: str, text: str, kind: str) -> None:
    assert told(tmp_path, kind, path, text) == []
