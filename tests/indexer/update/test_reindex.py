"""Which indexed files are stale, and reindexing just these."""

from pathlib import Path

import pytest

from indexer.storage.freshness import is_fresh
from indexer.storage.store import Store
from indexer.update import reindex
from indexer.update.reindex import reindex_stale
from tests.indexer.harness import World, put


def stale(world: World) -> set[str]:
    with world.store.read() as snapshot:
        return {file.path for file in snapshot.files().values() if not is_fresh(world.root, file)}


def texts(store: Store) -> dict[str, str]:
    with store.read() as snapshot:
        return {row.file.path: row.chunk.text for row in snapshot.rows(snapshot.chunk_ids()).values()}


def test_changed_and_vanished_files_are_stale_and_touched_ones_are_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    assert stale(world) == set()
    (world.root / "README.md").touch()
    put(world.root, "app/config.py", "changed = 1\n")
    (world.root / "web/page.js").unlink()
    assert stale(world) == {"app/config.py", "web/page.js"}


def test_only_the_given_paths_are_reindexed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    put(world.root, "app/config.py", "changed = 1\n")
    put(world.root, "README.md", "# Other\n")
    (world.root / "web/page.js").unlink()
    assert reindex_stale(world.store, world.embedder, ["app/config.py", "web/page.js"]) is True
    assert stale(world) == {"README.md"}
    assert texts(world.store)["app/config.py"] == "changed = 1"
    assert "web/page.js" not in texts(world.store)


def test_it_gives_up_when_the_index_is_locked_or_the_budget_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "PATIENCE_S", 0.05)
    world = World(tmp_path)
    world.refresh()
    put(world.root, "app/config.py", "changed = 1\n")
    with world.store.indexing():
        assert reindex_stale(world.store, world.embedder, ["app/config.py"]) is False
    monkeypatch.setattr(reindex, "BUDGET_S", -1.0)
    reindex_stale(world.store, world.embedder, ["app/config.py"])
    assert stale(world) == {"app/config.py"}


def test_at_most_a_fixed_number_of_files_is_reindexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindex, "FILES", 2)
    world = World(tmp_path, {f"m{i}.py": "x = 1\n" for i in range(4)})
    world.refresh()
    for i in range(4):
        put(world.root, f"m{i}.py", "y = 1\n")
    reindex_stale(world.store, world.embedder, ["m3.py", "m1.py", "m0.py", "m2.py"])
    assert stale(world) == {"m0.py", "m2.py"}
