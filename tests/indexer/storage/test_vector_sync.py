"""The vectors in memory are those of the database after every change, however they came there."""

from pathlib import Path

import pytest

from indexer.storage.vector_index import FaissIndex, Vectors
from indexer.storage.vector_sync import VectorMirror
from tests.indexer.harness import World, put


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.refresh()
    return world


def followed(world: World) -> VectorMirror:
    return VectorMirror(world.embedder.model_id, world.embedder.dim, world.store.vectors_file)


def ids(world: World, vectors: VectorMirror) -> set[int]:
    """After following: all that is found, which must be all that is there."""
    with world.store.read() as snapshot:
        assert vectors.sync(snapshot) == []
        found = dict(vectors.search(world.embedder.embed_query("load the config"), 99))
        assert found.keys() == snapshot.chunk_ids()
    return set(found)


def test_edits_additions_and_removals_are_followed(world: World) -> None:
    vectors = followed(world)
    before = ids(world, vectors)
    put(world.root, "app/config.py", "def load_config(path):\n    return {}\n")
    put(world.root, "app/new.py", "def made():\n    return 1\n")
    (world.root / "web/page.js").unlink()
    world.refresh()
    after = ids(world, vectors)
    assert (len(before - after), len(after - before)) == (2, 2)
    assert ids(world, vectors) == after


def test_a_rebuilt_index_is_followed_from_its_beginning(world: World) -> None:
    vectors = followed(world)
    ids(world, vectors)
    world.store.delete()
    world.refresh()
    assert len(ids(world, vectors)) == 7


def test_one_that_was_away_too_long_begins_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.storage.vector_sync.REMEMBERED", 1)
    monkeypatch.setattr("indexer.storage.store.REMEMBERED", 0)
    vectors = followed(world)
    ids(world, vectors)
    for n in range(4):
        put(world.root, "app/config.py", f"def load_config(path):\n    return {n}\n")
        world.refresh()
    ids(world, vectors)


def test_one_that_was_stopped_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.storage.snapshot._AT_ONCE", 3)
    vectors = followed(world)
    with world.store.read() as snapshot:
        vectors.sync(snapshot, cancelled=lambda: True)
    assert len(vectors.search(world.embedder.embed_query("load the config"), 99)) == 3
    assert len(ids(world, vectors)) == 7


class TestKept:
    """A large one is kept in a file, which is only ever a shortcut."""

    @pytest.fixture(autouse=True)
    def _small_is_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("indexer.storage.vector_sync.FLAT", 5)

    def test_the_next_start_reads_only_what_came_since(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        ids(world, followed(world))
        put(world.root, "app/config.py", "def load_config(path):\n    return {}\n")
        world.refresh()
        added: list[int] = []
        add = FaissIndex.add

        def counted(index: FaissIndex, new: list[int], vectors: Vectors) -> None:
            added.extend(new)
            add(index, new, vectors)

        monkeypatch.setattr(FaissIndex, "add", counted)
        ids(world, followed(world))
        assert len(added) == 1

    @pytest.mark.parametrize("damage", [b"", b"\0" * 200])
    def test_a_damaged_file_is_made_again(self, world: World, damage: bytes) -> None:
        ids(world, followed(world))
        whole = world.store.vectors_file.read_bytes()
        world.store.vectors_file.write_bytes(damage)
        ids(world, followed(world))
        assert len(world.store.vectors_file.read_bytes()) == len(whole)

    def test_a_file_of_another_model_or_index_is_not_used(self, world: World) -> None:
        ids(world, followed(world))
        kept = world.store.vectors_file.read_bytes()
        world.store.delete()
        assert not world.store.vectors_file.exists()
        world.refresh()
        world.store.vectors_file.write_bytes(kept)
        assert len(ids(world, followed(world))) == 7
