"""The full-text index of the chunks: its rows, search by BM25, and in how many chunks a term occurs.

Keeps the cost of common terms bounded in a large index. Does not know files or vectors.
"""

import json
import sqlite3
from collections.abc import Sequence

from indexer.parsing.identifiers import split
from indexer.storage.bm25 import PAIRED_TERMS, any_of, max_score, pairs_of, top_chunks
from indexer.storage.postings import ChunkTerms
from indexer.storage.schema import chunk_count, version_of
from indexer.storage.term_index import WEIGHTS

# Chunks that the terms of a query may occur in. Ranking 30,000 takes 30 ms (1 us each), scanning 320,000 takes 20 ms
# (0.06 us each), matching the names of 80,000 takes 6 ms (0.08 us each).
_RANKED, _SCANNED, _NAMED = 30_000, 320_000, 80_000
_DRIFT = 0.01  # share of a term's chunks; counting them takes 30 ms where there are a million
_CACHED_TERMS = 100_000

# Merges all parts of the full-text index into one: until then, terms of deleted rows stay in the older parts. 0.1 s for
# 40,000 chunks.
FORGET_DELETED = "INSERT INTO terms (terms) VALUES ('optimize')"

Columns = tuple[str, str, str, str]  # path, symbol, head, body
CountCache = dict[tuple[str, str], tuple[int, int]]  # (epoch, term) -> (chunks with the term, turnover when counted)


def terms_of(path: str, symbol: str, signature: str, doc: str, text: str) -> ChunkTerms:
    """The terms of a chunk by column."""
    return split(path), split(symbol), split(f"{signature} {doc}"), split(text)


def columns_of(terms: ChunkTerms) -> Columns:
    """What the full-text index is given of a chunk."""
    path, symbol, head, body = map(" ".join, terms)
    return path, symbol, head, body


def insert_terms(db: sqlite3.Connection, chunk_id: int, columns: Columns) -> None:
    db.execute("INSERT INTO terms (rowid, path, symbol, head, body) VALUES (?, ?, ?, ?, ?)", (chunk_id, *columns))


def delete_terms(db: sqlite3.Connection, chunk_id: int, columns: Columns) -> None:
    """A contentless full-text table deletes a row by the terms it was inserted with."""
    row = (chunk_id, *columns)
    db.execute("INSERT INTO terms (terms, rowid, path, symbol, head, body) VALUES ('delete', ?, ?, ?, ?, ?)", row)


class FullText:
    """Reads the full-text index through one transaction. `counts` is shared by all readers of an index."""

    def __init__(self, db: sqlite3.Connection, counts: CountCache) -> None:
        self._db = db
        self._counts = counts

    def search(self, terms: Sequence[str], limit: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """(chunk id, BM25) of the chunks with any of `terms`, best first; with `allowed`, only among these chunks.

        In a large index the most common terms count only beside a rarer one, or not at all: they would cost most and
        rank least.
        """
        standalone, counts = self._affordable(terms, _RANKED), self._affordable(terms, _SCANNED)
        if not counts:
            return []
        # "+" makes SQLite scan the full text once, and not once for each allowed id.
        inside = "" if allowed is None else " AND +rowid IN (SELECT value FROM json_each(?))"
        score = f"-bm25(terms, {', '.join(map(str, WEIGHTS))})"
        query = f"SELECT rowid, {score} AS s FROM terms WHERE terms MATCH ?{inside} ORDER BY s DESC, rowid LIMIT ?"  # noqa: S608
        if allowed is not None:  # one query only: each would scan the allowed ids again
            return self._db.execute(query, (any_of(standalone), json.dumps(list(allowed)), limit)).fetchall()
        chunks = chunk_count(self._db)
        bounds = {term: max_score(chunks, count) for term, count in counts.items()}
        return top_chunks(
            bounds, len(standalone), limit, lambda match: self._db.execute(query, (match, limit)).fetchall()
        )

    def named_like(self, terms: Sequence[str], limit: int) -> list[tuple[int, str]]:
        """(chunk id, symbol) of the chunks with two of `terms` in their symbol, the `limit` best by each term.

        With many terms: the best of those with any. In a large index the most common terms are left out.
        """
        rare_first = list(self._affordable(terms, _NAMED))
        query = (
            "SELECT c.id, c.symbol FROM (SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rank, rowid LIMIT ?) t"
            " JOIN chunks c ON c.id = t.rowid"
        )
        found: dict[int, str] = {}
        for match in pairs_of(rare_first) if len(rare_first) <= PAIRED_TERMS else [any_of(rare_first)]:
            found |= self._db.execute(query, (f"symbol : ({match})", limit))
        return list(found.items())

    def frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many chunks each term occurs, to within 1 %; terms that occur nowhere are left out.

        A count is cached until so many chunks were added or deleted that it may be off by more.
        """
        if len(self._counts) > _CACHED_TERMS:
            self._counts.clear()
        (epoch, turnover), chunks = self._turnover(), chunk_count(self._db)
        found = {}
        for term in terms:
            count, counted_at = self._counts.get((epoch, term), (0, -1))
            if abs(turnover - counted_at) > _DRIFT * count:
                row = self._db.execute("SELECT doc FROM vocabulary WHERE term = ?", (term,)).fetchone()
                count = row[0] if row else 0
                self._counts[epoch, term] = count, turnover
            if min(count, chunks):
                found[term] = min(count, chunks)
        return found

    def _turnover(self) -> tuple[str, int]:
        """The epoch, and how many chunks were added and deleted in it."""
        added = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'").fetchone()
        return version_of(self._db)[0], 2 * added[0] - chunk_count(self._db) if added else 0

    def _affordable(self, terms: Sequence[str], rows: int) -> dict[str, int]:
        """The rarest of `terms` that occur in at most `rows` chunks together, but at least one; with their counts."""
        kept: dict[str, int] = {}
        for term, count in sorted(self.frequency(terms).items(), key=lambda item: (item[1], item[0])):
            rows -= count
            if kept and rows < 0:
                break
            kept[term] = count
        return kept
