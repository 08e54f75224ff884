"""Which environment variables a codebase reads: those of its `.env.example`, then where code and configuration do.

Reads the files that mention how a language does.
"""

import re
from collections.abc import Iterator

from indexer.files.languages import language_of
from indexer.files.roles import is_test, role_of
from indexer.navigation.locations import Location
from indexer.parsing.manifests.entry import without_docstrings
from indexer.project.assignments import code
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
    "env(",
    "BindEnv",
)
_NAME = r"[\"'](?P<{}>[A-Z][A-Z0-9_]+)[\"']"
_READ = re.compile(
    r"(?:(?<![\w.])(?:os\.)?environ(?:\.get|\.pop)?\s?[\[(]|(?<!Application\.)\b[gG]et_?[eE]nv(?!ironment)\w{0,20}\s?\("
    r"|(?:\b(?:LookupEnv|GetEnvironmentVariable|ENV\.fetch|env::var(?:_os)?|option_env!|env!)|\$_ENV)\s?[\[(]"
    r"|\bENV\[|\bprocess\.env\[|(?<![\w.])env\(|(?<!Application\.)\bfetch_env!?\(|\b(?:lookupEnv|getEnv) "
    r"|\b(?:Platform|[pP]rocessInfo)\.environment\[|\benvvar\s?=|\bBindEnv\((?:\s?\"[^\"]{0,80}\",)?"
    rf"|#\[(?:arg|clap|structopt)\(.{{0,200}}?\benv\s?=)\s?{_NAME.format('quoted')}"
    rf"|\.env\(\s?{_NAME.format('option')}\s?\)"  # of clap; with a value behind it, a variable is set
    r"|\b(?:process\.env|import\.meta\.env(?!\.(?:MODE|DEV|PROD|SSR|BASE_URL)\b))\.(?P<member>[A-Z][A-Z0-9_]+)\b"
    r"|\$ENV\{(?P<cmake>[A-Z][A-Z0-9_]+)\}"
)
_ATTRIBUTE_ROW = re.compile(rf"\s*env\s?=\s?{_NAME.format('quoted')},?\s*")  # of clap, over several lines
_IMPORTED = re.compile(r"^from\s+os\s+import\s.*\benviron\b", re.MULTILINE)  # else `environ` alone is that of a request
_SETTING = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z][A-Z0-9_]+)(?::[^}]*)?\}")  # ${PORT:8080} of a configuration
_WORD = re.compile(  # a value without blanks: no sentence and no query
    r"\s*(?:-\s+)?(?:[\"']?[\w./-]+[\"']?\s*[:=]\s*)?(?P<mark>[\"']?)"
    r"(?:\$\{[^}]*\}|(?!\$\{)[^\s\"'])+(?P=mark)\s*(?:#.*)?"
)
_COMMENT = re.compile(r"\s*(?:#(?!\[)|//|\*|/\*|--|;|<!--)")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_CONFIGURED = re.compile(
    r"(?:.*/)?(?:application|bootstrap|config|settings|(?:docker-)?compose)[\w.-]*\.(?:ya?ml|properties|toml|conf)"
)
_EXAMPLE = re.compile(
    r"(?:.*/)?(?:\.env\.(?:example|sample|template|dist|defaults)|(?:example|sample)\.env|env\.example)"
)
_WRITTEN = re.compile(r"\s*\]?\s*=(?!=)")  # environ["X"] = ...
_FILES = 60
_LINE = 1000  # characters of a line that is read
_TEXT = 160  # characters of a line that are told


def environment_variables(tree: ProjectTree) -> Iterator[Location]:
    """Each variable once, with the first line that names it."""
    seen: set[str] = set()
    for location in (*_declared(tree), *_read(tree)):
        if location.symbol not in seen:
            seen.add(location.symbol)
            yield location


def _declared(tree: ProjectTree) -> Iterator[Location]:
    for path in tree.of_role("configuration"):
        if _EXAMPLE.fullmatch(path.lower()):
            for entry in tree.entries(path):
                yield Location(path, entry.line, entry.key, "key", entry.value[:_TEXT])


def _read(tree: ProjectTree) -> Iterator[Location]:
    found = tree.snapshot.files_with(_TERMS, _TEXTS, _FILES)
    read = [path for path in found if not language_of(path).prose and not is_test(path) and role_of(path) != "ci"]
    configured = [path for path in tree.paths if _CONFIGURED.fullmatch(path.lower()) and not is_test(path)][:_FILES]
    finders = {**dict.fromkeys(read, _in_code), **dict.fromkeys(configured, _in_configuration)}
    for path in sorted(finders, key=lambda path: (path.count("/"), path)):
        text = without_docstrings(tree.text(path))
        is_imported = bool(_IMPORTED.search(text))
        for at, row in enumerate((row[:_LINE] for row in text.split("\n")), 1):
            attribute = _ATTRIBUTE_ROW.fullmatch(row) if path.endswith(".rs") else None
            for name in [attribute["quoted"]] if attribute else finders[path](row, is_imported):
                yield Location(path, at, name, "code", row.strip()[:_TEXT])


def _in_code(row: str, is_imported: bool) -> Iterator[str]:
    """`is_imported`: `environ` alone is that of the process."""
    matches = list(_READ.finditer(row)) if not _COMMENT.match(row) else []
    shown = code(row) if matches else ""
    texts = [text.span() for text in _QUOTED.finditer(row)] if matches else []
    for match in matches:
        around = next((row[start : match.start()] for start, end in texts if start < match.start() < end - 1), "{")
        is_other = match[0].startswith("environ") and not is_imported
        if match.start() < len(shown) and "{" in around and not is_other and not _WRITTEN.match(row, match.end()):
            yield next(filter(None, match.groups()))


def _in_configuration(row: str, _: bool) -> Iterator[str]:
    if not _COMMENT.match(row) and _WORD.fullmatch(row):
        yield from (match["name"] for match in _SETTING.finditer(row))
