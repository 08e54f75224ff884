"""Several codebases: each is found by its folder, by a path inside it, and by id."""

from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.errors import CodebaseUnreadable, IndexStorage, NotIndexed
from indexer.storage.codebases import Codebases, codebase_id
from indexer.update.refresh import refresh
from tests.indexer.harness import FILES, World, lay_out


def test_an_id_is_readable_stable_and_unique(tmp_path: Path) -> None:
    assert codebase_id(Path("/home/me/My Project!")) == "my-project-22a0c810"
    assert codebase_id(Path("/")).startswith("root-")
    assert codebase_id(tmp_path / "a" / "x") != codebase_id(tmp_path / "b" / "x")


def test_the_nearest_codebase_around_a_path_is_found(tmp_path: Path) -> None:
    outer = lay_out(tmp_path / "outer")
    inner = lay_out(outer / "libs" / "inner")
    codebases = Codebases(tmp_path / "indexes")
    assert codebases.find(outer) is None
    codebases.open(outer)
    opened = codebases.open(inner)
    found = [codebases.find(path) for path in (outer, outer / "app", inner / "web" / "page.js")]
    assert [store.root if store else None for store in found] == [outer, outer, inner]
    assert codebases.get(opened.id) is opened
    assert codebases.find(tmp_path) is None


def test_a_repository_inside_is_not_part_of_the_codebase_around_it(tmp_path: Path) -> None:
    outer = lay_out(tmp_path / "outer")
    feat = lay_out(outer / "trees" / "feat", FILES | {".git": "gitdir: x\n"})
    codebases = Codebases(tmp_path / "indexes")
    assert codebases.left_out(feat) is None
    codebases.open(outer)
    assert codebases.find(feat / "app") is None
    assert codebases.left_out(feat / "app") == feat
    assert codebases.left_out(outer / "app") is None
    opened = codebases.open(feat)
    assert codebases.find(feat / "app") is opened
    assert codebases.left_out(feat / "app") is None


def test_a_path_that_the_system_refuses_is_no_folder(tmp_path: Path) -> None:
    codebases = Codebases(tmp_path / "indexes")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(CodebaseUnreadable, match="check the path"):
        codebases.open(tmp_path / ("x" * 300))
    for look in (codebases.open, codebases.find, codebases.left_out):
        with pytest.raises(CodebaseUnreadable, match="check the path"):
            look(tmp_path / "loop")


def test_info_of_a_new_and_an_indexed_codebase(tmp_path: Path) -> None:
    world = World(tmp_path)
    [before] = (world.codebases.open(world.root), world.codebases.all())[1]
    assert (before.state, before.files, before.generation) == ("empty", 0, 0)
    world.refresh()
    [info] = world.codebases.all()
    assert (info.id, info.root, info.state) == (codebase_id(world.root), world.root, "ready")
    assert (info.files, info.chunks) == (4, 7)
    assert info.generation == 1
    assert info.indexed_at > before.indexed_at


def test_another_process_sees_the_same_codebases(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    other = Codebases(tmp_path / "indexes")
    assert other.all() == world.codebases.all()
    assert other.get(codebase_id(world.root)).root == world.root


def test_deleting_one_leaves_the_others(tmp_path: Path) -> None:
    codebases = Codebases(tmp_path / "indexes")
    ids = []
    for name in ("one", "two"):
        store = codebases.open(lay_out(tmp_path / name))
        refresh(store, HashEmbedder())
        ids.append(store.id)
    with codebases.get(ids[0]).indexing(), pytest.raises(IndexStorage, match="being indexed"):
        codebases.delete(ids[0])
    codebases.delete(ids[0])
    assert [info.id for info in codebases.all()] == ids[1:]
    for unknown in (ids[0], "nothing-12345678", "../two"):
        with pytest.raises(NotIndexed):
            codebases.get(unknown)


def test_a_path_that_is_not_a_folder_gets_no_index(tmp_path: Path) -> None:
    codebases = Codebases(tmp_path / "indexes")
    with pytest.raises(CodebaseUnreadable, match="no folder"):
        codebases.open(tmp_path / "missing")
    assert codebases.all() == []


@pytest.mark.parametrize("folder", ["/proc", "/sys", "/dev"])
def test_a_folder_that_the_system_makes_gets_no_index(tmp_path: Path, folder: str) -> None:
    if not Path(folder).is_dir():
        pytest.skip(f"no {folder} here")
    codebases = Codebases(tmp_path)
    with pytest.raises(CodebaseUnreadable, match="made by the system, not by people"):
        codebases.open(Path(folder))
    assert codebases.all() == []
