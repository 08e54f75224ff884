"""Where a codebase reads environment variables. Reads the files that mention how a language does."""

import re
from collections.abc import Iterator

from indexer.files.languages import language_of
from indexer.files.roles import is_test
from indexer.navigation.locations import Location
from indexer.project.tree import ProjectTree

_TERMS = ("environ", "getenv", "env", "environment")
_TEXTS = (
    "environ",
    "getenv",
    "env.",
    "env::var",
    "ENV[",
    "ENV.fetch",
    "Getenv",
    "LookupEnv",
    "GetEnvironmentVariable",
    "$ENV{",
)
_NAME = r"[\"'](?P<quoted>[A-Za-z_][A-Za-z0-9_]*)[\"']"
_READ = re.compile(
    rf"(?:environ(?:\.get)?\s*[\[(]|[gG]et_?[eE]nv\w*\s*\(|(?:LookupEnv|GetEnvironmentVariable|ENV\.fetch"
    "|env::var(?:_os)?"
    rf"|option_env!|env!|_ENV)\s*[\[(]|\bENV\[|process\.env\[|\benv\()\s*{_NAME}"
    r"|(?:process|import\.meta)\.env\.(?P<member>[A-Z][A-Z0-9_]*)\b|\$ENV\{(?P<cmake>\w+)\}"
)
_WRITTEN = re.compile(r"\s*\]?\s*=(?!=)")  # environ["X"] = ...
_FILES = 60
_LISTED = 24


def environment_variables(tree: ProjectTree) -> Iterator[Location]:
    """Each variable once, with the first line that reads it."""
    seen: set[str] = set()
    found = tree.snapshot.files_with(_TERMS, _TEXTS, _FILES)
    paths = [path for path in found if not is_test(path) and not language_of(path).prose]
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        for at, row in enumerate(tree.text(path).split("\n"), 1):
            for match in _READ.finditer(row):
                if _WRITTEN.match(row, match.end()):
                    continue
                name = match["quoted"] or match["member"] or match["cmake"]
                if name not in seen and len(seen) < _LISTED:
                    seen.add(name)
                    yield Location(path, at, name, "code", row.strip()[:160])
