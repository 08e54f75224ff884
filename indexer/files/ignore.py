"""Which paths of a folder are not ignored: what git tracks, and what its rules and ours leave of the rest.

git itself reads no ignore file: one may be a pipe, and git's matching takes exponential time for some patterns.
Does not know what is worth indexing.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path, PurePosixPath

from indexer.files.git import LONG_S, default_excludes, git
from indexer.files.ignore_rules import IGNORE_FILES, OWN_FILE, IgnoreRules, Surroundings, surroundings
from indexer.files.mounts import pseudo_folders
from indexer.files.opening import is_folder, mode_of
from indexer.files.repositories import is_repository

_TOOLING = """.git .hg .svn .jj node_modules bower_components .venv venv .tox .nox __pycache__ .mypy_cache .ruff_cache
    .pytest_cache .hypothesis .gradle .idea .terraform .next .nuxt .svelte-kit .parcel-cache .turbo .eggs .lantern
    .import_linter_cache .yarn .pnpm-store .cargo .dart_tool"""
EXCLUDED_FOLDERS = frozenset(_TOOLING.split())


def git_listing(root: Path, only: Collection[str] | None = None) -> Iterator[str]:
    """Paths relative to `root` that are not ignored, sorted and unique: files, links and special files.

    A folder that cannot be listed, or that is never worth indexing, or that is a repository of its own, is one path.
    Bytes that are not UTF-8 become surrogates. `only` lists just these files and what is below these folders; if they
    `can_list_alone`, the result is the same part of a full listing.
    """
    if only is not None:
        only = sorted(path for path in only if not _is_below_link(root, path))
    repository = _repository_of(root, only)
    if repository is None:
        tree = _Tree(root, [IgnoreRules(root)])
        yield from tree.walk("") if only is None else _collapse(sorted(set(tree.walk_only(only))))
        return
    own = IgnoreRules(root, (OWN_FILE,))
    tree = _Tree(root, [IgnoreRules(root, IGNORE_FILES[:1], repository.around), own])
    found = set() if repository.around.is_ignored else set(tree.walk("") if only is None else tree.walk_only(only))
    found.update(path for path in repository.tracked if tree.is_inside(path) and not own.ignores_below(path))
    yield from _collapse(sorted(found))


def can_list_alone(root: Path, paths: Collection[str]) -> bool:
    """Whether `only` these paths can be listed: nothing among them says how others are listed."""
    parts = {part for path in paths for part in PurePosixPath(path).parts}
    return "" not in paths and parts.isdisjoint((*IGNORE_FILES, ".git"))


def list_folders(root: Path) -> Iterator[str]:
    """Every folder that can be listed and is not ignored, relative to `root`; "" is `root` itself.

    A repository inside is one folder. Applies the ignore files inside the tree only: git may ignore some of these
    folders by other rules.
    """
    rules, pseudo = IgnoreRules(root), pseudo_folders(root)
    stack = [""]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(root / folder) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        yield folder
        if folder and is_repository(root / folder):
            continue
        children = (f"{folder}/{name}".lstrip("/") for name in names if name not in EXCLUDED_FOLDERS)
        stack += [path for path in children if path not in pseudo and not rules.ignores(path, True)]


def _collapse(paths: list[str]) -> Iterator[str]:
    """Replaces all paths below an excluded folder by that folder."""
    last = ""
    for path in paths:
        parts = path.split("/")
        excluded_at = next((i for i, part in enumerate(parts) if part in EXCLUDED_FOLDERS), None)
        collapsed = path if excluded_at is None else "/".join(parts[: excluded_at + 1])
        if collapsed != last:
            yield collapsed
        last = collapsed


def _is_below_link(root: Path, path: str) -> bool:
    return any(stat.S_ISLNK(mode_of(root / folder)) for folder in PurePosixPath(path).parents[:-1])


@dataclass(frozen=True, slots=True)
class _Repository:
    """The repository that a folder is in."""

    tracked: list[str]  # what git tracks in the folder, relative to it; it may be ignored, or no longer exist
    around: Surroundings  # if they ignore the folder, only what is tracked counts


def _repository_of(root: Path, only: Collection[str] | None) -> _Repository | None:
    """None when git is missing, or `root` is in no work tree, or ignored by it with all that is in it."""
    where = git(root, "rev-parse", "--is-inside-work-tree", "--show-cdup", "--git-path", "info/exclude")
    if where is None or not where.startswith(b"true\n"):
        return None
    _, up, exclude = os.fsdecode(where).removesuffix("\n").split("\n", 2)
    users = git(root, "config", "--type=path", "--get", "core.excludesFile")
    excludes = default_excludes() if users is None else root / up / os.fsdecode(users[:-1])
    fold = git(root, "config", "--type=bool", "--get", "core.ignoreCase") == b"true\n"
    around = surroundings(root, root / up, [root / exclude, excludes], fold)
    words = ("ls-files", "-c", "-z", "--", *(only or ()))
    out = b"" if only is not None and not only else git(root, *words, limit_s=LONG_S)
    if out is None or (around.is_ignored and not git(root, "ls-files", "-c", "-z")):
        return None
    return _Repository([os.fsdecode(path) for path in out.split(b"\0") if path], around)


class _Tree:
    """A folder with the rules that apply in it."""

    def __init__(self, root: Path, rules: Sequence[IgnoreRules]) -> None:
        self._root, self._rules = root, rules
        self._pseudo = pseudo_folders(root)
        self._is_own: Callable[[str], bool] = cache(self._check_own)
        self._is_plain: Callable[[str], bool] = cache(self._check_plain)

    def walk(self, start: str) -> Iterator[str]:
        """The paths below a folder. Depth first, with a stack: a tree may be deeper than Python's recursion limit."""
        stack = [start + "/" * bool(start)]
        while stack:
            path = stack.pop()
            if path and not path.endswith("/"):
                yield path
                continue
            try:
                with os.scandir(self._root / path) as scanned:
                    entries = {entry.name: entry.is_dir(follow_symlinks=False) for entry in scanned}
            except OSError:
                if path:
                    yield path.rstrip("/")
                continue
            if path and ".git" in entries and is_repository(self._root / path):
                yield path.rstrip("/")
                continue
            for name, at_folder in sorted(entries.items(), reverse=True):
                child = path + name
                if name != ".git" and not any(rules.ignores(child, at_folder) for rules in self._rules):
                    is_walked = at_folder and name not in EXCLUDED_FOLDERS and child not in self._pseudo
                    stack.append(child + "/" * is_walked)

    def walk_only(self, only: Collection[str]) -> Iterator[str]:
        """The part of `walk` that these files are, or that is below these folders."""
        for path in only:
            folders = [str(folder) for folder in reversed(PurePosixPath(path).parents[:-1])]
            separate = next((folder for folder in folders if not self._is_plain(folder)), None)
            whole = path if separate is None else separate
            at_folder = is_folder(self._root / whole)
            if any(rules.ignores_below(whole, at_folder) for rules in self._rules):
                continue
            yield from self.walk(whole) if at_folder and whole not in self._pseudo else [whole]

    def is_inside(self, path: str) -> bool:
        """Whether a path that git tracks is a file, or a repository, that a walk could find: below the root, no link.

        git adds no path with "..", but lists one that is in its index already.
        """
        parts = path.split("/")
        if not {"", ".", ".."}.isdisjoint(parts) or not self._is_plain("/".join(parts[:-1])):
            return False
        return not is_folder(self._root / path) or is_repository(self._root / path)

    def _check_plain(self, folder: str) -> bool:
        """Whether a folder below the root is part of it: no link, and no repository of its own, nor below one."""
        return all(map(self._is_own, accumulate(folder.split("/"), "{}/{}".format)))  # from the top: most end there

    def _check_own(self, folder: str) -> bool:
        full = self._root / folder
        return not folder or (is_folder(full) and not is_repository(full) and folder not in self._pseudo)
