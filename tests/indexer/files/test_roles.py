"""Which paths are test files."""

import pytest

from indexer.files.roles import is_test, may_hold_tests


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


@pytest.mark.parametrize(("path", "verdict"), [("src/lib.rs", True), ("tests/a.py", True), ("src/a.py", False)])
def test_may_hold_tests(path: str, verdict: bool) -> None:
    assert may_hold_tests(path) is verdict
