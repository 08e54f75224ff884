"""What a file is for, by paths alone: whether it contains tests, and whether a newer version stands beside it."""

import re
from collections.abc import Iterable

_TEST = re.compile(r"(?:^|/)(?:tests?|specs?|__tests__|testdata|fixtures|e2e|testing)(?:/|$)", re.IGNORECASE)
_TEST_FILE = re.compile(
    r"(?:^test_(?!.*\.(?:sh|bash|zsh|ksh)$)|^tests?\.|[._-]tests?\.|[._-]spec\.|(?:Test|Tests|IT)\.(?:java|kt|cs)$|^conftest\.py$)"
)
_VERSION = re.compile(r"(?:^|/)v(\d{1,4})(?=/)")


def is_test(path: str) -> bool:
    """Whether this path, relative to its codebase, is a test file by the conventions of its language."""
    folder, _, name = path.rpartition("/")
    return bool(_TEST.search(folder) or _TEST_FILE.search(name))


def superseded(paths: Iterable[str]) -> dict[str, str]:
    """The paths below a folder `v3` where there is a `v4` in the same folder, with the name of that folder."""
    versions = [(path, found) for path in paths for found in _VERSION.finditer(path)]
    newest: dict[str, int] = {}
    for path, found in versions:
        parent = path[: found.start()]
        newest[parent] = max(newest.get(parent, 0), int(found[1]))
    return {path: f"v{found[1]}" for path, found in versions if int(found[1]) < newest[path[: found.start()]]}
