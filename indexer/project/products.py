"""Which database, ORM or web framework a project uses: those whose packages it declares, or whose image it starts.

Only names of packages and images count: a word of a command or of a description tells nothing.
"""

import re
from collections.abc import Iterator

from indexer.navigation.locations import Location
from indexer.parsing.manifests.entry import Entry
from indexer.project.keys import FACTS
from indexer.project.tree import ProjectTree

_KEYS = FACTS["dependencies"][:-1]  # what everyone who uses it gets
_DEVELOPMENT = re.compile(r"(?:.*/)?requirements[-_.](?:\w+[-_.])*(?:dev|tests?|docs?|lint|ci)\w*\.txt", re.IGNORECASE)
_IMAGE = re.compile(r"services\.[^.]+\.image")
_IN_KEYS = frozenset({"require", "requirements", "deps"})  # tables whose keys are names with dots
_LISTED = re.compile(r"""(?:^|,)[\s\["'(]*([@\w][\w@./:-]*)([^,"'\]]*)""")  # the first word of each item, and the rest
_PACKAGE = re.compile(r"Include=[\"']([^\"']+)")
# Best-known products of each kind. A web framework is named whole: `express-validator` and `laravel-echo` are none.
_PRODUCTS = {
    "database": r"pg|.*(?:postgres|psycopg|asyncpg|\bpgx\b|mysql|mariadb|sqlite|mongo|redis|mssql|sqlserver|cassandra"
    r"|duckdb|clickhouse|postgrex).*",
    "orm": r".*(?<![a-z])(?:sqlalchemy|prisma|typeorm|hibernate|ecto|gorm|diesel|sequelize|activerecord|peewee"
    r"|entityframework(?:core)?)(?![a-z]).*",
    "web framework": r"flask|django|fastapi|starlette|express|fastify|koa|@nestjs/core|(?:.*[:/])?spring-boot.*"
    r"|rails|sinatra|phoenix|actix-web|axum|rocket|laravel/framework|symfony/(?:symfony|framework-bundle)|next|nuxt"
    r"|github\.com/(?:gin-gonic/gin|labstack/echo|go-chi/chi|gofiber/fiber)(?:/v\d+)?|(?:io\.ktor:)?ktor-server.*"
    r"|microsoft\.aspnetcore.*",
}
_NAMED = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _PRODUCTS.items()}
KINDS = {**_NAMED, "framework": _NAMED["web framework"]}


def products(tree: ProjectTree, kind: str) -> Iterator[Location]:
    """The declared packages of this kind, each with its version if that stands beside it."""
    for path, entry, name, version in _declared(tree):
        if KINDS[kind].fullmatch(name):
            yield Location(path, entry.line, entry.key, "key", f"{name}{version}".strip(), end=entry.end_line)


def _declared(tree: ProjectTree) -> Iterator[tuple[str, Entry, str, str]]:
    """(file, entry, name of a package or an image, what is behind it)"""
    for path, entry in tree.own_entries_of("manifest"):
        if not _DEVELOPMENT.fullmatch(path):
            yield from ((path, entry, name, version) for name, version in _packages(path, entry))
    for path, entry in tree.entries_of("task"):
        if _IMAGE.fullmatch(entry.key):
            name, colon, version = entry.value.partition(":")
            yield path, entry, name, f"{colon}{version}"


def _packages(path: str, entry: Entry) -> Iterator[tuple[str, str]]:
    table, _, name = entry.key.rpartition(".")
    head, _, rest = entry.key.partition(".")
    if rest and head.lower() in _IN_KEYS:
        yield rest, f" {entry.value}"
    elif name.lower() == "artifactid" and _is_dependencies(path, table.rpartition(".")[0]):
        yield entry.value, ""
    elif _is_dependencies(path, table):
        yield name, "" if entry.is_table else f" {entry.value}"
    elif _is_dependencies(path, entry.key) and not entry.is_table:
        package = _PACKAGE.search(entry.value)
        items = ",".join(entry.value.split()) if path.endswith(".cfg") else entry.value
        yield from [(package[1], "")] if package else _LISTED.findall(items)


def _is_dependencies(path: str, key: str) -> bool:
    return any(row.has(path, key) for row in _KEYS)
