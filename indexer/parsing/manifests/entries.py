"""A manifest or a configuration file -> its entries: dotted key, value, lines.

Knows formats, not what a key means.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from indexer.files.roles import role_of
from indexer.parsing.definitions import Definition
from indexer.parsing.manifests import lines, trees
from indexer.parsing.manifests.entry import Entry
from indexer.types import Symbol

_LARGEST = 1 << 18  # characters; a larger file is data
_NAMED = 400  # entries of a file that become symbols
_NAMED_ROLES = frozenset({"manifest", "ci", "task", "configuration"})
_LINE = 1000  # characters of a line that is read
_DEPTH = 3  # parts of a key that becomes a symbol
_SIGNATURE = 240  # characters

Parse = Callable[[str], list[Entry]]


@dataclass(frozen=True, slots=True)
class _Format:
    """The files of one format, and how their entries are found."""

    names: re.Pattern[str]  # of the whole file name
    parse: Parse


def _format(names: str, parse: Parse) -> _Format:
    return _Format(re.compile(names, re.IGNORECASE), parse)


_FORMATS = (
    _format(r"go\.mod", lines.go_mod),
    _format(r".*\.(?:toml)|pipfile", trees.toml),
    _format(r".*\.jsonc?", trees.json),
    _format(r".*\.ya?ml", trees.yaml),
    _format(r".*\.(?:xml|csproj|fsproj|vbproj|props|targets|nuspec)", trees.xml),
    _format(r".*\.(?:ini|cfg|properties|conf)|\.flake8|\.editorconfig|\.env[\w.]*", lines.ini),
    _format(r"(?:gnu)?makefile(?:\.\w+)?|.*\.mk|\.?justfile", lines.make),
    _format(r"(?:.*\.)?(?:docker|container)file(?:\.\w+)?", lines.docker),
    _format(r"requirements[\w.-]*\.txt", lines.requirements),
    _format(r"\.(?:python|node|ruby|nvmrc|java|go)-?(?:version)?|version(?:\.txt)?", lines.bare),
    _format(r"\.tool-versions", lines.tools),
    _format(r"mix\.exs", lines.mix),
    _format(r"noxfile\.py", lines.nox),
    _format(
        r".*\.(?:gemspec|gradle|gradle\.kts|sbt|cabal|cmake|podspec)|gemfile|setup\.py|package\.swift"
        r"|cmakelists\.txt|meson\.build|configure\.ac|rakefile|vagrantfile|description",
        lines.assignments,
    ),
)


def entries(path: str, text: str) -> tuple[Entry, ...]:
    """In order of lines; none for a file of another format, or a very large one. Never raises."""
    if len(text) > _LARGEST:
        return ()
    name = PurePosixPath(path).name
    parse = next((row.parse for row in _FORMATS if row.names.fullmatch(name)), None)
    if parse is None:
        return ()
    is_tree = parse.__module__ == trees.__name__
    return tuple(parse(text if is_tree else "\n".join(row[:_LINE] for row in text.split("\n"))))


def key_definitions(path: str, text: str) -> tuple[Definition, ...]:
    """The upper entries of a manifest as definitions of kind "key", so that its pieces have names.

    None for other files: data has keys too, but they name nothing that is asked for.
    """
    if role_of(path) not in _NAMED_ROLES:
        return ()
    upper = [item for item in entries(path, text) if item.key.count(".") < _DEPTH][:_NAMED]
    symbols = (
        Symbol(item.name, item.key, "key", item.line, item.end_line, item.text[:_SIGNATURE], "") for item in upper
    )
    return tuple(Definition(symbol, symbol.start_line) for symbol in symbols)
