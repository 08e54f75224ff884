"""Reads one state of an index, for as long as one question or one job needs it.

SELECTs only; rows come back as plain records. Does no ranking.
"""

import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

from indexer.embedding.base import Vectors
from indexer.embedding.int8 import unpack
from indexer.storage.bm25 import any_of
from indexer.storage.full_text import CountCache, FullText
from indexer.storage.schema import IN_SUBTREE, chunk_count, subtree, version_of
from indexer.storage.term_index import TermIndex
from indexer.types import Chunk, ChunkHead, Skip, Symbol


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file as it was when it was indexed."""

    path: str
    sha: str
    size: int
    mtime_ns: int
    read_ns: int  # time of reading, Unix time in ns
    recipe: str  # what the index of a file depends on beside its bytes: `refresh.recipe_of`


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk with its id and its file."""

    id: int
    chunk: Chunk
    file: IndexedFile


@dataclass(frozen=True, slots=True)
class IndexedSymbol:
    """A definition and the path of its file."""

    path: str
    symbol: Symbol


_FILE = "f.path, f.sha, f.size, f.mtime_ns, f.read_ns, f.recipe"
_SYMBOLS = (
    "SELECT f.path, s.name, s.qualified, s.kind, s.start_line, s.end_line, s.signature, s.doc FROM symbols s"
    " JOIN files f ON f.id = s.file_id"
)
_BATCH = 50_000  # vectors read at once: 50 MB of 256 components


