"""Ignore rules: by git in a repository, and with the same results outside one."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from indexer.files.ignore import git_listing
from indexer.files.scan import Candidate, walk

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def put(root: Path, *paths: str, text: str = "x\n") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def listed(root: Path) -> list[str]:
    return [path for path in git_listing(root) if not path.endswith("ignore") and path != ".git"]


def test_tracked_and_untracked_but_not_ignored_nor_excluded_by_git_info(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, ".gitignore", text="*.log\nbuild/\n")
    put(tmp_path, "kept.log", "a.py", "b.log", "build/c.py", "local.txt", "new.py")
    put(tmp_path, ".git/info/exclude", text="local.txt\n")
    git(tmp_path, "add", "-f", "kept.log", "a.py")
    assert listed(tmp_path) == ["a.py", "kept.log", "new.py"]


def test_a_subfolder_of_a_repository_follows_the_rules_above_it(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, ".gitignore", text="/pkg/out/\n*.tmp\n")
    put(tmp_path, "pkg/a.py", "pkg/b.tmp", "pkg/out/c.py")
    assert listed(tmp_path / "pkg") == ["a.py"]


def test_a_root_that_its_repository_ignores_is_walked_by_its_own_rules(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, ".gitignore", text="/data/\n")
    put(tmp_path, "data/a.py", "data/b.log")
    put(tmp_path, "data/.gitignore", text="*.log\n")
    assert listed(tmp_path / "data") == ["a.py"]


def test_a_tracked_file_that_was_deleted_is_still_listed_and_then_not_found(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, "a.py", "b.py")
    git(tmp_path, "add", ".")
    (tmp_path / "b.py").unlink()
    assert [item.path for item in walk(tmp_path) if isinstance(item, Candidate)] == ["a.py"]


@pytest.mark.parametrize("repository", [True, False])
def test_a_repository_inside_is_one_path(tmp_path: Path, repository: bool) -> None:
    if repository:
        git(tmp_path, "init")
    inner = tmp_path / "vendor" / "lib"
    put(inner, "a.c")
    git(inner, "init")
    put(tmp_path, "main.c")
    assert listed(tmp_path) == ["main.c", "vendor/lib"]
    assert listed(inner) == ["a.c"]
    assert list(git_listing(tmp_path, ["vendor/lib/a.c"])) == ["vendor/lib"]


@pytest.mark.parametrize("ignored", [True, False])
def test_a_worktree_inside_is_one_path(tmp_path: Path, ignored: bool) -> None:
    git(tmp_path, "init")
    put(tmp_path, "a.py")
    put(tmp_path, ".gitignore", text=".claude/\n" * ignored)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    git(tmp_path, "worktree", "add", ".claude/worktrees/feat")
    assert listed(tmp_path) == [".claude/worktrees/feat"] * (not ignored) + ["a.py"]
    assert listed(tmp_path / ".claude" / "worktrees" / "feat") == ["a.py"]


def test_what_git_tracks_below_a_link_or_a_repository_is_not_listed(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, "link/a.py", "clone/b.py", "c.py")
    git(tmp_path, "add", ".")
    shutil.rmtree(tmp_path / "link")
    (tmp_path / "link").symlink_to("/etc")
    put(tmp_path, "clone/.git/HEAD")
    assert listed(tmp_path) == ["c.py", "clone", "link"]


def test_rules_from_outside_the_folder_apply(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, ".gitignore", text="/pkg/*.log\n!keep.tmp\n")
    put(tmp_path, ".git/info/exclude", text="*.tmp\n/pkg/local\n")
    put(tmp_path, "mine", text="*.user\n!local\n")
    git(tmp_path, "config", "core.excludesFile", str(tmp_path / "mine"))
    put(tmp_path / "pkg", "a.py", "b.log", "sub/c.log", "d.tmp", "keep.tmp", "local", "e.user")
    assert listed(tmp_path / "pkg") == ["a.py", "keep.tmp", "sub/c.log"]


@pytest.mark.parametrize("settings", ["xdg", "", None])
def test_the_user_s_ignore_file_is_where_git_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str | None
) -> None:
    root = tmp_path / "code"
    put(tmp_path, "home/.config/git/ignore", text="*.home\n")
    put(tmp_path, "xdg/git/ignore", text="*.xdg\n")
    put(root, "a.py", "b.home", "c.xdg")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    if settings is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", settings and str(tmp_path / settings))
    git(root, "init")
    expected = git(root, "ls-files", "-o", "--exclude-standard").split()
    assert listed(root) == expected == ["a.py", "b.home" if settings else "c.xdg"]


def test_a_folder_that_is_ignored_but_tracked_has_what_is_tracked(tmp_path: Path) -> None:
    git(tmp_path, "init")
    put(tmp_path, ".gitignore", text="/data/\n")
    put(tmp_path / "data", "a.py", "b.py")
    git(tmp_path, "add", "-f", "data/a.py")
    assert listed(tmp_path / "data") == ["a.py"]


@pytest.mark.parametrize("repository", [True, False])
@pytest.mark.parametrize("name", [".gitignore", ".lanternignore"])
def test_an_ignore_file_that_is_a_pipe_or_a_link_has_no_rules(tmp_path: Path, name: str, repository: bool) -> None:
    root = tmp_path / "root"
    put(root, "a.py", "sub/b.py")
    put(tmp_path, "rules", text="*\n")
    if repository:
        git(root, "init")
    os.mkfifo(root / name)
    (root / "sub" / name).symlink_to(tmp_path / "rules")
    assert listed(root) == ["a.py", "sub/b.py"]


def test_a_submodule_is_one_path(tmp_path: Path) -> None:
    library, root = tmp_path / "library", tmp_path / "root"
    put(library, "lib.py")
    git(library, "init")
    git(library, "add", ".")
    git(library, "commit", "-m", "x")
    put(root, "main.py")
    git(root, "init")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", str(library), "dep")
    assert listed(root) == [".gitmodules", "dep", "main.py"]


@pytest.mark.parametrize("repository", [True, False])
def test_lanternignore_is_applied_with_and_without_git(tmp_path: Path, repository: bool) -> None:
    if repository:
        git(tmp_path, "init")
    put(tmp_path, ".lanternignore", text="*.md\ndata/\n!keep.md\n")
    put(tmp_path, "a.py", "b.md", "keep.md", "data/keep.md", "sub/data/c.py", "sub/d.md")
    put(tmp_path, "sub/.lanternignore", text="!d.md\n")
    if repository:
        git(tmp_path, "add", "-f", ".")
    assert listed(tmp_path) == ["a.py", "keep.md", "sub/d.md"]


NAMES = st.sampled_from(["a", "b", "c.py", "d.log", "build", "e x.txt"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=14)
PATTERNS = st.sampled_from(
    [
        *(
            "a",
            "b/",
            "/a",
            "*.log",
            "!*.log",
            "!d.log",
            "a/b",
            "**/b",
            "a/**",
            "!a/",
            "b/*",
            "!b/c.py",
            "/build/",
            "#a",
        ),
        *("", "*", "!*/", "*.py", "[ab]", "?", "a/**/b", "!a/b/c.py", "e x.txt", "\\!a", "c.py/", "/*", "!/a"),
    ]
)
IGNORES = st.dictionaries(st.sampled_from(["", "a", "b", "a/b", "build"]), st.lists(PATTERNS, max_size=5), max_size=4)


@example(paths=["a/b/a"], ignores={"": ["b/", "!a/"]})
@example(paths=["x/y", "x/z"], ignores={"": ["x/**", "!x/y"]})
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PATHS, IGNORES)
def test_without_git_the_same_files_are_found_as_by_git(paths: list[str], ignores: dict[str, list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain, repository = Path(folder) / "plain", Path(folder) / "repository"
        plain.mkdir()
        for path in paths:
            if not any((plain / part).is_file() for part in [path, *map(str, Path(path).parents)] if part != "."):
                (plain / path).parent.mkdir(parents=True, exist_ok=True)
                if not (plain / path).exists():
                    (plain / path).write_text("x")
        for parent, lines in ignores.items():
            if (plain / parent).is_dir():
                (plain / parent / ".gitignore").write_text("\n".join(lines) + "\n")
        shutil.copytree(plain, repository)
        git(repository, "init", "-q")
        untracked = git(repository, "ls-files", "-o", "--exclude-standard", "-z").split("\0")
        expected = sorted(filter(None, untracked))
        # If git lists nothing, we do not apply the rules of the top folder: they are for another repository.
        assert sorted(git_listing(plain)) == expected or not expected


def test_rules_that_ignore_the_whole_tree_are_not_applied(tmp_path: Path) -> None:
    """Debian's kernel source ends its .gitignore with `/*`: the file is for the packaging repository."""
    put(tmp_path, ".gitignore", text=".*\n/*\n!/debian/\n")
    put(tmp_path, "lib/.gitignore", text="*.o\n")
    put(tmp_path, "main.c", "lib/a.c", "lib/a.o", "out/x.c")
    put(tmp_path, ".lanternignore", text="/out/\n")
    assert listed(tmp_path) == ["lib/a.c", "main.c"]
    assert list(git_listing(tmp_path, ["lib/a.c", "lib/a.o", "out/x.c"])) == ["lib/a.c"]


