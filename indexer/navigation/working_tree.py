"""A codebase as it is on disk at this moment, beside what its index says: files, definitions and pieces of code.

Reads each file once, secrets masked. Knows nothing of questions.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from indexer.files.scan import Candidate, read
from indexer.parsing.definitions import parse
from indexer.storage.snapshot import IndexedSymbol, Snapshot
from indexer.types import Hit, SourceFile, Symbol, Why

_HIT = 120  # lines of a definition that are shown
_AROUND = 6  # lines before and after a line of a file that changed since it was indexed


class WorkingTree:
    """Files of one codebase, for one question."""

    def __init__(self, root: Path, snapshot: Snapshot) -> None:
        self._root = root
        self._snapshot = snapshot
        self._sources: dict[str, SourceFile | None] = {}
        self._symbols: dict[str, list[Symbol]] = {}

    def source(self, path: str) -> SourceFile | None:
        """None for a file that is gone, or that would not be indexed as it is now."""
        if path not in self._sources:
            found = read(self._root, Candidate(path, 0, 0))
            self._sources[path] = found if isinstance(found, SourceFile) else None
        return self._sources[path]

    def outline(self, path: str) -> list[IndexedSymbol]:
        """The definitions in a file."""
        if path not in self._symbols:
            source = self.source(path)
            found = parse(source.text, source.language) if source else ()
            self._symbols[path] = [definition.symbol for definition in found]
        return [IndexedSymbol(path, symbol) for symbol in self._symbols[path]]

    def places(self, path: str, indexed: Sequence[IndexedSymbol], name: str) -> list[IndexedSymbol]:
        """The definitions of `name` in a file: those that were indexed, unless it has changed since."""
        if self._is_indexed(path):
            return [place for place in indexed if place.path == path]
        return [place for place in self.outline(path) if place.symbol.name == name]

    def hit(self, path: str, line: int, symbol: str, *, whole: bool) -> Hit | None:
        """The definition that begins on a line, or with not `whole` the chunk around it, as a hit that is fresh."""
        source = self.source(path)
        if source is None:
            return None
        row = self._snapshot.chunk_at(path, line) if self._is_indexed(path) else None
        lines = source.text.split("\n")
        found = Hit(
            chunk_id=row.id if row else 0,
            path=path,
            start_line=max(1, line - _AROUND),
            end_line=min(len(lines), line + _AROUND),
            symbol=symbol,
            kind="window",
            language=source.language,
            signature="",
            doc="",
            text="",
            sha=source.sha,
            score=1.0,
            why=Why(symbol=1.0),
            fresh=True,
        )
        if whole:
            found = _of(found, self._beginning(path, line, symbol))
        elif row:
            chunk = row.chunk
            found = replace(
                found, start_line=chunk.start_line, end_line=chunk.end_line, symbol=chunk.symbol, kind=chunk.kind
            )
            found = replace(found, signature=chunk.signature, doc=chunk.doc)
        return replace(found, text="\n".join(lines[found.start_line - 1 : found.end_line]))

    def _beginning(self, path: str, line: int, symbol: str) -> Symbol | None:
        name = symbol.rpartition(".")[2]
        places = self._snapshot.named([name]) if self._is_indexed(path) else self.outline(path)
        same = (place.symbol for place in places if (place.path, place.symbol.start_line) == (path, line))
        return next((found for found in same if found.qualified == symbol), None)

    def _is_indexed(self, path: str) -> bool:
        """Whether the index knows the file as it is."""
        source, known = self.source(path), self._snapshot.known(path)
        return source is not None and known is not None and source.sha == known.sha


def _of(hit: Hit, symbol: Symbol | None) -> Hit:
    if symbol is None:
        return hit
    end = min(symbol.end_line, symbol.start_line + _HIT - 1)
    hit = replace(hit, start_line=symbol.start_line, end_line=end, symbol=symbol.qualified, kind=symbol.kind)
    return replace(hit, signature=symbol.signature, doc=symbol.doc)
