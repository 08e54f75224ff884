"""A file is fresh if its bytes are those that were indexed, whatever its size and times say."""

import os
from pathlib import Path

from indexer.storage.freshness import is_fresh, is_unchanged
from indexer.storage.snapshot import IndexedFile
from tests.indexer.harness import World, put

SECOND = 10**9
LONG_AGO = 1_000_000_000


def test_the_stat_is_proof_if_nothing_changed_well_before_the_file_was_read() -> None:
    indexed = IndexedFile("a.py", "sha", 5, 10 * SECOND, 100 * SECOND, "recipe")
    assert is_unchanged(indexed, 5, 10 * SECOND, 90 * SECOND)
    assert not is_unchanged(indexed, 6, 10 * SECOND, 90 * SECOND)
    assert not is_unchanged(indexed, 5, 11 * SECOND, 90 * SECOND)
    assert not is_unchanged(indexed, 5, 10 * SECOND, 99 * SECOND)
    assert not is_unchanged(indexed, 5, 10 * SECOND, 200 * SECOND)


def test_a_file_rewritten_with_the_size_and_time_of_before_is_not_fresh(tmp_path: Path) -> None:
    world = World(tmp_path)
    file = world.root / "app/config.py"
    os.utime(file, (LONG_AGO, LONG_AGO))
    world.refresh()
    [indexed] = [found for found in files(world) if found.path == "app/config.py"]
    assert is_fresh(world.root, indexed)
    put(world.root, "app/config.py", file.read_text().replace("load", "LOAD"))
    os.utime(file, (LONG_AGO, LONG_AGO))
    assert not is_fresh(world.root, indexed)
    assert world.refresh().changed == 1


def test_a_file_that_was_only_touched_is_fresh(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    for path in ("app/config.py", "README.md"):
        (world.root / path).chmod(0o600)
        os.utime(world.root / path)
    assert all(is_fresh(world.root, file) for file in files(world))
    assert world.refresh().changed == 0


def files(world: World) -> list[IndexedFile]:
    with world.store.read() as snapshot:
        return list(snapshot.files().values())
