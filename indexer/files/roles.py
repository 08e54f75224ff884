"""What a file is for, by its path alone: whether it contains tests."""

import re

_TEST = re.compile(r"(?:^|/)(?:tests?|specs?|__tests__|testdata|fixtures|e2e|testing)(?:/|$)", re.IGNORECASE)
_TEST_FILE = re.compile(
    r"(?:^test_|^tests?\.|[._-]tests?\.|[._-]spec\.|(?:Test|Tests|IT)\.(?:java|kt|cs)$|^conftest\.py$)"
)


def is_test(path: str) -> bool:
    """Whether this path, relative to its codebase, is a test file by the conventions of its language."""
    folder, _, name = path.rpartition("/")
    return bool(_TEST.search(folder) or _TEST_FILE.search(name))


def may_hold_tests(path: str) -> bool:
    """Whether there may be tests in the file: Rust has the tests of a module beside its code."""
    return is_test(path) or path.endswith(".rs")
