"""A refresh of some paths has the result of a full one, and looks at no other paths."""

import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from indexer.errors import CodebaseEmpty
from indexer.files.scan import NESTED, Candidate, walk
from indexer.types import IndexReport, Skip
from indexer.update.refresh import refresh
from tests.indexer.harness import World, put


@pytest.fixture(params=["git", "walked"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """An indexed codebase, in a git repository or not."""
    world = World(tmp_path)
    put(world.root, ".gitignore", "*.log\nbuild/\n")
    if request.param == "git":
        subprocess.run(["git", "init", "-q"], cwd=world.root, check=True)
        subprocess.run(["git", "add", "-A"], cwd=world.root, check=True)
    world.refresh()
    return world


def part(world: World, *paths: str) -> IndexReport:
    return refresh(world.store, world.embedder, only=paths)


def same_as_full_refresh(world: World) -> bool:
    """Whether a full refresh finds nothing left to do."""
    before = world.content()
    report = world.refresh()
    return (report.changed, report.removed) == (0, 0) and world.content() == before


def paths(world: World) -> list[str]:
    with world.store.read() as snapshot:
        return snapshot.paths()


def test_edited_added_and_removed_files(world: World) -> None:
    put(world.root, "app/config.py", "def edited():\n    return 1\n")
    put(world.root, "app/deep/new.py", "def new():\n    return 2\n")
    (world.root / "web/page.js").unlink()
    report = part(world, "app/config.py", "app/deep", "web/page.js", "never/was.py")
    assert (report.changed, report.removed, report.files) == (2, 1, 5)
    assert same_as_full_refresh(world)


def test_other_changes_are_left_to_the_next_refresh(world: World) -> None:
    put(world.root, "app/config.py", "def edited():\n    return 1\n")
    put(world.root, "README.md", "# Other\n")
    report = part(world, "README.md")
    assert (report.changed, report.removed, report.files) == (1, 0, 5)
    assert world.refresh().changed == 1


def test_a_moved_folder(world: World) -> None:
    (world.root / "app").rename(world.root / "core")
    put(world.root, "apple.py", "x = 1\n")  # not in the folder: only the name begins the same
    report = part(world, "app", "core", "apple.py")
    assert (report.changed, report.removed) == (3, 2)
    assert paths(world) == [".gitignore", "README.md", "apple.py", "core/config.py", "core/server.py", "web/page.js"]
    assert same_as_full_refresh(world)


def test_ignored_files_stay_out(world: World) -> None:
    put(world.root, "app/run.log", "line\n")
    put(world.root, "build/out.py", "x = 1\n")
    put(world.root, "node_modules/lib/x.js", "x\n")
    report = part(world, "app/run.log", "build", "build/out.py", "node_modules/lib/x.js", "app")
    assert (report.changed, report.files) == (0, 5)
    assert same_as_full_refresh(world)


def test_a_link_is_not_followed(world: World) -> None:
    put(world.root.parent, "outside/secret.py", "x = 1\n")
    (world.root / "app/config.py").unlink()
    (world.root / "app/config.py").symlink_to(world.root.parent / "outside/secret.py")
    (world.root / "lib").symlink_to(world.root.parent / "outside")
    report = part(world, "app/config.py", "lib/secret.py", "lib")
    assert (report.changed, report.removed) == (0, 1)
    assert same_as_full_refresh(world)


def test_an_edited_ignore_file_looks_at_everything(world: World) -> None:
    put(world.root, ".gitignore", "*.log\nweb/\n")
    put(world.root, "app/config.py", "def edited():\n    return 1\n")
    if (world.root / ".git").exists():
        subprocess.run(["git", "rm", "-q", "--cached", "web/page.js"], cwd=world.root, check=True)
    report = part(world, ".gitignore")
    assert (report.changed, report.removed) == (2, 1)
    assert same_as_full_refresh(world)


def test_what_becomes_a_repository_of_its_own_leaves_the_index(world: World) -> None:
    put(world.root, "lib/src/a.py", "x = 1\n")
    assert part(world, "lib/src/a.py").changed == 1
    subprocess.run(["git", "init", "-q", "lib"], cwd=world.root, check=True)
    report = part(world, "lib/.git")
    assert (report.changed, report.removed, report.skipped) == (0, 1, (Skip("lib", NESTED),))
    put(world.root, "lib/src/a.py", "x = 2\n")
    report = part(world, "lib/src/a.py")
    assert (report.changed, report.removed, report.skipped) == (0, 0, (Skip("lib", NESTED),))
    assert "lib/src/a.py" not in paths(world)
    assert same_as_full_refresh(world)


def test_skips_are_replaced_for_these_paths_only(world: World) -> None:
    put(world.root, ".env", "A=1\n")
    world.refresh()
    (world.root / "app/config.py").write_bytes(b"\0\1")
    part(world, "app/config.py")
    with world.store.read() as snapshot:
        assert {skip.path: skip.reason for skip in snapshot.skips()} == {".env": "secret", "app/config.py": "binary"}
    put(world.root, "app/config.py", "x = 1\n")
    part(world, "app")
    with world.store.read() as snapshot:
        assert [skip.path for skip in snapshot.skips()] == [".env"]


def test_an_empty_index_looks_at_everything_and_an_emptied_one_raises(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert part(world, "app/config.py").files == 4
    for path in paths(world):
        (world.root / path).unlink()
    with pytest.raises(CodebaseEmpty):
        part(world, *paths(world))
    assert world.content() == []


def test_one_file_costs_no_walk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[str] = []

    def recorded(root: Path, only: Collection[str] | None) -> Iterator[Candidate | Skip]:
        for item in walk(root, only=only):
            visited.append(item.path)
            yield item

    monkeypatch.setattr("indexer.update.refresh.walk", recorded)
    part(world, "app/config.py")
    assert visited == ["app/config.py"]
