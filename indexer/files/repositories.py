"""Which folders are repositories of their own: clones, worktrees, submodules. Runs no git."""

import stat
from pathlib import Path

_READ_BY_GIT = ("HEAD", "commondir", "config", "config.worktree", "index", "packed-refs", "shallow")


def is_repository(folder: Path) -> bool:
    """Whether a folder has its own `.git`: a folder with a HEAD, or a file that says where that folder is."""
    try:
        mode = (folder / ".git").stat().st_mode
        if stat.S_ISDIR(mode):
            (folder / ".git" / "HEAD").lstat()
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(mode) or stat.S_ISREG(mode)


def enclosing_repository(path: Path) -> Path | None:
    """The nearest repository that a resolved path is in, or is."""
    return next((folder for folder in (path, *path.parents) if is_repository(folder)), None)


def has_pipes(folder: Path) -> bool:
    """Whether a file that git reads of the repository around is a pipe: git would wait for it until its time limit."""
    top = enclosing_repository(folder.absolute())
    return top is not None and any(_is_pipe(top / ".git" / name) for name in _READ_BY_GIT)


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def is_separate(path: Path, root: Path) -> bool:
    """Whether a path below `root` belongs to another repository, which begins below `root`."""
    nearest = enclosing_repository(path)
    return nearest is not None and nearest != root and nearest.is_relative_to(root)
