"""The store: a reader sees one state, chunk ids are never reused, damaged vectors are replaced."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.files.scan import UNSTORABLE, Candidate
from indexer.search.searcher import Searcher
from indexer.storage.prepared import PreparedFile
from indexer.types import Skip
from indexer.update import refresh as refresh_module
from indexer.update.prepare import Preparer, Task
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


def prepared(world: World, path: str) -> PreparedFile:
    found = Preparer(world.root, world.embedder, "recipe")(Task(Candidate(path, 0, 0), None))
    assert isinstance(found, PreparedFile)
    return found


def test_a_file_that_cannot_be_stored_costs_that_file(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    good, bad, worse = (prepared(world, path) for path in ("README.md", "app/config.py", "web/page.js"))
    bad = replace(bad, file=replace(bad.file, mtime_ns=2**63))
    worse = replace(worse, chunks=(replace(worse.chunks[0], text="\ud800"), *worse.chunks[1:]))
    assert world.store.write([bad, good, worse]) == ["app/config.py", "web/page.js"]
    with world.store.read() as snapshot:
        assert sorted(snapshot.paths()) == ["README.md", "app/server.py"]
        assert len(snapshot.chunk_ids()) == snapshot.chunks
    assert world.refresh().changed == 3


def test_a_file_that_cannot_be_stored_is_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    monkeypatch.setattr(refresh_module, "prepare_files", lambda _, tasks, *runner: unstorable(world, tasks))
    report = world.refresh()
    assert (report.files, report.changed, report.skipped) == (3, 3, (Skip("README.md", UNSTORABLE),))


def unstorable(world: World, tasks: list[Task]) -> Iterator[tuple[Task, PreparedFile]]:
    for task in tasks:
        file = prepared(world, task.candidate.path)
        wrong = replace(file, file=replace(file.file, size=2**63))
        yield task, wrong if task.candidate.path == "README.md" else file


def test_a_file_of_the_year_2300_is_indexed_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    os.utime(world.root / "README.md", (10_413_792_000, 10_413_792_000))
    report = world.refresh()
    assert (report.files, report.changed, report.skipped) == (4, 4, ())
    assert world.refresh().changed == 0
