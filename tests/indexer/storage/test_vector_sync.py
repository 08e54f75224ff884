"""After each sync, the vectors in memory are those of the database."""

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


def mirror_of(world: World) -> VectorMirror:
    return VectorMirror(world.embedder.model_id, world.embedder.dim, world.store.vectors_file)


def ids(world: World, mirror: VectorMirror) -> set[int]:
    """The ids in the mirror after a sync, which must be those of all chunks."""
    with world.store.read() as snapshot:
        assert mirror.sync(snapshot) == []
        found = dict(mirror.search(world.embedder.embed_query("load the config"), 99))
        assert found.keys() == snapshot.chunk_ids()
    return set(found)


def test_edits_additions_and_removals(world: World) -> None:
    mirror = mirror_of(world)
    before = ids(world, mirror)
    put(world.root, "app/config.py", "def load_config(path):\n    return {}\n")
    put(world.root, "app/new.py", "def made():\n    return 1\n")
    (world.root / "web/page.js").unlink()
    world.refresh()
    after = ids(world, mirror)
    assert (len(before - after), len(after - before)) == (2, 2)
    assert ids(world, mirror) == after


def test_a_rebuilt_index_is_read_from_the_start(world: World) -> None:
    mirror = mirror_of(world)
    ids(world, mirror)
    world.store.delete()
    world.refresh()
    assert len(ids(world, mirror)) == 7


def test_a_mirror_too_many_generations_behind_reads_everything_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.storage.vector_sync.KEPT_GENERATIONS", 1)
    monkeypatch.setattr("indexer.storage.store.KEPT_GENERATIONS", 0)
    mirror = mirror_of(world)
    before = ids(world, mirror)
    for n in range(4):
        put(world.root, "app/config.py", f"def load_config(path):\n    return {n}\n")
        world.refresh()
    with world.store.read() as snapshot:
        assert before.isdisjoint(snapshot.deleted_after(0)), "the database no longer knows what it deleted first"
    after = ids(world, mirror)
    assert (len(before - after), len(after - before)) == (1, 1)


def test_a_cancelled_sync_is_continued_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.storage.snapshot._BATCH", 3)
    mirror = mirror_of(world)
    with world.store.read() as snapshot:
        mirror.sync(snapshot, cancelled=lambda: True)
    assert len(mirror.search(world.embedder.embed_query("load the config"), 99)) == 3
    assert len(ids(world, mirror)) == 7


class TestCacheFile:
    """A large set of vectors is cached in a file, which may be missing, damaged or of another index."""

    @pytest.fixture(autouse=True)
    def _small_set_counts_as_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("indexer.storage.vector_sync.FLAT", 5)

    def test_the_next_start_reads_only_newer_vectors(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        ids(world, mirror_of(world))
        put(world.root, "app/config.py", "def load_config(path):\n    return {}\n")
        world.refresh()
        added: list[int] = []
        add = FaissIndex.add

        def counted(index: FaissIndex, new: list[int], vectors: Vectors) -> None:
            added.extend(new)
            add(index, new, vectors)

        monkeypatch.setattr(FaissIndex, "add", counted)
        ids(world, mirror_of(world))
        assert len(added) == 1

    @pytest.mark.parametrize("damage", [b"", b"\0" * 200])
    def test_a_damaged_file_is_written_again(self, world: World, damage: bytes) -> None:
        ids(world, mirror_of(world))
        sound = world.store.vectors_file.read_bytes()
        world.store.vectors_file.write_bytes(damage)
        ids(world, mirror_of(world))
        assert len(world.store.vectors_file.read_bytes()) == len(sound)

    def test_a_file_of_another_model_or_index_is_not_used(self, world: World) -> None:
        ids(world, mirror_of(world))
        cached = world.store.vectors_file.read_bytes()
        world.store.delete()
        assert not world.store.vectors_file.exists()
        world.refresh()
        world.store.vectors_file.write_bytes(cached)
        assert len(ids(world, mirror_of(world))) == 7
