"""What git lists in a folder of a repository: tracked files, and those that are not ignored. Knows only git's rules.

The repository is untrusted: its index may name any path, and an ignore file may be a pipe, which git waits for.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

from indexer.files.git import LONG_S, git

_IGNORE_FILE, _EXCLUDE_FILE = ".gitignore", ".git/info/exclude"


def git_files(root: Path, only: Collection[str] | None = None) -> list[str] | None:
    """Paths below `root` that no link leads to, relative to it; `only` these and what is below them. May have doubles.

    A repository inside this one is one path of its own. Bytes that are not UTF-8 become surrogates. None if git is
    missing or fails, or if `root` is in no work tree or ignored by it.
    """
    if any(
        _is_special(folder / _IGNORE_FILE) or _is_special(folder / _EXCLUDE_FILE) for folder in (root, *root.parents)
    ):
        return None
    place = git(root, "rev-parse", "--is-inside-work-tree", "--show-prefix") or b""
    is_top = place == b"true\n\n"  # which no rule can ignore
    if not place.startswith(b"true\n") or (not is_top and git(root, "check-ignore", ".") is not None):
        return None
    if only is not None and not only:
        return []
    words = ("-co", "--exclude-standard", "-z", "--", *(only or ()))
    out = git(root, "ls-files", *words)
    if out is None and not _has_special_rules(root):
        out = git(root, "ls-files", *words, limit_s=LONG_S)
    if out is None:
        return None
    return list(_below(root, map(os.fsdecode, filter(None, out.split(b"\0")))))


def _below(root: Path, paths: Iterable[str]) -> Iterator[str]:
    has_link: Callable[[str], bool] = cache(lambda folder: (root / folder).is_symlink())
    is_below: Callable[[str], bool] = cache(
        lambda folder: not any(map(has_link, accumulate(folder.split("/"), "{}/{}".format))) if folder else True
    )
    for path in paths:
        parts = path.removesuffix("/").split("/")
        if {"", ".", ".."}.isdisjoint(parts) and is_below("/".join(parts[:-1])):
            yield path


def _has_special_rules(root: Path) -> bool:
    """Whether git may have waited for an ignore file."""
    return any(_IGNORE_FILE in names and _is_special(Path(folder, _IGNORE_FILE)) for folder, _, names in os.walk(root))


def _is_special(path: Path) -> bool:
    """A pipe, a socket or a device. git does not follow a link of this name."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))
