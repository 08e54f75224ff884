"""Which paths are test files, and what other files are for."""

import pytest

from indexer.files.roles import Role, is_test, may_hold_tests, role_of, superseded


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
        ("lib/test_functions.bash", False),
        ("lib/test_functions.py", True),
        ("src/Testable.java", False),
    ],
)
def test_is_test(path: str, verdict: bool) -> None:
    assert is_test(path) is verdict


@pytest.mark.parametrize(("path", "verdict"), [("src/lib.rs", True), ("tests/a.py", True), ("src/a.py", False)])
def test_may_hold_tests(path: str, verdict: bool) -> None:
    assert may_hold_tests(path) is verdict


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


def test_an_older_version_is_superseded_by_a_newer_one_in_the_same_folder() -> None:
    paths = ["src/v3/types.ts", "src/v4/core/types.ts", "src/v4/v1/a.ts", "api/v1/a.go", "v2/a.py", "v10/b.py", "v3.py"]
    assert superseded(paths) == {"src/v3/types.ts": "v3", "v2/a.py": "v2"}
