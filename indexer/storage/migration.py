"""An index of an older schema brought to this one, from the chunks that it has: it is searched until it is made anew.

The next job reads its files again, because their recipe has changed too.
"""

import re
import sqlite3

from indexer.storage.full_text import columns_of, insert_terms, terms_of
from indexer.storage.postings import pack_postings
from indexer.storage.rows import heads_of
from indexer.storage.schema import TABLES

_SCHEMAS = (5, 6)  # thousands of the versions that can be migrated
_DERIVED = (
    "DROP TABLE vocabulary",
    "DROP TABLE terms",
    "DROP TABLE IF EXISTS postings",
    "DROP INDEX chunks_by_file",
    "DROP TRIGGER vector_goes",
)


def can_migrate(db: sqlite3.Connection, version: int) -> bool:
    """Migrates an index of `version`, inside a transaction; False, and nothing is done, if it is too old or too new."""
    if version // 1000 not in _SCHEMAS:
        return False
    for statement in _DERIVED:
        db.execute(statement)
    existing = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    for statement in filter(str.strip, TABLES.split(";\n")):
        created = re.match(r"\s*CREATE (?:VIRTUAL TABLE|TABLE|INDEX|TRIGGER) (\w+)", statement)
        if created is None or created[1] not in existing:
            db.execute(statement)
    for file_id, path in db.execute("SELECT id, path FROM files").fetchall():
        _derive(db, file_id, path)
    return True


def _derive(db: sqlite3.Connection, file_id: int, path: str) -> None:
    """Makes the full text and the postings of a file."""
    query = "SELECT id, kind, symbol, signature, doc, text FROM chunks WHERE file_id = ? ORDER BY id"
    rows = db.execute(query, (file_id,)).fetchall()
    terms = [terms_of(path, symbol, signature, doc, text) for _, _, symbol, signature, doc, text in rows]
    for (chunk_id, *_), of_chunk in zip(rows, terms, strict=True):
        insert_terms(db, chunk_id, columns_of(of_chunk))
    if rows:
        heads = heads_of((kind, symbol) for _, kind, symbol, *_ in rows)
        row = (rows[0][0], file_id, heads, pack_postings(terms))
        db.execute("INSERT INTO postings (first_chunk, file_id, heads, data) VALUES (?, ?, ?, ?)", row)
