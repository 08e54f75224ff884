"""The database: one state for each reader, damage found and repaired, errors with their fix."""

import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import IndexDamaged, IndexStorage, NotIndexed
from indexer.parsing.identifiers import split
from indexer.search.searcher import Searcher
from tests.indexer.harness import World, put
from tests.indexer.update.test_refresh import fresh


def file_of(world: World) -> Path:
    return next((world.root.parent / "indexes").glob("*.db"))


def flush(world: World) -> bytes:
    """The bytes of the database with everything in its main file, and no connection open."""
    db = sqlite3.connect(file_of(world))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    world.codebases.close()
    return file_of(world).read_bytes()


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


def test_the_full_text_index_has_exactly_the_terms_of_the_chunks(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    put(world.root, "app/config.py", "def read_settings(path):\n    return open(path)\n")
    (world.root / "web/page.js").unlink()
    world.refresh()
    with world.store.read() as snapshot:
        rows = snapshot.rows(snapshot.chunk_ids()).values()
        for term in ("config", "setting", "render", "read_settings", "load_config"):
            chunks = [r.chunk for r in rows]
            expected = {
                r.id
                for r, c in zip(rows, chunks, strict=True)
                if term in split(f"{c.path} {c.symbol} {c.signature} {c.doc} {c.text}")
            }
            assert {i for i, _ in snapshot.lexical([term], 99)} == expected, term
        assert snapshot.frequency(["render", "read_settings"]) == {"read_settings": 1}
    db = sqlite3.connect(file_of(world))
    db.execute("INSERT INTO terms (terms) VALUES ('integrity-check')")
    db.close()


def test_a_count_is_taken_again_when_it_may_be_off_by_a_hundredth(tmp_path: Path) -> None:
    def functions(n: int) -> str:
        return "".join(f"def load_{i}():\n    return {i}\n\n\n" for i in range(n))

    def frequency() -> int:
        with world.store.read() as snapshot:
            return snapshot.frequency(["load", "nowhere"])["load"]

    world = World(tmp_path, {"many.py": functions(400)})
    world.refresh()
    assert frequency() == 400
    put(world.root, "few.py", functions(3))
    world.refresh()
    assert frequency() == 400  # three came: it may be off by 0.75 %
    put(world.root, "few.py", functions(2))
    world.refresh()
    assert frequency() == 402  # five more came and went
    world.store.delete()
    put(world.root, "many.py", functions(1))
    world.refresh()
    assert frequency() == 3


def test_a_remembered_count_is_never_more_than_there_are_chunks(tmp_path: Path) -> None:
    world = World(tmp_path, {f"src/m{n}.py": f"def f{n}():\n    return {n}\n" for n in range(200)})
    world.refresh()
    with world.store.read() as snapshot:
        assert snapshot.frequency(["src"]) == {"src": 200}
    (world.root / "src/m7.py").unlink()
    world.refresh()
    with world.store.read() as snapshot:
        assert snapshot.frequency(["src"]) == {"src": 199}
        assert len(snapshot.lexical(["src"], 999)) == 199


def test_words_with_diacritics_are_found_as_they_are(tmp_path: Path) -> None:
    files = {"a.py": "def f():\n    # Größe der Kiste, café\n    return 1\n", "b.py": "def g():\n    return cafe\n"}
    world = World(tmp_path, files)
    world.refresh()
    with world.store.read() as snapshot:
        for word in ("größe", "café"):
            (found,) = snapshot.lexical(split(word), 9)
            assert snapshot.rows([found[0]])[found[0]].file.path == "a.py"


def test_a_path_weighs_more_than_a_mention(tmp_path: Path) -> None:
    files = {"parser.py": "def run():\n    return 1\n", "other.py": "def go():\n    return parser\n", "c.py": "x = 1\n"}
    world = World(tmp_path, files)
    world.refresh()
    with world.store.read() as snapshot:
        (first, high), (second, low) = snapshot.lexical(["parser"], 9)
        assert [snapshot.rows([i])[i].file.path for i in (first, second)] == ["parser.py", "other.py"]
    assert high > low > 0


def test_a_search_in_some_files_takes_no_longer_than_in_all(tmp_path: Path) -> None:
    world = World(tmp_path, {"many.py": "".join(f"def load_{n}():\n    return {n}\n\n\n" for n in range(600))})
    world.refresh()
    with world.store.read() as snapshot:
        ids = sorted(snapshot.chunk_ids())
        took = []
        for allowed in (None, None, ids):  # the first time pages are read
            began = time.process_time()
            assert len(snapshot.lexical(["load"], 999, allowed)) == 600
            took.append(time.process_time() - began)
    assert took[2] < 6 * took[1]  # 20 times when each id asks the full text again


def test_names_with_two_of_the_words_are_found_among_many_with_one(tmp_path: Path) -> None:
    one = "".join(f"def load_{n}():\n    return {n}\n\n\n" for n in range(50))
    world = World(tmp_path, {"many.py": one, "two.py": "def load_config(path, file):\n    return read(close(path))\n"})
    world.refresh()
    with world.store.read() as snapshot:
        for others in ([], ["path", "file", "read", "clos", "return"]):  # few words, and more than pairs are made of
            assert "load_config" in [name for _, name in snapshot.named_like(["load", "config", *others], 5)]
        assert snapshot.named_like(["load", "nowhere"], 5) == []


@pytest.mark.parametrize("damage", ["zeros", "cut", "garbage"])
@pytest.mark.parametrize("checked", [0, 60_000_000], ids=["met in use", "found by the check"])
def test_a_damaged_database_is_told_and_rebuilt_by_the_next_index(
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
    file_of(world).write_bytes(broken)
    with pytest.raises(IndexDamaged, match="index again"):
        Searcher(world.store, world.embedder).search("load config")
    assert [info.state for info in world.codebases.all()] == ["damaged"]
    assert world.refresh().files == 4
    assert [info.state for info in world.codebases.all()] == ["ready"]
    assert world.content() == fresh(world, tmp_path)


def test_a_damaged_vector_gives_no_wrong_hit_and_is_made_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    with world.store.read() as snapshot:
        [(_, ids, vectors, _)] = snapshot.vectors_after(0, "hash-64", 64)
    db = sqlite3.connect(file_of(world))
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


def test_an_index_of_another_version_is_rebuilt(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    db = sqlite3.connect(file_of(world))
    db.execute("PRAGMA user_version = 7")
    db.close()
    world.codebases.close()
    with pytest.raises(IndexDamaged, match="another version"), world.store.read():
        pass
    assert world.refresh().changed == 4


def test_a_full_disk_says_so_and_keeps_what_was_there(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    before = world.content()
    for number in range(40):
        put(world.root, f"big{number}.py", f"x{number} = '{'word ' * 60}'\n" * 30)
    database = world.store._database
    with database.reading() as db:  # the connection that the next transactions take up again
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
    other = sqlite3.connect(file_of(world), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexStorage, match="another process keeps it locked"):
        world.store.remove(["README.md"])
    assert world.store.root == world.root  # reading goes on meanwhile
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


def test_the_lines_of_a_file_come_back_as_they_are_also_a_line_in_many_chunks(tmp_path: Path) -> None:
    text = "first\n\n" + "x" * 7000 + "\n" + "abcdefghi " * 900 + "\nlast"
    world = World(tmp_path, {"w.md": text})
    world.refresh()
    with world.store.read() as snapshot:
        assert snapshot.lines("w.md", 1, 5) == text
        assert snapshot.lines("w.md", 3, 3) == "x" * 7000
