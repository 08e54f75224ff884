"""An index of an older schema is searched as before; one that is not known is not touched."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from indexer.errors import IndexDamaged
from indexer.search.searcher import Searcher
from indexer.storage.schema import VERSION
from tests.indexer.harness import World, put

OLDER = (
    "DROP TRIGGER chunk_goes",
    "DROP TABLE postings",
    "INSERT INTO terms (terms) VALUES ('delete-all')",
    "PRAGMA user_version = 5001",
)


def found(world: World) -> list[tuple[str, int]]:
    hits = Searcher(world.store, world.embedder).search("where are the settings of the server loaded?")
    return [(hit.path, hit.start_line) for hit in hits]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.refresh()
    world.codebases.close()
    return world


def version_of(world: World) -> int:
    with closing(sqlite3.connect(world.database_file)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_an_older_index_is_searched_and_brought_up_to_date(world: World) -> None:
    before = found(world)
    world.codebases.close()
    with closing(sqlite3.connect(world.database_file)) as db, db:
        for statement in OLDER:
            db.execute(statement)
    assert (found(world), version_of(world)) == (before, VERSION)
    put(world.root, "app/config.py", "def other():\n    return 1\n")
    assert (world.refresh().changed, [path for path, _ in found(world)].count("app/config.py")) == (1, 1)


@pytest.mark.parametrize("version", [4001, VERSION + 1000])
def test_an_index_of_an_unknown_version_is_not_touched(world: World, version: int) -> None:
    with closing(sqlite3.connect(world.database_file)) as db, db:
        db.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(IndexDamaged, match="was made by another version of Lantern: index again"):
        found(world)
    assert version_of(world) == version
