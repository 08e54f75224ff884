"""What can be read from an index: one state of it, for as long as one question or one job needs.

Only SELECTs. Shapes come back as plain records; ranking is not done here.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

from indexer.embedding.int8 import Vectors, unpack
from indexer.storage.bm25 import FEW, any_of, best, most, two_of
from indexer.types import Chunk, Skip, Symbol


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file as it was indexed."""

    path: str
    sha: str
    size: int
    mtime_ns: int
    read_ns: int  # the clock when it was read
    recipe: str


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk with its id and the file it was cut from."""

    id: int
    chunk: Chunk
    file: IndexedFile


@dataclass(frozen=True, slots=True)
class IndexedSymbol:
    """A definition and where it is."""

    path: str
    symbol: Symbol


_FILE = "f.path, f.sha, f.size, f.mtime_ns, f.read_ns, f.recipe"
# Chunks that the terms of a question may occur in: 30 ms of ranking at 1 us each, or 20 ms of looking through at 0.06;
# 6 ms of names at 0.08 us.
_ALONE, _BESIDE, _NAMED = 30_000, 320_000, 80_000
_DRIFT = 0.01  # of a term's chunks: counting them takes 30 ms where there are a million
_COUNTED = 100_000  # terms that are remembered
REMEMBERED = 1000  # generations for which the index knows what went
_AT_ONCE = 50_000  # vectors: 50 MB of 256 components
# A chunk's path and symbol decide more than its words: measured on the development repositories.
_WEIGHTS = "2.0, 3.0, 1.5, 1.0"


Counted = dict[tuple[str, str], tuple[int, int]]  # epoch and term: in how many chunks, at which turnover


class Snapshot:
    """One state of one index. `counted`: what is passed on from one to the next."""

    def __init__(self, db: sqlite3.Connection, counted: Counted | None = None) -> None:
        self._db = db
        self._counted: Counted = {} if counted is None else counted

    def meta(self) -> dict[str, str | int | float]:
        return dict(self._db.execute("SELECT key, value FROM meta"))

    @property
    def version(self) -> tuple[str, int]:
        """(epoch, generation): equal ones mean the same content."""
        rows = dict(self._db.execute("SELECT key, value FROM meta WHERE key IN ('epoch', 'generation')"))
        return str(rows.get("epoch", "")), int(rows.get("generation", 0))

    def counts(self) -> tuple[int, int]:
        """Files and chunks."""
        return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0]), self.chunks

    @property
    def chunks(self) -> int:
        """How many there are; takes no time, where files are counted one by one."""
        found = self._db.execute("SELECT value FROM meta WHERE key = 'chunks'").fetchone()
        return int(found[0]) if found else 0

    def files(self, only: Collection[str] | None = None) -> dict[str, IndexedFile]:
        """By path, every one; `only` gives just these and those below them."""
        query = f"SELECT {_FILE} FROM files f"  # noqa: S608
        if only is None:
            return {row[0]: IndexedFile(*row) for row in self._db.execute(query)}
        query += " WHERE f.path = ? OR f.path > ? AND f.path < ?"
        places = ((path, f"{path}/", f"{path}0") for path in only)  # "0" is the character behind "/"
        return {row[0]: IndexedFile(*row) for place in places for row in self._db.execute(query, place)}

    def recipes(self) -> list[str]:
        """What files were indexed with, each once."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT recipe FROM files")]

    def skips(self) -> tuple[Skip, ...]:
        return tuple(Skip(*row) for row in self._db.execute("SELECT path, reason FROM skips ORDER BY path"))

    def keys(self) -> list[bytes]:
        """The name of each chunk's embedded text."""
        return [row[0] for row in self._db.execute("SELECT key FROM vectors")]

    def chunk_ids(self) -> set[int]:
        return {row[0] for row in self._db.execute("SELECT id FROM chunks")}

    def chunk_ids_in(self, paths: Collection[str]) -> list[int]:
        """Ids of the chunks of these files."""
        inside = "SELECT f.id FROM files f WHERE f.path IN (SELECT value FROM json_each(?))"
        query = f"SELECT c.id FROM chunks c WHERE c.file_id IN ({inside})"  # noqa: S608
        return [row[0] for row in self._db.execute(query, (json.dumps(sorted(paths)),))]

    def known(self, path: str) -> IndexedFile | None:
        row = self._db.execute(f"SELECT {_FILE} FROM files f WHERE f.path = ?", (path,)).fetchone()  # noqa: S608
        return IndexedFile(*row) if row else None

    def files_with(self, terms: Sequence[str], texts: Sequence[str], limit: int) -> list[str]:
        """At most `limit` paths of files that have a chunk with any of `terms` and any of `texts` verbatim."""
        inside = " OR ".join("instr(c.text, ?)" for _ in texts)
        query = (
            "SELECT DISTINCT f.path FROM terms t JOIN chunks c ON c.id = t.rowid JOIN files f ON f.id = c.file_id"  # noqa: S608
            f" WHERE terms MATCH ? AND ({inside}) LIMIT ?"
        )
        match = any_of(terms)
        return [row[0] for row in self._db.execute(query, (match, *texts, limit))]

    def has_module(self, path: str) -> bool:
        """Whether a file, whatever its suffix, or a folder ends with this path."""
        query = "SELECT 1 FROM files WHERE '/' || path GLOB ? OR '/' || path GLOB ? LIMIT 1"
        return self._db.execute(query, (f"*/{path}.*", f"*/{path}/*")).fetchone() is not None

    def chunk_at(self, path: str, line: int) -> ChunkRow | None:
        """The smallest chunk that holds a line."""
        query = (
            "SELECT c.id FROM chunks c JOIN files f ON f.id = c.file_id WHERE f.path = ? AND ? BETWEEN c.start_line"
            " AND c.end_line ORDER BY c.end_line - c.start_line, c.id LIMIT 1"
        )
        found = self._db.execute(query, (path, line)).fetchone()
        return self.rows([found[0]]).get(found[0]) if found else None

    def paths(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT path FROM files ORDER BY path")]

    def commits_of(self, paths: Collection[str]) -> dict[int, list[str]]:
        """The commits that changed any of these files: how many commits ago (0: the last), and which of them."""
        found: dict[int, list[str]] = {}
        query = "SELECT age, path FROM changes WHERE path IN (SELECT value FROM json_each(?)) ORDER BY age, path"
        for age, path in self._db.execute(query, (json.dumps(sorted(paths)),)):
            found.setdefault(age, []).append(path)
        return found

    def vectors_after(self, chunk_id: int, model: str, dim: int) -> Iterator[tuple[int, list[int], Vectors, list[int]]]:
        """Vectors by `model` of the chunks younger than `chunk_id`, some thousands at a time.

        Each time the youngest id, the ids (n) and vectors (n, dim) that are sound, and the ids of damaged ones.
        """
        query = "SELECT chunk_id, vector FROM vectors WHERE chunk_id > ? AND model = ? ORDER BY chunk_id"
        found = self._db.execute(query, (chunk_id, model))
        while rows := found.fetchmany(_AT_ONCE):
            vectors, sound = unpack([row[1] for row in rows], dim)
            ids = [row[0] for row in rows]
            yield ids[-1], list(compress(ids, sound)), vectors, list(compress(ids, ~sound))

    def gone_after(self, generation: int) -> list[int]:
        """Ids of the chunks that lost their vectors since, if that was at most `REMEMBERED` generations ago."""
        return [row[0] for row in self._db.execute("SELECT chunk_id FROM gone WHERE generation > ?", (generation,))]

    def lexical(
        self, terms: Sequence[str], limit: int, allowed: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """(chunk id, BM25) of the chunks with any of `terms`, best first; only among `allowed` where it is given.

        In a large index the commonest of several terms count only beside a rarer one, or not at all: they would cost
        most and rank least.
        """
        alone, counts = self._affordable(terms, _ALONE), self._affordable(terms, _BESIDE)
        if not counts:
            return []
        # "+": the full text is gone through once, and not once for each of the ids
        inside = "" if allowed is None else " AND +rowid IN (SELECT value FROM json_each(?))"
        score = f"-bm25(terms, {_WEIGHTS})"
        query = f"SELECT rowid, {score} AS s FROM terms WHERE terms MATCH ?{inside} ORDER BY s DESC, rowid LIMIT ?"  # noqa: S608
        if allowed is not None:  # each further query would go through them again
            return self._db.execute(query, (any_of(alone), json.dumps(list(allowed)), limit)).fetchall()
        chunks = self.chunks
        bounds = {term: most(chunks, count) for term, count in counts.items()}
        return best(bounds, len(alone), limit, lambda match: self._db.execute(query, (match, limit)).fetchall())

    def named_like(self, terms: Sequence[str], limit: int) -> list[tuple[int, str]]:
        """(chunk id, symbol) of the chunks with two of `terms` in their symbol, the `limit` best by each term.

        Of many terms it is the best of those with any. In a large index the commonest terms are left out.
        """
        rare_first = list(self._affordable(terms, _NAMED))
        query = (
            "SELECT c.id, c.symbol FROM (SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rank, rowid LIMIT ?) t"
            " JOIN chunks c ON c.id = t.rowid"
        )
        found: dict[int, str] = {}
        for match in two_of(rare_first) if len(rare_first) <= FEW else [any_of(rare_first)]:
            found |= self._db.execute(query, (f"symbol : ({match})", limit))
        return list(found.items())

    def frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many chunks each term occurs, to one in a hundred; terms that occur nowhere are left out.

        A count holds until so many chunks have come or gone that it may be off by more.
        """
        if len(self._counted) > _COUNTED:
            self._counted.clear()
        (epoch, turnover), chunks = self._turnover(), self.chunks
        found = {}
        for term in terms:
            count, then = self._counted.get((epoch, term), (0, -1))
            if abs(turnover - then) > _DRIFT * count:
                row = self._db.execute("SELECT doc FROM vocabulary WHERE term = ?", (term,)).fetchone()
                count = row[0] if row else 0
                self._counted[epoch, term] = count, turnover
            if min(count, chunks):
                found[term] = min(count, chunks)
        return found

    def _turnover(self) -> tuple[str, int]:
        """The epoch, and how many chunks have come and gone in it."""
        came = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'").fetchone()
        return self.version[0], 2 * came[0] - self.chunks if came else 0

    def _affordable(self, terms: Sequence[str], rows: int) -> dict[str, int]:
        """The rarest of `terms` that occur in no more than `rows` chunks together, but one at least; how often each."""
        kept: dict[str, int] = {}
        for term, count in sorted(self.frequency(terms).items(), key=lambda item: (item[1], item[0])):
            rows -= count
            if kept and rows < 0:
                break
            kept[term] = count
        return kept

    def named(self, names: Collection[str]) -> list[IndexedSymbol]:
        """Definitions whose name equals one of `names`, whatever the case."""
        query = (
            "SELECT f.path, s.name, s.qualified, s.kind, s.start_line, s.end_line, s.signature, s.doc FROM symbols s"
            " JOIN files f ON f.id = s.file_id WHERE s.folded = ? ORDER BY f.path, s.start_line"
        )
        found = [row for name in sorted({name.lower() for name in names}) for row in self._db.execute(query, (name,))]
        return [IndexedSymbol(path, Symbol(*rest)) for path, *rest in found]

    def chunks_at(self, place: IndexedSymbol) -> list[int]:
        """Ids of the chunks that hold a definition: its parts, or the block it stands in."""
        query = (
            "SELECT c.id, c.symbol FROM chunks c JOIN files f ON f.id = c.file_id"
            " WHERE f.path = ? AND c.start_line <= ? AND c.end_line >= ? ORDER BY c.start_line, c.id"
        )
        symbol = place.symbol
        rows = self._db.execute(query, (place.path, symbol.end_line, symbol.start_line)).fetchall()
        own = [row[0] for row in rows if row[1] == symbol.qualified]
        return own or [row[0] for row in rows[:1]]

    def lines(self, path: str, start: int, end: int) -> str:
        """These lines of a file as it was indexed."""
        query = (
            "SELECT c.start_line, c.end_line, c.text FROM chunks c JOIN files f ON f.id = c.file_id"
            " WHERE f.path = ? AND c.end_line >= ? AND c.start_line <= ? ORDER BY c.start_line, c.id"
        )
        lines = [""] * (end - start + 1)  # what lies in no chunk is blank
        before = (0, 0)
        for first, last, text in self._db.execute(query, (path, start, end)):
            is_slice = first == last and before == (first, last)  # a line too long for one chunk lies in several
            for at, line in enumerate(text.split("\n"), first - start):
                if 0 <= at < len(lines):
                    lines[at] = lines[at] + line if is_slice else line
            before = (first, last)
        return "\n".join(lines)

    def rows(self, ids: Collection[int]) -> dict[int, ChunkRow]:
        """The chunks with these ids, as far as they are still there."""
        query = (
            f"SELECT c.id, {_FILE}, f.language, c.start_line, c.end_line, c.symbol, c.kind, c.signature, c.doc, c.text"  # noqa: S608
            " FROM chunks c JOIN files f ON f.id = c.file_id WHERE c.id IN (SELECT value FROM json_each(?))"
        )
        found = {}
        for row in self._db.execute(query, (json.dumps(sorted(ids)),)):
            chunk_id, file = row[0], IndexedFile(*row[1:7])
            language, start, end, symbol, kind, signature, doc, text = row[7:]
            chunk = Chunk(file.path, start, end, symbol, kind, language, signature, doc, text)
            found[chunk_id] = ChunkRow(chunk_id, chunk, file)
        return found
