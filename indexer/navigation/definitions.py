"""Structural questions about definitions: where X is defined, its signature, what a file or a class contains."""

from indexer.navigation.locations import Location, of_definition
from indexer.navigation.navigator import MAX_DEFINITIONS, Navigator

_CONTAINERS = frozenset({"class", "interface", "enum", "module", "impl"})


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
