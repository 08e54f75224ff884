"""What can be read from an index: one state of it, for as long as one question or one job needs.

Only SELECTs. Shapes come back as plain records; ranking is not done here.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Chunk, Skip, Symbol


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was indexed."""

    path: str
    sha: str
    size: int
    mtime_ns: int
    read_ns: int  # the clock when it was read
    recipe: str


@dataclass(frozen=True, slots=True)
class Row:
    """A chunk with its id and the file it was cut from."""

    id: int
    chunk: Chunk
    file: KnownFile


@dataclass(frozen=True, slots=True)
class Place:
    """A definition and where it is."""

    path: str
    symbol: Symbol


_FILE = "f.path, f.sha, f.size, f.mtime_ns, f.read_ns, f.recipe"
# A chunk's path and symbol decide more than its words: measured on the development repositories.
_WEIGHTS = "2.0, 3.0, 1.5, 1.0"


class Snapshot:
    """One state of one index."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def meta(self) -> dict[str, str | int | float]:
        return dict(self._db.execute("SELECT key, value FROM meta"))

    @property
    def version(self) -> tuple[str, int]:
        """(epoch, generation): equal ones mean the same content."""
        rows = dict(self._db.execute("SELECT key, value FROM meta WHERE key IN ('epoch', 'generation')"))
        return str(rows.get("epoch", "")), int(rows.get("generation", 0))

    def counts(self) -> tuple[int, int]:
        """Files and chunks."""
        row = self._db.execute("SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM chunks)").fetchone()
        return int(row[0]), int(row[1])

    def embedded(self) -> int:
        """Chunks that have a vector; looks at every one."""
        query = "SELECT count(*) FROM chunks c JOIN vectors v ON v.sha = c.vector"
        return int(self._db.execute(query).fetchone()[0])

    def files(self) -> dict[str, KnownFile]:
        return {row[0]: KnownFile(*row) for row in self._db.execute(f"SELECT {_FILE} FROM files f")}  # noqa: S608

    def skips(self) -> tuple[Skip, ...]:
        return tuple(Skip(*row) for row in self._db.execute("SELECT path, reason FROM skips ORDER BY path"))

    def known_vectors(self, shas: Sequence[bytes]) -> set[bytes]:
        """Those of `shas` that have a vector."""
        query = "SELECT 1 FROM vectors WHERE sha = ?"
        return {sha for sha in shas if self._db.execute(query, (sha,)).fetchone()}

    def chunk_ids(self) -> set[int]:
        return {row[0] for row in self._db.execute("SELECT id FROM chunks")}

    def chunk_ids_in(self, paths: Collection[str]) -> list[int]:
        """Ids of the chunks of these files."""
        inside = "SELECT f.id FROM files f WHERE f.path IN (SELECT value FROM json_each(?))"
        query = f"SELECT c.id FROM chunks c WHERE c.file_id IN ({inside})"  # noqa: S608
        return [row[0] for row in self._db.execute(query, (json.dumps(sorted(paths)),))]

    def paths(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT path FROM files ORDER BY path")]

    def vectors_after(self, chunk_id: int, model: str, dim: int) -> tuple[list[int], NDArray[np.float32], list[bytes]]:
        """Ids (n) and vectors (n, dim) of the chunks younger than `chunk_id`; and the keys of damaged vectors.

        A vector whose length is not 1 has been changed on disk, for every one was written normalised.
        """
        rows = self._db.execute(
            "SELECT c.id, v.sha, v.vector FROM chunks c JOIN vectors v ON v.sha = c.vector"
            " WHERE c.id > ? AND v.model = ? ORDER BY c.id",
            (chunk_id, model),
        ).fetchall()
        whole = [row for row in rows if len(row[2]) == 4 * dim]
        matrix = np.frombuffer(b"".join(row[2] for row in whole), "<f4").reshape(len(whole), dim)
        with np.errstate(over="ignore", invalid="ignore"):
            sound = np.abs(np.linalg.norm(matrix, axis=1) - 1) < 1e-3
        damaged = [row[1] for row in rows if len(row[2]) != 4 * dim]
        damaged += [row[1] for row, good in zip(whole, sound, strict=True) if not good]
        return [row[0] for row, good in zip(whole, sound, strict=True) if good], matrix[sound], damaged

    def lexical(
        self, terms: Sequence[str], limit: int, allowed: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """(chunk id, BM25) of the chunks with any of `terms`, best first; only among `allowed` where it is given."""
        if not terms:
            return []
        match = " OR ".join(f'"{term}"' for term in terms)  # terms are word characters only
        inside = "" if allowed is None else " AND rowid IN (SELECT value FROM json_each(?))"
        score = f"-bm25(terms, {_WEIGHTS})"
        query = f"SELECT rowid, {score} AS s FROM terms WHERE terms MATCH ?{inside} ORDER BY s DESC, rowid LIMIT ?"  # noqa: S608
        parameters = (match, limit) if allowed is None else (match, json.dumps(list(allowed)), limit)
        return [(row[0], row[1]) for row in self._db.execute(query, parameters)]

    def named_like(self, terms: Sequence[str], limit: int) -> list[tuple[int, str]]:
        """(chunk id, symbol) of the chunks whose symbol has any of `terms` in its name, those with most first."""
        if not terms:
            return []
        match = "symbol : (" + " OR ".join(f'"{term}"' for term in terms) + ")"
        query = (
            "SELECT c.id, c.symbol FROM (SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rank, rowid LIMIT ?) t"
            " JOIN chunks c ON c.id = t.rowid"
        )
        return [(row[0], row[1]) for row in self._db.execute(query, (match, limit))]

    def frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many chunks each term occurs; terms that occur nowhere are left out."""
        query = "SELECT term, doc FROM vocabulary WHERE term = ?"
        return dict(row for term in terms for row in self._db.execute(query, (term,)))

    def named(self, names: Collection[str]) -> list[Place]:
        """Definitions whose name equals one of `names`, whatever the case."""
        query = (
            "SELECT f.path, s.name, s.qualified, s.kind, s.start_line, s.end_line, s.signature, s.doc FROM symbols s"
            " JOIN files f ON f.id = s.file_id WHERE s.folded = ? ORDER BY f.path, s.start_line"
        )
        found = [row for name in sorted({name.lower() for name in names}) for row in self._db.execute(query, (name,))]
        return [Place(path, Symbol(*rest)) for path, *rest in found]

    def chunks_at(self, place: Place) -> list[int]:
        """Ids of the chunks that hold a definition: its parts, or the block it stands in."""
        query = (
            "SELECT c.id, c.symbol FROM chunks c JOIN files f ON f.id = c.file_id"
            " WHERE f.path = ? AND c.start_line <= ? AND c.end_line >= ? ORDER BY c.start_line, c.id"
        )
        symbol = place.symbol
        rows = self._db.execute(query, (place.path, symbol.end_line, symbol.start_line)).fetchall()
        own = [row[0] for row in rows if row[1] == symbol.qualified]
        return own or [row[0] for row in rows[:1]]

    def rows(self, ids: Collection[int]) -> dict[int, Row]:
        """The chunks with these ids, as far as they are still there."""
        query = (
            f"SELECT c.id, {_FILE}, f.language, c.start_line, c.end_line, c.symbol, c.kind, c.signature, c.doc, c.text"  # noqa: S608
            " FROM chunks c JOIN files f ON f.id = c.file_id WHERE c.id IN (SELECT value FROM json_each(?))"
        )
        found = {}
        for row in self._db.execute(query, (json.dumps(sorted(ids)),)):
            chunk_id, file = row[0], KnownFile(*row[1:7])
            language, start, end, symbol, kind, signature, doc, text = row[7:]
            chunk = Chunk(file.path, start, end, symbol, kind, language, signature, doc, text)
            found[chunk_id] = Row(chunk_id, chunk, file)
        return found
