"""Which folders are repositories of their own."""

from pathlib import Path

from indexer.files.repositories import enclosing_repository, is_repository, is_separate
from tests.indexer.harness import put


def test_a_folder_with_a_head_or_a_file_that_points_to_one(tmp_path: Path) -> None:
    put(tmp_path, "clone/.git/HEAD", "ref: refs/heads/main\n")
    put(tmp_path, "worktree/.git", "gitdir: /x\n")
    put(tmp_path, "empty/.git/description", "")
    (tmp_path / "none").mkdir()
    found = {path.name: is_repository(path) for path in tmp_path.iterdir()}
    assert found == {"clone": True, "worktree": True, "empty": False, "none": False}


def test_the_nearest_repository_around_a_path(tmp_path: Path) -> None:
    put(tmp_path, "outer/.git/HEAD", "x")
    put(tmp_path, "outer/trees/feat/.git", "gitdir: x\n")
    outer, feat = tmp_path / "outer", tmp_path / "outer" / "trees" / "feat"
    assert enclosing_repository(feat / "src" / "a.py") == feat
    assert enclosing_repository(outer / "trees") == outer
    assert [is_separate(path, outer) for path in (outer, outer / "trees", feat, feat / "a.py")] == [
        False,
        False,
        True,
        True,
    ]
    assert not is_separate(outer / "a.py", outer / "trees")
