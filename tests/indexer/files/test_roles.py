"""Which paths are test files, and what other files are for."""

import pytest

from indexer.files.roles import Role, is_test, role_of


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("tests/test_app.py", True),
        ("src/app_test.go", True),
        ("src/app.spec.ts", True),
        ("lib/AppTest.java", True),
        ("pkg/conftest.py", True),
        ("pkg/__tests__/a.js", True),
        ("src/testing_tools.py", False),
        ("src/latest/app.py", False),
        ("contest.py", False),
        ("src/Testable.java", False),
    ],
)
def test_is_test(path: str, verdict: bool) -> None:
    assert is_test(path) is verdict


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("pyproject.toml", "manifest"),
        ("packages/a/package.json", "manifest"),
        ("App.csproj", "manifest"),
        ("shop.gemspec", "manifest"),
        ("build.gradle.kts", "manifest"),
        ("requirements-dev.txt", "manifest"),
        ("Readme.md", "readme"),
        ("LICENSE.txt", "licence"),
        ("COPYING", "licence"),
        ("docs/CONTRIBUTING.rst", "contributing"),
        ("CHANGES.md", "changelog"),
        (".github/workflows/test.yml", "ci"),
        (".gitlab-ci.yml", "ci"),
        ("Makefile", "task"),
        ("web.Dockerfile", "task"),
        ("tox.ini", "task"),
        (".nvmrc", "configuration"),
        ("VERSION", "configuration"),
        ("vite.config.ts", "configuration"),
        ("src/app.py", ""),
        ("src/license_check.py", ""),
        ("docs/changes.py", ""),
        ("locales/de.json", ""),
    ],
)
def test_role_of(path: str, role: Role) -> None:
    assert role_of(path) == role
