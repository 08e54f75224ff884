"""The files of a codebase as they are on disk now: their definitions and code, from the index if it is still right.

Reads each file once, with secrets masked. Knows nothing of questions.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from indexer.files.languages import BY_NAME, language_of
from indexer.files.scan import Candidate, read, sha_of
from indexer.files.secrets.masking import MASKING
from indexer.parsing.definitions import SECONDS, parse
from indexer.parsing.syntax import parse_tree
from indexer.storage.snapshot import IndexedSymbol, Snapshot
from indexer.types import Hit, SourceFile, Symbol, Why

_DEFINITION_LINES = 120  # of a definition that are shown
_CONTEXT_LINES = 6  # before and after a line of a file that changed since it was indexed


class WorkingTree:
    """The files of one codebase, cached for one question."""

    def __init__(self, root: Path, snapshot: Snapshot) -> None:
        self._root = root
        self._snapshot = snapshot
        self._sources: dict[str, SourceFile | None] = {}
        self._symbols: dict[str, list[Symbol]] = {}
        self._lines: dict[str, list[str]] = {}
        self._by_line: dict[tuple[str, str], dict[tuple[str, int], list[Symbol]]] = {}

    def source(self, path: str) -> SourceFile | None:
        """None if the file is gone, or would not be indexed as it is now."""
        if path not in self._sources:
            found = self._indexed_source(path) or read(self._root, Candidate(path, 0, 0))
            self._sources[path] = found if isinstance(found, SourceFile) else None
        return self._sources[path]

    def _indexed_source(self, path: str) -> SourceFile | None:
        """From the index, where secrets are masked already, which takes most of the time; None if the file changed."""
        indexed = self._snapshot.file(path)
        if indexed is None or f"masking {MASKING}," not in indexed.recipe or sha_of(self._root, path) != indexed.sha:
            return None
        text = self._snapshot.text(path)
        return SourceFile(path, indexed.sha, indexed.size, indexed.mtime_ns, language_of(path, text).name, text)

    def outline(self, path: str) -> list[IndexedSymbol]:
        """The definitions in a file."""
        if path not in self._symbols:
            source = self.source(path)
            found = parse(source.text, source.language) if source else ()
            self._symbols[path] = [definition.symbol for definition in found]
        return [IndexedSymbol(path, symbol) for symbol in self._symbols[path]]

    def is_whole(self, path: str) -> bool:
        """Whether a file has no syntax error, as far as its language has a grammar."""
        source = self.source(path)
        grammar = BY_NAME[source.language].grammar if source and source.language in BY_NAME else ""
        if source is None or not grammar:
            return True
        tree = parse_tree(source.text.encode("utf-8", "replace"), grammar, SECONDS)
        return tree is not None and not tree.root_node.has_error

    def definitions(self, path: str, indexed: Sequence[IndexedSymbol], name: str) -> list[IndexedSymbol]:
        """The definitions of `name` in a file: those in `indexed`, unless the file has changed since."""
        if self._is_current(path):
            return [item for item in indexed if item.path == path]
        return [item for item in self.outline(path) if item.symbol.name == name]

    def hit(self, path: str, line: int, symbol: str, *, whole: bool) -> Hit | None:
        """A fresh hit: with `whole` the definition that begins on the line, else the chunk around the line.

        None if the file is gone. If it has changed since it was indexed, a few lines stand in for the chunk.
        """
        source = self.source(path)
        if source is None:
            return None
        row = self._snapshot.chunk_at(path, line) if self._is_current(path) else None
        if path not in self._lines:
            self._lines[path] = source.text.split("\n")
        lines = self._lines[path]
        hit = Hit(
            chunk_id=row.id if row else 0,
            path=path,
            start_line=max(1, line - _CONTEXT_LINES),
            end_line=min(len(lines), line + _CONTEXT_LINES),
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
            hit = _spanning(hit, self._definition_at(path, line, symbol))
        elif row:
            chunk = row.chunk
            hit = replace(
                hit, start_line=chunk.start_line, end_line=chunk.end_line, symbol=chunk.symbol, kind=chunk.kind
            )
            hit = replace(hit, signature=chunk.signature, doc=chunk.doc)
        return replace(hit, text="\n".join(lines[hit.start_line - 1 : hit.end_line]))

    def _definition_at(self, path: str, line: int, qualified: str) -> Symbol | None:
        is_current = self._is_current(path)
        key = ("", qualified.rpartition(".")[2]) if is_current else (path, "")
        if key not in self._by_line:
            self._by_line[key] = {}
            for item in self._snapshot.named([key[1]]) if is_current else self.outline(path):
                self._by_line[key].setdefault((item.path, item.symbol.start_line), []).append(item.symbol)
        beginning = self._by_line[key].get((path, line), ())
        return next((symbol for symbol in beginning if symbol.qualified == qualified), None)

    def _is_current(self, path: str) -> bool:
        """Whether the file is the one that was indexed."""
        source, indexed = self.source(path), self._snapshot.file(path)
        return source is not None and indexed is not None and source.sha == indexed.sha


def find_lines(root: Path, path: str, lines: Sequence[str], first: int) -> int | None:
    """The number of the first of `lines` in a file as it is now: `first` if they are there; None if they are gone."""
    source = read(root, Candidate(path, 0, 0))
    if not isinstance(source, SourceFile):
        return None
    if source.text.split("\n")[first - 1 : first - 1 + len(lines)] == list(lines):
        return first
    before, found, _ = f"\n{source.text}\n".partition("\n".join(("", *lines, "")))
    return before.count("\n") + 1 if found else None


def _spanning(hit: Hit, symbol: Symbol | None) -> Hit:
    """The hit over the lines of a definition, at most `_DEFINITION_LINES` of them."""
    if symbol is None:
        return hit
    end = min(symbol.end_line, symbol.start_line + _DEFINITION_LINES - 1)
    hit = replace(hit, start_line=symbol.start_line, end_line=end, symbol=symbol.qualified, kind=symbol.kind)
    return replace(hit, signature=symbol.signature, doc=symbol.doc)