class Snapshot:
    """One state of one index. `counts` caches term counts from one snapshot to the next."""

    def __init__(self, db: sqlite3.Connection, counts: CountCache) -> None:
        self._db = db
        self._terms: FullText | TermIndex = FullText(db, counts)

    def use(self, index: TermIndex | None) -> None:
        """From now on `lexical`, `named_like`, `frequency` and `heads` read `index`, if there is one."""
        self._terms = index or self._terms

    def meta(self) -> dict[str, str | int | float]:
        return dict(self._db.execute("SELECT key, value FROM meta"))

    @property
    def version(self) -> tuple[str, int]:
        """(epoch, generation): equal versions mean equal content."""
        return version_of(self._db)

    def counts(self) -> tuple[int, int]:
        """How many files and how many chunks."""
        return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0]), self.chunks

    @property
    def chunks(self) -> int:
        """How many chunks. Takes no time, unlike counting files."""
        return chunk_count(self._db)

    def files(self, only: Collection[str] | None = None) -> dict[str, IndexedFile]:
        """All files by path; with `only`, these files and those below these folders."""
        query = f"SELECT {_FILE} FROM files f"  # noqa: S608
        if only is None:
            return {row[0]: IndexedFile(*row) for row in self._db.execute(query)}
        query += f" WHERE {IN_SUBTREE}"
        return {row[0]: IndexedFile(*row) for path in only for row in self._db.execute(query, subtree(path))}

    def recipes(self) -> list[str]:
        """The recipes that files were indexed with, each once."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT recipe FROM files")]

    def languages(self) -> tuple[str, ...]:
        """Of the files in the index."""
        return tuple(row[0] for row in self._db.execute("SELECT DISTINCT language FROM files"))

    def skips(self) -> tuple[Skip, ...]:
        return tuple(Skip(*row) for row in self._db.execute("SELECT path, reason, version FROM skips ORDER BY path"))

    def keys(self) -> list[bytes]:
        """The key of each chunk's embedding text: `rerank.key_of`."""
        return [row[0] for row in self._db.execute("SELECT key FROM vectors")]

    def chunk_ids(self) -> set[int]:
        return {row[0] for row in self._db.execute("SELECT id FROM chunks")}

    def chunk_ids_in(self, paths: Collection[str]) -> list[int]:
        """Ids of the chunks of these files."""
        inside = "SELECT f.id FROM files f WHERE f.path IN (SELECT value FROM json_each(?))"
        query = f"SELECT c.id FROM chunks c WHERE c.file_id IN ({inside})"  # noqa: S608
        return [row[0] for row in self._db.execute(query, (json.dumps(sorted(paths)),))]

    def file(self, path: str) -> IndexedFile | None:
        row = self._db.execute(f"SELECT {_FILE} FROM files f WHERE f.path = ?", (path,)).fetchone()  # noqa: S608
        return IndexedFile(*row) if row else None

    def files_with(self, terms: Sequence[str], texts: Sequence[str], limit: int) -> list[str]:
        """At most `limit` paths of files with a chunk that has any of `terms`, and any of `texts` verbatim."""
        inside = " OR ".join("instr(c.text, ?)" for _ in texts)
        query = (
            "SELECT DISTINCT f.path FROM terms t JOIN chunks c ON c.id = t.rowid JOIN files f ON f.id = c.file_id"  # noqa: S608
            f" WHERE terms MATCH ? AND ({inside}) LIMIT ?"
        )
        match = any_of(terms)
        return [row[0] for row in self._db.execute(query, (match, *texts, limit))]

    def has_module(self, path: str) -> bool:
        """Whether the path of a file, without its suffix, or of a folder ends with `path`."""
        query = "SELECT 1 FROM files WHERE '/' || path GLOB ? OR '/' || path GLOB ? LIMIT 1"
        return self._db.execute(query, (f"*/{path}.*", f"*/{path}/*")).fetchone() is not None

    def files_called(self, name: str, limit: int) -> list[str]:
        """At most `limit` paths of files with this name, those nearest to the root first."""
        query = "SELECT path FROM files WHERE path = ? OR path GLOB ? ORDER BY length(path), path LIMIT ?"
        return [row[0] for row in self._db.execute(query, (name, f"*/{name}", limit))]

    def chunk_at(self, path: str, line: int) -> ChunkRow | None:
        """The smallest chunk that contains a line."""
        query = (
            "SELECT c.id FROM chunks c JOIN files f ON f.id = c.file_id WHERE f.path = ? AND ? BETWEEN c.start_line"
            " AND c.end_line ORDER BY c.end_line - c.start_line, c.id LIMIT 1"
        )
        found = self._db.execute(query, (path, line)).fetchone()
        return self.rows([found[0]]).get(found[0]) if found else None

    def paths(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT path FROM files ORDER BY path")]

    def commits_of(self, paths: Collection[str]) -> dict[int, list[str]]:
        """How many commits ago (0: the last) a commit changed any of these files, and which of them."""
        found: dict[int, list[str]] = {}
        query = "SELECT age, path FROM changes WHERE path IN (SELECT value FROM json_each(?)) ORDER BY age, path"
        for age, path in self._db.execute(query, (json.dumps(sorted(paths)),)):
            found.setdefault(age, []).append(path)
        return found

    def vectors_after(self, chunk_id: int, model: str, dim: int) -> Iterator[tuple[int, list[int], Vectors, list[int]]]:
        """Vectors by `model` of the chunks with ids above `chunk_id`, in ascending batches.

        Each batch: its highest id; the ids (n) and float32 vectors (n, dim) that are sound; the ids of damaged ones.
        """
        query = "SELECT chunk_id, vector FROM vectors WHERE chunk_id > ? AND model = ? ORDER BY chunk_id"
        found = self._db.execute(query, (chunk_id, model))
        while rows := found.fetchmany(_BATCH):
            vectors, sound = unpack([row[1] for row in rows], dim)
            ids = [row[0] for row in rows]
            yield ids[-1], list(compress(ids, sound)), vectors, list(compress(ids, ~sound))

    def deleted_after(self, generation: int) -> list[int]:
        """Ids of the chunks whose vectors were deleted since `generation`, at most `KEPT_GENERATIONS` ago."""
        return [row[0] for row in self._db.execute("SELECT chunk_id FROM gone WHERE generation > ?", (generation,))]

    def postings_after(self, chunk_id: int) -> Iterator[tuple[int, str, str, str, bytes]]:
        """Of each file whose chunks have ids above `chunk_id`, in order of ids: the first of these ids, which follow
        each other, the path, the language, `rows.heads_of` and `postings.pack_postings` of its chunks.
        """
        query = (
            "SELECT p.first_chunk, f.path, f.language, p.heads, p.data FROM postings p JOIN files f ON f.id = p.file_id"
            " WHERE p.first_chunk > ? ORDER BY p.first_chunk"
        )
        yield from self._db.execute(query, (chunk_id,))

    def chunks_gone_after(self, generation: int) -> list[int]:
        """Those of `deleted_after` that are gone with their vectors."""
        query = "SELECT chunk_id FROM gone WHERE generation > ? AND chunk_id NOT IN (SELECT id FROM chunks)"
        return [row[0] for row in self._db.execute(query, (generation,))]

    def lexical(
        self, terms: Sequence[str], limit: int, allowed: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """As `FullText.search`."""
        return self._terms.search(terms, limit, allowed)

    def named_like(self, terms: Sequence[str], limit: int) -> list[tuple[int, str]]:
        """As `FullText.named_like`."""
        return self._terms.named_like(terms, limit)

    def frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """As `FullText.frequency`."""
        return self._terms.frequency(terms)

    def named(self, names: Collection[str]) -> list[IndexedSymbol]:
        """Definitions whose name equals one of `names`, ignoring case."""
        query = f"{_SYMBOLS} WHERE s.folded IN (SELECT value FROM json_each(?)) ORDER BY s.folded, f.path, s.start_line"  # noqa: S608
        folded = json.dumps(sorted({name.lower() for name in names}))
        return [IndexedSymbol(row[0], Symbol(*row[1:])) for row in self._db.execute(query, (folded,))]

    def named_with(self, part: str, limit: int) -> list[IndexedSymbol]:
        """At most `limit` definitions whose name contains `part`, ignoring case. Looks at every definition."""
        query = f"{_SYMBOLS} WHERE instr(s.folded, ?) ORDER BY f.path, s.start_line LIMIT ?"
        return [IndexedSymbol(path, Symbol(*rest)) for path, *rest in self._db.execute(query, (part.lower(), limit))]

    def types(self) -> list[IndexedSymbol]:
        """The classes, interfaces and enums."""
        query = f"{_SYMBOLS} WHERE s.kind IN ('class', 'interface', 'enum') ORDER BY f.path, s.start_line"
        return [IndexedSymbol(path, Symbol(*rest)) for path, *rest in self._db.execute(query)]

    def inside(self, scope: str) -> list[str]:
        """The paths of the files with definitions in a scope, by its qualified name."""
        query = "SELECT DISTINCT f.path FROM symbols s JOIN files f ON f.id = s.file_id WHERE s.qualified GLOB ?"
        escaped = re.sub(r"[*?\[]", r"[\g<0>]", scope)
        return sorted(row[0] for row in self._db.execute(query, (f"{escaped}.*",)))

    def chunks_at(self, definition: IndexedSymbol) -> list[int]:
        """Ids of the chunks of a definition: its parts, or else the first chunk that overlaps it."""
        query = (
            "SELECT c.id, c.symbol FROM chunks c JOIN files f ON f.id = c.file_id"
            " WHERE f.path = ? AND c.start_line <= ? AND c.end_line >= ? ORDER BY c.start_line, c.id"
        )
        symbol = definition.symbol
        rows = self._db.execute(query, (definition.path, symbol.end_line, symbol.start_line)).fetchall()
        own = [row[0] for row in rows if row[1] == symbol.qualified]
        return own or [row[0] for row in rows[:1]]

    def lines(self, path: str, start: int, end: int) -> str:
        """These lines of a file as it was when it was indexed."""
        query = (
            "SELECT c.start_line, c.end_line, c.text FROM chunks c JOIN files f ON f.id = c.file_id"
            " WHERE f.path = ? AND c.end_line >= ? AND c.start_line <= ? ORDER BY c.start_line, c.id"
        )
        lines = [""] * (end - start + 1)  # a line in no chunk is blank
        before = (0, 0)
        for first, last, text in self._db.execute(query, (path, start, end)):
            is_slice = first == last and before == (first, last)  # a line too long for one chunk is cut into several
            for at, line in enumerate(text.split("\n"), first - start):
                if 0 <= at < len(lines):
                    lines[at] = lines[at] + line if is_slice else line
            before = (first, last)
        return "\n".join(lines)

    def heads(self, ids: Collection[int]) -> dict[int, ChunkHead]:
        """Path, language, kind and symbol of these chunks, without those that no longer exist."""
        if isinstance(self._terms, TermIndex):
            return self._terms.heads_of(ids)
        query = (
            "SELECT c.id, f.path, f.language, c.kind, c.symbol FROM chunks c JOIN files f ON f.id = c.file_id"
            " WHERE c.id IN (SELECT value FROM json_each(?))"
        )
        return {i: ChunkHead(*head) for i, *head in self._db.execute(query, (json.dumps(sorted(ids)),))}

    def text(self, path: str) -> str:
        """A file as it was when it was indexed, up to its last line that is not blank."""
        query = "SELECT max(c.end_line) FROM chunks c JOIN files f ON f.id = c.file_id WHERE f.path = ?"
        end = self._db.execute(query, (path,)).fetchone()[0]
        return f"{self.lines(path, 1, end)}\n" if end else ""

    def texts(self, ids: Collection[int]) -> dict[int, str]:
        """The lines of these chunks, without those that no longer exist."""
        query = "SELECT id, text FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
        return dict(self._db.execute(query, (json.dumps(sorted(ids)),)))

    def rows(self, ids: Collection[int]) -> dict[int, ChunkRow]:
        """The chunks with these ids, without those that no longer exist."""
        query = (
            f"SELECT c.id, {_FILE}, f.language, c.start_line, c.end_line, c.symbol, c.kind, c.signature, c.doc, c.text"  # noqa: S608
            " FROM chunks c JOIN files f ON f.id = c.file_id WHERE c.id IN (SELECT value FROM json_each(?))"
        )
        found = {}
        files: dict[str, IndexedFile] = {}
        for row in self._db.execute(query, (json.dumps(sorted(ids)),)):
            chunk_id, path = row[:2]
            file = files.get(path) or files.setdefault(path, IndexedFile(*row[1:7]))
            language, start, end, symbol, kind, signature, doc, text = row[7:]
            chunk = Chunk(path, start, end, symbol, kind, language, signature, doc, text)
            found[chunk_id] = ChunkRow(chunk_id, chunk, file)
        return found
