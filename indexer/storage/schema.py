"""The tables of an index database, and small SQL that several modules share."""

import sqlite3

from indexer.parsing.identifiers import TERMS

_SCHEMA = 7
VERSION = _SCHEMA * 1000 + TERMS  # full-text rows can only be deleted by the terms they were inserted with
KEPT_GENERATIONS = 1000  # the index remembers which chunks these last generations deleted

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE files (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, sha TEXT NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, read_ns INTEGER NOT NULL, recipe TEXT NOT NULL, language TEXT NOT NULL);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, symbol TEXT NOT NULL, kind TEXT NOT NULL,
  signature TEXT NOT NULL, doc TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX chunks_by_file ON chunks (file_id, start_line, end_line, symbol);
CREATE TABLE vectors (
  chunk_id INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE, model TEXT NOT NULL, vector BLOB NOT NULL,
  key BLOB NOT NULL);
CREATE TABLE postings (
  first_chunk INTEGER PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE, heads TEXT NOT NULL,
  data BLOB NOT NULL);
CREATE INDEX postings_by_file ON postings (file_id);
CREATE TABLE gone (generation INTEGER NOT NULL, chunk_id INTEGER NOT NULL, PRIMARY KEY (generation, chunk_id))
  WITHOUT ROWID;
CREATE TRIGGER vector_goes AFTER DELETE ON vectors BEGIN
  INSERT OR IGNORE INTO gone SELECT value + 1, old.chunk_id FROM meta WHERE key = 'generation'; END;
CREATE TRIGGER chunk_goes AFTER DELETE ON chunks BEGIN
  INSERT OR IGNORE INTO gone SELECT value + 1, old.id FROM meta WHERE key = 'generation'; END;
CREATE TABLE symbols (
  id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  name TEXT NOT NULL, folded TEXT NOT NULL, qualified TEXT NOT NULL, kind TEXT NOT NULL,
  start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, signature TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX symbols_by_file ON symbols (file_id);
CREATE INDEX symbols_by_name ON symbols (folded);
CREATE TABLE changes (path TEXT NOT NULL, age INTEGER NOT NULL, PRIMARY KEY (path, age)) WITHOUT ROWID;
CREATE TABLE skips (path TEXT PRIMARY KEY, reason TEXT NOT NULL, version TEXT NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE terms USING fts5 (
  path, symbol, head, body, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_'");
INSERT INTO terms (terms, rank) VALUES ('hashsize', 16000000);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (terms, row);
"""

IN_SUBTREE = "path = ? OR path > ? AND path < ?"  # with the parameters of `subtree`


def subtree(path: str) -> tuple[str, str, str]:
    """The parameters of `IN_SUBTREE` for a file, or a folder and all below it. "0" is the character after "/"."""
    return path, f"{path}/", f"{path}0"


def chunk_count(db: sqlite3.Connection) -> int:
    """How many chunks the index has. Takes no time, unlike counting the rows."""
    row = db.execute("SELECT value FROM meta WHERE key = 'chunks'").fetchone()
    return int(row[0]) if row else 0


def version_of(db: sqlite3.Connection) -> tuple[str, int]:
    """(epoch, generation): equal versions mean equal content. A rebuilt index has a new epoch."""
    rows = dict(db.execute("SELECT key, value FROM meta WHERE key IN ('epoch', 'generation')"))
    return str(rows.get("epoch", "")), int(rows.get("generation", 0))
