"""Odd paths: those that git tracks though nobody can have them, very deep ones, and those that cannot be looked at."""

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from indexer.files.ignore import git_listing
from indexer.files.scan import Candidate, _check
from tests.indexer.files.test_ignore import git, listed, put

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.mark.parametrize("hostile", ["../secret.py", "sub/../../s.py", "/etc/hosts.py", "./sub/bb.py", "sub//bbb.py"])
def test_a_path_in_the_index_that_leads_elsewhere_is_left_out(tmp_path: Path, hostile: str) -> None:
    """git refuses to add such a path, but lists one that is in the file already."""
    root, placeholder = tmp_path / "code", "x" * len(hostile)
    put(root, "sub/b.py", placeholder)
    put(tmp_path, "secret.py", "s.py")
    git(root, "init")
    git(root, "add", "-A")
    (root / placeholder).unlink()
    index = root / ".git/index"
    data = index.read_bytes()[:-20].replace(placeholder.encode(), hostile.encode())
    index.write_bytes(data + hashlib.sha1(data).digest())
    assert hostile in git(root, "ls-files", "-z").split("\0")
    assert listed(root) == ["sub/b.py"]


def test_a_tracked_file_may_be_deeper_than_python_s_recursion_limit(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, "b.py")
    folder = "a/" * 1500
    for depth in range(1, 1501):
        (tmp_path / folder[: 2 * depth]).mkdir()
    put(tmp_path, f"{folder}c.py")
    git(tmp_path, "add", ".")
    try:
        assert listed(tmp_path) == [f"{folder}c.py", "b.py"]
        assert list(git_listing(tmp_path, [f"{folder}c.py"])) == [f"{folder}c.py"]
    finally:  # pytest cannot delete it: that recurses
        (tmp_path / folder / "c.py").unlink()
        for depth in range(1500, 0, -1):
            (tmp_path / folder[: 2 * depth]).rmdir()


@pytest.mark.parametrize("repository", [True, False])
@pytest.mark.parametrize("path", ["x" * 300 + "/b.py", "x/" * 3000 + "b.py", "locked/in/b.py"])
def test_a_path_that_the_system_does_not_look_at_is_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, repository: bool
) -> None:
    def stat(path: str | Path, *, real: Callable[..., os.stat_result] = os.stat, **options: Any) -> os.stat_result:
        if "/locked/" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, **options)

    if repository:
        git(tmp_path, "init")
    put(tmp_path, "a.py", "locked/in/b.py")
    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(os, "lstat", partial(stat, follow_symlinks=False))
    found = list(git_listing(tmp_path, ["a.py", path]))
    assert found[0] == "a.py"
    assert [path for path in found if not isinstance(_check(tmp_path, path, 10), Candidate)] == found[1:]


@pytest.mark.parametrize("worktree", ["../..", "/", "/usr"])
def test_a_work_tree_elsewhere_lists_nothing_else(tmp_path: Path, worktree: str) -> None:
    root = tmp_path / "code"
    put(root, "a.py", "sub/b.py")
    git(root, "init")
    git(root, "config", "core.worktree", worktree)
    assert listed(root / "sub") == ["b.py"]
