"""One line of code that answers a structural question, from a definition or a reference. Does not search."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from indexer.files.roles import is_test
from indexer.parsing.references import Reference
from indexer.storage.snapshot import IndexedSymbol
from indexer.types import SourceFile


@dataclass(frozen=True, slots=True)
class Location:
    """One line that answers."""

    path: str
    line: int
    symbol: str  # the definition itself, or the one around the line; "" outside definitions
    kind: str  # of that definition; of a reference: call, import, inherit or use
    text: str  # a signature, or the line itself
    hit: int | None = None  # index of the hit that holds the line
    end: int = 0  # the last line of a value that spans several


def of_definition(definition: IndexedSymbol) -> Location:
    symbol = definition.symbol
    return Location(definition.path, symbol.start_line, symbol.qualified, symbol.kind, symbol.signature)


def of_reference(source: SourceFile, ref: Reference) -> Location:
    return Location(source.path, ref.line, ref.enclosing, ref.kind, line_text(source, ref.line))


def line_text(source: SourceFile, line: int) -> str:
    return _lines(source.text)[line - 1].strip()


@lru_cache(maxsize=2)  # the locations of a file come one after another
def _lines(text: str) -> list[str]:
    return text.split("\n")


def one_per_line(locations: Iterable[Location]) -> list[Location]:
    """In order of paths and lines, tests last. Of several locations on one line, a call, or else the last one."""
    found: dict[tuple[bool, str, int], Location] = {}
    for location in locations:
        key = is_test(location.path), location.path, location.line
        if key not in found or found[key].kind != "call":
            found[key] = location
    return [found[key] for key in sorted(found)]