def test_a_folder_s_own_git_configuration_runs_nothing(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    put(tmp_path, "a.py")
    git(tmp_path, "config", "core.fsmonitor", f"touch {tmp_path / 'ran'}; false")
    assert listed(tmp_path) == ["a.py"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("repository", [True, False])
def test_a_pattern_of_many_stars_costs_nothing(tmp_path: Path, repository: bool) -> None:
    """Backtracking would take longer than the universe exists, in git too."""
    if repository:
        git(tmp_path, "init")
    put(tmp_path, "a" * 200, "x")
    for name in (".gitignore", ".lanternignore"):
        put(tmp_path, name, text="*a" * 30 + "b\n" + "**/" * 30 + "*a" * 30 + "b\n" + "x\n")
    assert listed(tmp_path) == ["a" * 200]


@pytest.mark.parametrize("fold", ["true", "false"])
def test_case_is_ignored_where_the_repository_says_so(tmp_path: Path, fold: str) -> None:
    git(tmp_path, "init")
    git(tmp_path, "config", "core.ignoreCase", fold)
    put(tmp_path, ".gitignore", text="Build/\n*.LOG\n/Sub/x*\n")
    put(tmp_path, "build/a.py", "b.log", "sub/X.py", "c.py")
    assert listed(tmp_path) == (["c.py"] if fold == "true" else ["b.log", "build/a.py", "c.py", "sub/X.py"])
