"""The store: one state per reader, ids never reused, damaged vectors replaced, deleted text is gone."""

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding.base import HashEmbedder
from indexer.errors import IndexFull
from indexer.files.scan import UNSTORABLE, Candidate
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.storage.rows import PreparedFile
from indexer.types import Skip
from indexer.update import refresh as refresh_module
from indexer.update.prepare import Preparer, Task
from indexer.update.refresh import refresh
from tests.indexer.harness import World, lay_out, put


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


def planted(folder: Path) -> set[str]:
    """The planted words in the bytes and names of all files; full text has them without capitals."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    content = b"\n".join(path.read_bytes() for path in files) + "\n".join(path.name for path in files).encode()
    return {word.decode() for word in re.findall(rb"[qj]xv\w*plant", content.lower())}


SECRET = 'def jxvnameplant(jxvparameterplant):\n    """Qxvdocplant"""\n    return "qxvtextplant"\n'
OF_SECRET = {"jxvnameplant", "jxvparameterplant", "qxvdocplant", "qxvtextplant", "jxvfileplant"}


@pytest.mark.parametrize("vacuumed", [0, 32_000_000])
@pytest.mark.parametrize("kind", ["removed", "changed", "ignored"])
def test_what_a_file_had_is_gone_from_all_bytes(
    tmp_path: Path, kind: str, vacuumed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.storage.database._VACUUM_BYTES", vacuumed)
    world = World(tmp_path)
    world.refresh()
    file = put(world.root, "jxvfileplant.py", SECRET)
    world.refresh()
    assert planted(tmp_path / "indexes") >= OF_SECRET
    if kind == "removed":
        file.unlink()
    elif kind == "changed":
        file.write_text("def other():\n    return 1\n")
    else:
        put(world.root, ".lanternignore", "*plant*")
    world.refresh()
    # A file that is still indexed keeps its name.
    assert planted(tmp_path / "indexes") == ({"jxvfileplant"} if kind == "changed" else set())


def test_a_deleted_index_leaves_no_byte_and_no_name(tmp_path: Path) -> None:
    indexes = Codebases(tmp_path / "indexes")
    root = lay_out(tmp_path / "qxvrootplant", {"jxvfileplant.py": SECRET})
    store = indexes.open(root)
    refresh(store, HashEmbedder())
    assert {"qxvrootplant", *OF_SECRET} <= planted(tmp_path / "indexes")
    indexes.delete(store.id)
    assert planted(tmp_path / "indexes") == set()
    assert indexes.open(root).id == store.id
    assert refresh(indexes.open(root), HashEmbedder()).files == 1


def test_a_reader_delays_the_end_of_the_bytes_until_it_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.storage.database._PURGE_BUSY_MS", 10)
    world = World(tmp_path)
    world.refresh()
    file = put(world.root, "jxvfileplant.py", SECRET)
    world.refresh()
    file.unlink()
    with world.store.read() as snapshot:
        assert "jxvfileplant.py" in snapshot.paths()
        world.refresh()
        assert planted(tmp_path / "indexes")
    assert planted(tmp_path / "indexes") == set()


def test_a_purge_that_another_process_delayed_is_made_up_for_by_the_next_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.storage.database._PURGE_BUSY_MS", 10)
    world = World(tmp_path)
    file = put(world.root, "jxvfileplant.py", SECRET)
    world.refresh()
    file.unlink()
    other = sqlite3.connect(world.database_file, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM files").fetchone()
    world.refresh()
    assert planted(tmp_path / "indexes")
    other.execute("ROLLBACK")
    other.close()
    world.codebases.close()
    world.refresh()
    assert planted(tmp_path / "indexes") == set()


def test_a_damaged_name_of_a_codebase_is_written_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    for damage in (b"/nowhere", b"\x00\xff", b""):
        next((tmp_path / "indexes").glob("*.root")).write_bytes(damage)
        assert Codebases(tmp_path / "indexes").all() == []
        assert [info.root for info in (world.store, world.codebases.all())[1]] == [world.root]


def test_a_full_disk_costs_the_purge_and_not_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    file = put(world.root, "jxvfileplant.py", SECRET)
    world.refresh()
    file.unlink()

    def full(*_: object) -> bool:
        raise IndexFull("the disk is full")

    monkeypatch.setattr(world.store._database, "purge", full)
    assert world.refresh().removed == 1
    assert not world.store.purge()
    assert "may still be on the disk" in caplog.text
    monkeypatch.undo()
    world.refresh()
    assert planted(tmp_path / "indexes") == set()


def prepared(world: World, path: str) -> PreparedFile:
    found = Preparer(world.root, world.embedder, "recipe")(Task(Candidate(path, 0, 0), None))
    assert isinstance(found, PreparedFile)
    return found


def test_a_file_that_cannot_be_stored_costs_that_file(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    good, bad, worse = (prepared(world, path) for path in ("README.md", "app/config.py", "web/page.js"))
    bad = replace(bad, file=replace(bad.file, mtime_ns=2**63))
    worse = replace(worse, chunks=(worse.chunks[0]._replace(text="\ud800"), *worse.chunks[1:]))
    assert world.store.write([bad, good, worse]) == ["app/config.py", "web/page.js"]
    with world.store.read() as snapshot:
        assert sorted(snapshot.paths()) == ["README.md", "app/server.py"]
        assert len(snapshot.chunk_ids()) == snapshot.chunks
    assert world.refresh().changed == 3


def test_a_file_that_cannot_be_stored_is_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    monkeypatch.setattr(refresh_module, "prepare_files", lambda preparer, tasks, runner: unstorable(world, tasks))
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


def test_what_is_deleted_during_a_purge_is_left_to_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    file = put(world.root, "jxvfileplant.py", SECRET)
    world.refresh()
    put(world.root, "more.py", "def more():\n    return 1\n")
    world.refresh()
    (world.root / "more.py").unlink()
    refresh(world.store, world.embedder)
    purge = world.store._database.purge

    def beside_a_job(first: str) -> bool:
        done = purge(first)
        file.unlink()
        refresh(world.store, world.embedder)
        return done

    monkeypatch.setattr(world.store._database, "purge", beside_a_job)
    assert world.store.purge()
    monkeypatch.undo()
    assert planted(tmp_path / "indexes") != set()
    assert world.store.purge()
    assert planted(tmp_path / "indexes") == set()
