"""After each sync, the terms in memory are those of the database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from indexer.storage.term_index import TermIndex
from indexer.storage.term_sync import TermMirror
from tests.indexer.harness import World, put


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.refresh()
    return world


def heads(world: World, mirror: TermMirror) -> list[tuple[str, str, str, str]]:
    """Of all chunks, from memory and the same from the database; what is found by words is the same too."""
    words = ["config", "load", "server", "render", "guide"]
    with world.store.read() as snapshot:
        ids = snapshot.chunk_ids()
        read, found = snapshot.heads(ids), dict(snapshot.lexical(words, 99))
        index, damaged = mirror.sync(snapshot)
        assert (index is not None, damaged) == (True, [])
        snapshot.use(index)
        assert snapshot.heads(ids) == read
        assert dict(snapshot.lexical(words, 99)) == pytest.approx(found)
    return sorted(read.values())


def synced(world: World, mirror: TermMirror) -> TermIndex:
    with world.store.read() as snapshot:
        index, _ = mirror.sync(snapshot)
    assert index is not None
    return index


def test_edits_additions_and_removals(world: World) -> None:
    mirror = TermMirror()
    assert ("app/server.py", "python", "method", "Server.start") in heads(world, mirror)
    put(world.root, "app/config.py", "def load_config(path):\n    return {}\n")
    put(world.root, "app/new.py", "def made():\n    return 1\n")
    (world.root / "web/page.js").unlink()
    world.refresh()
    after = heads(world, mirror)
    assert ("app/new.py", "python", "function", "made") in after
    assert "web/page.js" not in [path for path, *_ in after]
    assert heads(world, mirror) == after


def test_only_what_changed_is_read(world: World) -> None:
    mirror = TermMirror()
    before = synced(world, mirror)
    put(world.root, "app/new.py", "def made():\n    return 1\n")
    world.refresh()
    with world.store.read() as snapshot:
        statements: list[str] = []
        snapshot._db.set_trace_callback(statements.append)
        mirror.sync(snapshot)
        snapshot._db.set_trace_callback(None)
    [read] = [statement for statement in statements if "postings" in statement]
    assert f"p.first_chunk > {before.ids[-1]}" in read


def test_a_rebuilt_index_is_read_from_the_start(world: World) -> None:
    mirror = TermMirror()
    before = heads(world, mirror)
    world.store.delete()
    world.refresh()
    assert heads(world, mirror) == before


def test_a_mirror_too_many_generations_behind_reads_everything_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.storage.term_sync.KEPT_GENERATIONS", 1)
    monkeypatch.setattr("indexer.storage.store.KEPT_GENERATIONS", 0)
    mirror = TermMirror()
    heads(world, mirror)
    for n in range(4):
        put(world.root, "app/config.py", f"def load_config(path):\n    return {n}\n")
        world.refresh()
    heads(world, mirror)
    assert synced(world, mirror).deleted == 0


def test_deleted_chunks_do_not_pile_up(world: World) -> None:
    mirror = TermMirror()
    for n in range(9):
        put(world.root, "app/config.py", f"def load_config(path):\n    return {n}\n")
        world.refresh()
        heads(world, mirror)
        assert synced(world, mirror).deleted < 0.35


def test_a_large_index_is_not_held_in_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = TermMirror()
    heads(world, mirror)
    monkeypatch.setattr("indexer.storage.term_sync.LARGEST", 6)
    with world.store.read() as snapshot:
        assert mirror.sync(snapshot) == (None, [])
    monkeypatch.undo()
    heads(world, mirror)


def test_an_older_snapshot_does_not_get_newer_chunks(world: World) -> None:
    mirror = TermMirror()
    with world.store.read() as older:
        before = older.version
        put(world.root, "app/new.py", "def made():\n    return 1\n")
        world.refresh()
        after = synced(world, mirror)
        assert older.version == before
        assert mirror.sync(older) == (None, [])
    assert synced(world, mirror) is after


def test_a_chunk_without_its_vector_keeps_its_words(world: World) -> None:
    mirror = TermMirror()
    heads(world, mirror)
    with world.store.read() as snapshot:
        lost = sorted(snapshot.chunk_ids())[:2]
    world.store.drop_vectors(lost)
    assert len(heads(world, mirror)) == 7
    put(world.root, "app/config.py", "def other():\n    return 1\n")
    put(world.root, "app/server.py", "def other():\n    return 1\n")
    world.refresh()
    assert synced(world, mirror).heads_of(lost) == {}


def test_damaged_postings_are_reported(world: World) -> None:
    with closing(sqlite3.connect(world.database_file)) as db, db:
        first, end = db.execute(
            "SELECT p.first_chunk, max(c.id) FROM postings p JOIN files f ON f.id = p.file_id"
            " JOIN chunks c ON c.file_id = f.id WHERE f.path = 'app/server.py'"
        ).fetchone()
        db.execute("UPDATE postings SET data = zeroblob(40) WHERE first_chunk = ?", (first,))
    mirror = TermMirror()
    with world.store.read() as snapshot:
        index, damaged = mirror.sync(snapshot)
        assert damaged == list(range(first, end + 1))
        snapshot.use(index)
        assert len(snapshot.heads(snapshot.chunk_ids())) == 7
        assert [i for i, _ in snapshot.lexical(["stop"], 9)] == []
        assert len(snapshot.lexical(["config"], 9)) == 1
