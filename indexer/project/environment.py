"""Which environment variables a codebase reads: those of its `.env.example`, then where code and configuration do.

Reads the files that mention how a language does.
"""

import re
from collections.abc import Iterator

from indexer.files.languages import language_of
from indexer.files.roles import is_test, role_of
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
    "get_env",
    "fetch_env",
    "getEnv",
    "lookupEnv",
    "environment[",
    "envvar",
    "env =",
)
_NAME = r"[\"'](?P<quoted>[A-Za-z_][A-Za-z0-9_]*)[\"']"
_ALSO = _NAME.replace("quoted", "also")
_READ = re.compile(
    rf"(?:environ(?:\.get)?\s*[\[(]|[gG]et_?[eE]nv\w*\s*\(|(?:LookupEnv|GetEnvironmentVariable|ENV\.fetch"
    "|env::var(?:_os)?"
    rf"|option_env!|env!|_ENV)\s*[\[(]|\bENV\[|process\.env\[|\benv\()\s*{_NAME}"
    rf"|\b(?:fetch_env!?\s*\(|environment\[|(?:lookupEnv|getEnv)\s|envvar\s*=|BindEnv\(|env\s*=(?=[^=]*[,)]))\s*{_ALSO}"
    r"|(?:process|import\.meta)\.env\.(?P<member>[A-Z][A-Z0-9_]*)\b|\$ENV\{(?P<cmake>\w+)\}"
)
_SETTING = re.compile(r"\$\{(?P<name>[A-Z][A-Z0-9_]+)(?::-?[^}]*)?\}")  # ${PORT:8080} of a configuration
_CONFIGURED = re.compile(
    r"(?:.*/)?(?:application|bootstrap|config|settings|(?:docker-)?compose)[\w.-]*\.(?:ya?ml|properties|toml|conf)"
)
_EXAMPLE = re.compile(
    r"(?:.*/)?(?:\.env\.(?:example|sample|template|dist|defaults)|(?:example|sample)\.env|env\.example)"
)
_WRITTEN = re.compile(r"\s*\]?\s*=(?!=)")  # environ["X"] = ...
_FILES = 60
_LISTED = 24
_TEXT = 160  # characters of a line that are told


def environment_variables(tree: ProjectTree) -> Iterator[Location]:
    """Each variable once, with the first line that names it."""
    seen: set[str] = set()
    for location in (*_declared(tree), *_read(tree)):
        if location.symbol not in seen and len(seen) < _LISTED:
            seen.add(location.symbol)
            yield location


def _declared(tree: ProjectTree) -> Iterator[Location]:
    for path in tree.of_role("configuration"):
        if _EXAMPLE.fullmatch(path.lower()):
            for entry in tree.entries(path):
                yield Location(path, entry.line, entry.key, "key", entry.value[:_TEXT])


def _read(tree: ProjectTree) -> Iterator[Location]:
    found = tree.snapshot.files_with(_TERMS, _TEXTS, _FILES)
    code = [path for path in found if not language_of(path).prose and not is_test(path) and role_of(path) != "ci"]
    configured = [path for path in tree.paths if _CONFIGURED.fullmatch(path.lower()) and not is_test(path)][:_FILES]
    patterns = {**dict.fromkeys(code, _READ), **dict.fromkeys(configured, _SETTING)}
    for path in sorted(patterns, key=lambda path: (path.count("/"), path)):
        for at, row in enumerate(tree.text(path).split("\n"), 1):
            for match in patterns[path].finditer(row):
                name = next(filter(None, match.groups()))
                if not _WRITTEN.match(row, match.end()):
                    yield Location(path, at, name, "code", row.strip()[:_TEXT])
