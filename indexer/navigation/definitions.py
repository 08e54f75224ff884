"""Structural questions about definitions and entry points: where X is defined, its signature, what a file or a class
contains, the routes and the commands of a codebase.
"""

from collections.abc import Callable, Sequence

from indexer.files.languages import language_of
from indexer.navigation.locations import Location, line_text, of_definition
from indexer.navigation.names.manifests import folder_of
from indexer.navigation.navigator import Navigator
from indexer.navigation.unparsed import MAX_DEFINITIONS
from indexer.parsing.entrypoints import (
    COMMAND_TERMS,
    COMMAND_TEXTS,
    ROUTE_TERMS,
    ROUTE_TEXTS,
    EntryPoint,
    commands,
    routes,
)
from indexer.storage.snapshot import IndexedSymbol

CONTAINERS = frozenset({"class", "interface", "enum", "module", "impl"})
_IN_PARTS = frozenset({"go", "c", "cpp", "csharp", "rust", "ruby"})
_PARTS = 30
FindEntries = Callable[[str, str], tuple[EntryPoint, ...]]  # of a text and its language


def list_definitions(navigator: Navigator) -> list[Location]:
    found = navigator.definitions()
    return [of_definition(item) for item in found] if len(found) <= MAX_DEFINITIONS else []


def list_members(navigator: Navigator) -> list[Location]:
    """The definitions in a file, or in a class."""
    query = navigator.query
    if query.is_path:
        paths = [path for path in navigator.snapshot.paths() if f"/{path}".endswith(f"/{query.name}")]
        return [of_definition(item) for item in _outline(navigator, paths[0])] if len(paths) == 1 else []
    container = navigator.sole_definition()
    if container is None or container.symbol.kind not in CONTAINERS:
        return []
    prefix = f"{container.symbol.qualified}."
    found: dict[tuple[str, int], IndexedSymbol] = {}
    for path in (container.path, *_other_parts(navigator, container)):
        members = [item for item in _outline(navigator, path) if item.symbol.qualified.startswith(prefix)]
        declared = {item.symbol.qualified for item in found.values()}
        new = (item for item in members if item.symbol.qualified not in declared)
        found |= {(path, item.symbol.start_line): item for item in new}
    return [of_definition(item) for item in found.values()]


def _other_parts(navigator: Navigator, container: IndexedSymbol) -> list[str]:
    """The other files with members of a type, in a language whose types may be in several."""
    language = language_of(container.path).name
    if language not in _IN_PARTS:
        return []
    paths = [path for path in navigator.snapshot.inside(container.symbol.qualified) if path != container.path]
    if language == "go":
        return [path for path in paths if folder_of(path) == folder_of(container.path)]
    if len(navigator.candidate_files(container)) > 1:  # of which type they are is not known
        paths = []
        navigator.doubt("meaning")
    return [path for path in paths if language_of(path).grammar in _IN_PARTS][:_PARTS]


def _outline(navigator: Navigator, path: str) -> list[IndexedSymbol]:
    if not navigator.files.is_whole(path):
        navigator.doubt("damaged", path)
    return navigator.files.outline(path)


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
