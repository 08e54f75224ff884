"""The database file: damage is found and repaired, and errors say what to do."""

import sqlite3
from pathlib import Path

import pytest

from indexer.errors import IndexDamaged, IndexStorage, NotIndexed
from indexer.search.searcher import Searcher
from tests.indexer.harness import World, put


def flush(world: World) -> bytes:
    """The bytes of the database, with all data in its main file and all connections closed."""
    db = sqlite3.connect(world.database_file)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    world.codebases.close()
    return world.database_file.read_bytes()


@pytest.mark.parametrize("damage", ["zeros", "cut", "garbage"])
@pytest.mark.parametrize("checked", [0, 60_000_000], ids=["found in use", "found by the check"])
def test_a_damaged_database_is_reported_and_rebuilt_by_the_next_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, checked: int
) -> None:
    monkeypatch.setattr("indexer.storage.database._CHECKED_BYTES", checked)
    world = World(tmp_path)
    world.refresh()
    data = flush(world)
    middle = len(data) // 2
    broken = {
        "zeros": data[:4096] + bytes(len(data) - 4096),
        "cut": data[: middle // 4096 * 4096],
        "garbage": b"not a database " * 1000,
    }[damage]
    world.database_file.write_bytes(broken)
    with pytest.raises(IndexDamaged, match="index again"):
        Searcher(world.store, world.embedder).search("load config")
    assert [info.state for info in world.codebases.all()] == ["damaged"]
    assert world.refresh().files == 4
    assert [info.state for info in world.codebases.all()] == ["ready"]
    assert world.content() == world.rebuilt_content()


def test_an_index_of_another_version_is_rebuilt(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    db = sqlite3.connect(world.database_file)
    db.execute("PRAGMA user_version = 7")
    db.close()
    world.codebases.close()
    with pytest.raises(IndexDamaged, match="another version"), world.store.read():
        pass
    assert world.refresh().changed == 4


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    before = world.content()
    for number in range(40):
        put(world.root, f"big{number}.py", f"x{number} = '{'word ' * 60}'\n" * 30)
    database = world.store._database
    with database.reading() as db:  # the connection that the next transactions use, too
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(IndexStorage, match="disk is full"):
        world.refresh()
    world.codebases.close()
    assert set(before) <= set(world.content())


def test_a_locked_database_says_who_to_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.refresh()
    world.codebases.close()
    monkeypatch.setattr("indexer.storage.database._BUSY_S", 0.05)
    other = sqlite3.connect(world.database_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexStorage, match="another process keeps it locked"):
        world.store.remove(["README.md"])
    assert world.store.root == world.root  # reading is still possible
    assert len(world.content()) == 7
    other.close()


def test_a_folder_for_indexes_that_cannot_be_made(tmp_path: Path) -> None:
    world = World(tmp_path)
    put(tmp_path, "indexes", "a file where the folder should be")
    with pytest.raises(IndexStorage, match="cannot be written"):
        world.refresh()


def test_an_index_deleted_under_a_reader(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    store = world.store
    world.codebases.delete(store.id)
    with pytest.raises(NotIndexed, match="index the codebase again"), store.read():
        pass
