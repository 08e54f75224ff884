"""What git lists of a repository that may be hostile: only what is below the folder, and never for ever."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from indexer.files import git_files as module
from indexer.files.git import LONG_S, git
from indexer.files.git_files import git_files
from tests.indexer.harness import lay_out, put
from tests.indexer.repository import git as setup_git


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = lay_out(tmp_path / "code", {"a.py": "", "sub/b.py": "", ".gitignore": "*.log\n", "sub/c.log": ""})
    setup_git(root, "init")
    return root


def test_tracked_files_and_others_that_are_not_ignored(root: Path) -> None:
    setup_git(root, "add", "-f", "a.py", "sub/c.log")
    assert sorted(set(git_files(root) or ())) == [".gitignore", "a.py", "sub/b.py", "sub/c.log"]
    assert sorted(git_files(root, ["sub"]) or ()) == ["sub/b.py", "sub/c.log"]
    assert git_files(root, []) == []


def test_where_git_does_not_apply_there_is_no_listing(root: Path, tmp_path: Path) -> None:
    put(root, ".gitignore", "/sub/\n")
    assert git_files(root / "sub") is None
    assert git_files(tmp_path) is None
    assert git_files(tmp_path / "missing") is None


@pytest.mark.parametrize("hostile", ["../secret.py", "sub/../../s.py", "/etc/hosts.py", "./sub/bb.py", "sub//bbb.py"])
def test_a_path_in_the_index_that_leads_elsewhere_is_left_out(root: Path, hostile: str) -> None:
    """git refuses to add such a path, but lists one that is in the file already."""
    placeholder = "x" * len(hostile)
    put(root, placeholder, "")
    setup_git(root, "add", "-A")
    (root / placeholder).unlink()
    index = root / ".git/index"
    data = index.read_bytes()[:-20].replace(placeholder.encode(), hostile.encode())
    index.write_bytes(data + hashlib.sha1(data).digest())
    assert hostile.encode() in subprocess.check_output(["git", "-C", root, "ls-files", "-z"])
    assert sorted(set(git_files(root) or ())) == [".gitignore", "a.py", "sub/b.py"]


def test_a_tracked_path_below_a_link_is_left_out(root: Path, tmp_path: Path) -> None:
    setup_git(root, "add", "-A")
    put(tmp_path, "elsewhere/b.py", "secret")
    (root / "sub/b.py").unlink()
    (root / "sub/c.log").unlink()
    (root / "sub").rmdir()
    (root / "sub").symlink_to(tmp_path / "elsewhere")
    assert sorted(set(git_files(root) or ())) == [".gitignore", "a.py", "sub"]


@pytest.mark.parametrize(("worktree", "expected"), [("../..", ["b.py"]), ("/", ["b.py"]), ("/usr", None)])
def test_a_work_tree_elsewhere_lists_nothing_else(root: Path, worktree: str, expected: list[str] | None) -> None:
    setup_git(root, "config", "core.worktree", worktree)
    assert git_files(root / "sub") == expected


def test_the_files_of_a_bare_repository_are_none(root: Path) -> None:
    setup_git(root, "init", "--bare", "sub/bare.git")
    put(root, "sub/bare.git/config", "[core]\n\tbare = false\n\tworktree = ..\n")
    assert git(root / "sub/bare.git", "rev-parse", "--git-dir") is None
    assert git_files(root / "sub/bare.git") is None


@pytest.mark.parametrize("path", [".gitignore", ".git/info/exclude", "sub/.gitignore"])
def test_git_is_not_left_waiting_for_an_ignore_file_that_is_a_pipe(
    root: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    calls = []

    def call(folder: Path, command: str, *words: str, **_: Any) -> bytes | None:
        calls.append(command)
        return git(folder, command, *words, limit_s=1.0)

    monkeypatch.setattr(module, "git", call)
    (root / path).unlink(missing_ok=True)
    os.mkfifo(root / path)
    assert git_files(root) is None
    assert calls == (["rev-parse", "ls-files"] if path == "sub/.gitignore" else [])


def test_a_listing_that_takes_long_is_given_more_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []

    def call(folder: Path, command: str, *words: str, limit_s: float = 1.0) -> bytes | None:
        if command == "ls-files":
            limits.append(limit_s)
        return None if limits == [1.0] else git(folder, command, *words)

    monkeypatch.setattr(module, "git", call)
    assert sorted(git_files(root) or ()) == [".gitignore", "a.py", "sub/b.py"]
    assert limits == [1.0, LONG_S]
