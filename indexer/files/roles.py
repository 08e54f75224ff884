"""What a file is for in its project, by paths alone: tests, a manifest, the licence, superseded by a newer version."""

import re
from collections.abc import Iterable
from typing import Literal

Role = Literal["manifest", "readme", "licence", "contributing", "changelog", "ci", "task", "configuration", ""]

_TEST = re.compile(r"(?:^|/)(?:tests?|specs?|__tests__|testdata|fixtures|e2e|testing)(?:/|$)", re.IGNORECASE)
_TEST_FILE = re.compile(
    r"(?:^test_(?!.*\.(?:sh|bash|zsh|ksh)$)|^tests?\.|[._-]tests?\.|[._-]spec\.|(?:Test|Tests|IT)\.(?:java|kt|cs)$|^conftest\.py$)"
)
_VERSION = re.compile(r"(?:^|/)v(\d{1,4})(?=/)")

_MANIFEST = (
    r"pyproject\.toml|setup\.(?:py|cfg)|package\.json|deno\.jsonc?|go\.mod|cargo\.toml|pom\.xml|(?:settings"
    r"|build)\.gradle"
    r"(?:\.kts)?|gradle\.properties|libs\.versions\.toml|composer\.json|[\w.-]+\.(?:gemspec|podspec|cabal"
    r"|nuspec|rockspec)"
    r"|gemfile|cmakelists\.txt|meson\.build|configure\.ac|build\.sbt|mix\.exs|package\.swift|pubspec\.yaml|pipfile"
    r"|[\w.-]+\.(?:cs|fs|vb)proj|directory\.build\.props|description|project\.(?:clj|toml)|requirements[\w.-]*\.txt"
    r"|build\.zig(?:\.zon)?|shard\.yml|dune-project|\w+\.opam|environment\.ya?ml"
)
_TASK = (
    r"(?:gnu)?makefile(?:\.am)?|\.?justfile|rakefile|taskfile\.ya?ml|noxfile\.py|tox\.ini|magefile\.go|gulpfile\.\w+"
    r"|(?:.*\.)?(?:docker|container)file|(?:docker-)?compose(?:\.\w+)?\.ya?ml|procfile"
)
_CI = (
    r"(?:.*/)?(?:\.github/workflows|\.circleci|\.ci)/[^/]+\.ya?ml|\.gitlab-ci\.yml|\.travis\.yml|appveyor\.yml"
    r"|azure-pipelines\.yml|jenkinsfile|\.cirrus\.yml|\.drone\.yml|bitbucket-pipelines\.yml"
)
_CONFIGURATION = r"\.[\w.-]+|[\w.-]+\.(?:ini|cfg|conf|properties|config\.[cm]?[jt]s|toml)|version(?:\.txt)?"
# The first that matches the whole path, or the name of the file.
_TABLE: tuple[tuple[Role, str], ...] = (
    ("ci", _CI),
    ("readme", r"readme(?:\.(?:md|rst|txt|adoc|org|markdown))?"),
    ("licence", r"(?:un)?licen[cs]es?(?:[.-][\w.-]+)?|copying(?:\.\w+)?"),
    ("contributing", r"(?:contributing|development|developing|hacking|building|install|testing)\.(?:md|rst|txt|adoc)"),
    ("changelog", r"(?:changelog|changes|history|news|releases?|release[-_]notes)(?:\.(?:md|rst|txt|adoc))?"),
    ("manifest", _MANIFEST),
    ("task", _TASK),
    ("configuration", _CONFIGURATION),
)
_ROLES = tuple((role, re.compile(pattern, re.IGNORECASE)) for role, pattern in _TABLE)


def is_test(path: str) -> bool:
    """Whether this path, relative to its codebase, is a test file by the conventions of its language."""
    folder, _, name = path.rpartition("/")
    return bool(_TEST.search(folder) or _TEST_FILE.search(name))


def may_hold_tests(path: str) -> bool:
    """Whether there may be tests in the file: Rust has the tests of a module beside its code."""
    return is_test(path) or path.endswith(".rs")


def superseded(paths: Iterable[str]) -> dict[str, str]:
    """The paths below a folder `v3` where there is a `v4` in the same folder, with the name of that folder."""
    versions = [(path, found) for path in paths for found in _VERSION.finditer(path)]
    newest: dict[str, int] = {}
    for path, found in versions:
        parent = path[: found.start()]
        newest[parent] = max(newest.get(parent, 0), int(found[1]))
    return {path: f"v{found[1]}" for path, found in versions if int(found[1]) < newest[path[: found.start()]]}


def role_of(path: str) -> Role:
    """The role of a file; "" for ordinary code, documents and data."""
    name = path.rpartition("/")[2]
    return next((role for role, pattern in _ROLES if pattern.fullmatch(path) or pattern.fullmatch(name)), "")
