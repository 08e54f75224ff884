"""The store: a reader sees one state, chunk ids are never reused, damaged vectors are replaced."""

import sqlite3
import threading
from pathlib import Path

import numpy as np

from indexer.search.searcher import Searcher
from tests.indexer.harness import World, put


def test_a_reader_sees_one_state_while_another_thread_writes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    with world.store.read() as snapshot:
        before = snapshot.version, snapshot.counts()
        put(world.root, "new.py", "def added():\n    return 1\n")
        writer = threading.Thread(target=world.refresh)
        writer.start()
        writer.join()
        assert (snapshot.version, snapshot.counts()) == before
    with world.store.read() as snapshot:
        assert snapshot.counts()[0] == before[1][0] + 1


def test_chunk_ids_are_never_used_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    with world.store.read() as snapshot:
        old = snapshot.chunk_ids()
    for path in ("README.md", "app/config.py", "app/server.py"):
        (world.root / path).unlink()
    put(world.root, "new.py", "def added():\n    return 1\n")
    world.refresh()
    with world.store.read() as snapshot:
        assert min(snapshot.chunk_ids() - old) > max(old)


def test_a_damaged_vector_gives_no_wrong_hit_and_is_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    with world.store.read() as snapshot:
        [(_, ids, vectors, _)] = snapshot.vectors_after(0, "hash-64", 64)
    db = sqlite3.connect(world.database_file)
    chunk, blob = db.execute("SELECT chunk_id, vector FROM vectors LIMIT 1").fetchone()
    flipped = blob[:30] + bytes([blob[30] ^ 1]) + blob[31:]
    db.execute("UPDATE vectors SET vector = ? WHERE chunk_id = ?", (flipped, chunk))
    db.commit()
    db.close()
    searcher = Searcher(world.store, world.embedder)
    assert all(np.isfinite(hit.score) for hit in searcher.search("load config"))
    assert world.refresh().changed == 1
    with world.store.read() as snapshot:
        [(_, again, repaired, damaged)] = snapshot.vectors_after(0, "hash-64", 64)
    assert (len(again), damaged) == (len(ids), [])
    assert sorted(map(tuple, repaired.tolist())) == sorted(map(tuple, vectors.tolist()))
