"""Structural questions about entry points: the routes and the commands of a codebase."""

from collections.abc import Callable, Sequence

from indexer.navigation.locations import Location, line_text
from indexer.navigation.navigator import Navigator
from indexer.parsing.entrypoints import (
    COMMAND_TERMS,
    COMMAND_TEXTS,
    ROUTE_TERMS,
    ROUTE_TEXTS,
    EntryPoint,
    commands,
    routes,
)

FindEntries = Callable[[str, str], tuple[EntryPoint, ...]]  # of a text and its language


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
