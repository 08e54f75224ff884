"""Structural questions about definitions and entry points: where X is defined, its signature, what a file or a class
contains, the routes and the commands of a codebase.
"""

from collections.abc import Callable, Sequence

from indexer.navigation.locations import Location, line_text, of_definition
from indexer.navigation.navigator import MAX_DEFINITIONS, Navigator
from indexer.parsing.entrypoints import (
    COMMAND_TERMS,
    COMMAND_TEXTS,
    ROUTE_TERMS,
    ROUTE_TEXTS,
    EntryPoint,
    commands,
    routes,
)

_CONTAINERS = frozenset({"class", "interface", "enum", "module", "impl"})
FindEntries = Callable[[str, str], tuple[EntryPoint, ...]]  # of a text and its language


def list_definitions(navigator: Navigator) -> list[Location]:
    found = navigator.definitions()
    return [of_definition(item) for item in found] if len(found) <= MAX_DEFINITIONS else []


def list_members(navigator: Navigator) -> list[Location]:
    """The definitions in a file, or in a class."""
    query = navigator.query
    if query.is_path:
        paths = [path for path in navigator.snapshot.paths() if f"/{path}".endswith(f"/{query.name}")]
        return [of_definition(item) for item in navigator.files.outline(paths[0])] if len(paths) == 1 else []
    container = navigator.sole_definition()
    if container is None or container.symbol.kind not in _CONTAINERS:
        return []
    prefix = f"{container.symbol.qualified}."
    members = (item for item in navigator.files.outline(container.path) if item.symbol.qualified.startswith(prefix))
    return [of_definition(item) for item in members]


def list_routes(navigator: Navigator) -> list[Location]:
    return _list_entries(navigator, ROUTE_TERMS, ROUTE_TEXTS, routes)


def list_commands(navigator: Navigator) -> list[Location]:
    return _list_entries(navigator, COMMAND_TERMS, COMMAND_TEXTS, commands)


def _list_entries(
    navigator: Navigator, terms: Sequence[str], texts: Sequence[str], find_entries: FindEntries
) -> list[Location]:
    return [
        Location(source.path, entry.line, entry.symbol, "call", line_text(source, entry.line))
        for source in navigator.sources(terms, texts, tests=False)
        for entry in find_entries(source.text, source.language)
    ]
