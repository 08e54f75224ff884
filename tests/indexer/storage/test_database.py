"""The database file: damage is found and repaired, and errors say what to do."""

import random
import re
import sqlite3
from pathlib import Path

import pytest

from indexer.errors import IndexDamaged, IndexFull, IndexStorage, NotIndexed
from indexer.search.searcher import Searcher
from indexer.storage.database import IndexDatabase
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


def _rewrite(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"TABLE skips (path", b"TABLE skips \xd4path"), (b"text TEXT NOT NULL", b"tent TEXT NOT NULL")],
    ids=["no text", "another column"],
)
def test_a_schema_that_is_not_ours_is_damage(tmp_path: Path, old: bytes, new: bytes) -> None:
    world = World(tmp_path)
    world.refresh()
    flush(world)
    _rewrite(world.database_file, old, new)
    with pytest.raises(IndexDamaged, match="index again"):
        Searcher(world.store, world.embedder).search("load config")
    assert [info.state for info in world.codebases.all()] == ["damaged"]
    assert world.refresh().files == 4
    assert [info.state for info in world.codebases.all()] == ["ready"]
    assert world.content() == world.rebuilt_content()


@pytest.mark.parametrize("damage", ["a value of another type", "an index that contradicts its table"])
def test_values_that_nothing_can_read_are_damage(tmp_path: Path, damage: str) -> None:
    world = World(tmp_path)
    world.refresh()
    flush(world)
    if damage == "a value of another type":
        db = sqlite3.connect(world.database_file)
        db.execute("UPDATE chunks SET signature = CAST(signature AS BLOB)")
        db.commit()
        db.close()
    else:  # the row of a symbol; the index by name has the name once
        _rewrite(world.database_file, 3 * b"load_config", 3 * b"load_confag")
    with pytest.raises(IndexDamaged, match="index again"), world.store.read() as snapshot:
        raise TypeError(snapshot.paths())  # as whoever works with such values
    assert world.refresh().files == 4
    assert world.content() == world.rebuilt_content()


def test_an_error_that_is_not_the_file_s_stays_what_it_is(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    with pytest.raises(KeyError, match="mine"), world.store.read():
        raise KeyError("mine")
    assert [info.state for info in world.codebases.all()] == ["ready"]


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
    with pytest.raises(IndexFull, match="disk is full"):
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


def test_no_copy_of_a_deleted_row_stays_where_rows_moved(tmp_path: Path) -> None:
    """`secure_delete` alone leaves two of these (SQLite 3.40)."""
    tables = "CREATE TABLE t (id TEXT, word TEXT, text TEXT, PRIMARY KEY (id, word));\nCREATE INDEX w ON t (word, id)"
    database = IndexDatabase(tmp_path / "a.db", tables, 1)
    database.create()
    seed = random.Random(0)
    ids: dict[str, str] = {}
    for _ in range(1500):
        with database.writing() as db:
            for _ in range(seed.randint(1, 4)):
                word = f"planted{len(ids):06}"
                ids[word] = f"{seed.getrandbits(60):x}"
                text = f"{word} " * seed.choice([1, 3, 20, 100, 800])
                db.execute("INSERT INTO t VALUES (?, ?, ?)", (ids[word], word, text))
    gone = set(seed.sample(sorted(ids), len(ids) // 2))
    for word in gone:
        with database.writing() as db:
            db.execute("DELETE FROM t WHERE id = ?", (ids[word],))
    assert database.purge("SELECT 1")
    data = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert gone & set(re.findall(r"planted\d{6}", data.decode("latin-1"))) == set()


def test_while_another_process_reads_purges_do_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each one made the log longer by the whole file."""
    monkeypatch.setattr("indexer.storage.database._PURGE_BUSY_MS", 10)
    database = IndexDatabase(tmp_path / "a.db", "CREATE TABLE t (text TEXT)", 1)
    database.create()
    with database.writing() as db:
        db.executemany("INSERT INTO t VALUES (?)", [(f"planted{n} " * 500,) for n in range(100)])
    assert database.purge("SELECT 1")
    size = database.file.stat().st_size
    other = sqlite3.connect(database.file, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM t").fetchone()
    for n in range(6):
        assert not database.purge(f"DELETE FROM t WHERE text LIKE 'planted{n} %'")
    assert size / 2 < Path(f"{database.file}-wal").stat().st_size < 2 * size
    other.execute("ROLLBACK")
    other.close()
    assert database.purge("DELETE FROM t")
    assert b"planted" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
