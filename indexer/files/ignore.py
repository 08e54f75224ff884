"""Which paths of a folder are not ignored: by git, or by the same rules if git cannot be used.

Knows `.gitignore` and our own `.lanternignore`; not what is worth indexing.
"""

import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from indexer.files.git_files import git_files

OWN_FILE = ".lanternignore"
IGNORE_FILES = (".gitignore", OWN_FILE)
_TOOLING = """.git .hg .svn .jj node_modules bower_components .venv venv .tox .nox __pycache__ .mypy_cache .ruff_cache
    .pytest_cache .hypothesis .gradle .idea .terraform .next .nuxt .svelte-kit .parcel-cache .turbo .eggs .lantern
    .import_linter_cache .yarn .pnpm-store .cargo .dart_tool"""
EXCLUDED_FOLDERS = frozenset(_TOOLING.split())


def git_listing(root: Path, only: Collection[str] | None = None) -> Iterator[str]:
    """Paths relative to `root` that are not ignored, sorted and unique: files, links and special files.

    A folder that cannot be listed, or that is never worth indexing, is one path of its own. Bytes that are not UTF-8
    become surrogates. `only` lists just these files and what is below these folders; if they `can_list_alone`, the
    result is the same part of a full listing.
    """
    if only is not None:
        only = sorted(path for path in only if not _is_below_link(root, path))
    listed = _list_by_git(root, only)
    if listed is None:
        yield from _walk(root, "", IgnoreRules(root)) if only is None else _collapse(_walk_only(root, only))
        return
    own = IgnoreRules(root, (OWN_FILE,))
    yield from (path for path in _collapse(listed) if not own.ignores_below(path))


def can_list_alone(root: Path, paths: Collection[str]) -> bool:
    """Whether `only` these paths can be listed: no ignore file among them, none in (or being) a nested repository."""
    ancestors = {folder for path in paths for folder in (path, *map(str, PurePosixPath(path).parents[:-1]))}
    has_rules = any(PurePosixPath(path).name in IGNORE_FILES for path in paths)
    return not has_rules and not any(not folder or (root / folder / ".git").exists() for folder in ancestors)


def list_folders(root: Path) -> Iterator[str]:
    """Every folder that can be listed and is not ignored, relative to `root`; "" is `root` itself.

    Applies the ignore files inside the tree only: git may ignore some of these folders by other rules.
    """
    rules = IgnoreRules(root)
    stack = [""]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(root / folder) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        yield folder
        children = (f"{folder}/{name}".lstrip("/") for name in names if name not in EXCLUDED_FOLDERS)
        stack += [path for path in children if not rules.ignores(path, True)]


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
    return any((root / folder).is_symlink() for folder in PurePosixPath(path).parents[:-1])


def _walk_only(root: Path, only: Collection[str]) -> list[str]:
    rules = IgnoreRules(root)
    starts = {path: _is_folder(root / path) for path in only}
    found: set[str] = set()
    for path, is_folder in starts.items():
        if not rules.ignores_below(path, is_folder):
            found.update(_walk(root, path + "/", rules) if is_folder else [path])
    return sorted(found)


def _list_by_git(root: Path, only: Collection[str] | None = None) -> list[str] | None:
    """As `git_files`, sorted and unique, with what is in the repositories inside this one."""
    listed = git_files(root, only)
    if listed is None:
        return None
    found: set[str] = set()
    for path in listed:
        if _is_folder(f"{root}/{path}"):  # a submodule, or a repository inside this one
            nested = path.rstrip("/")
            found.update(f"{nested}/{below}" for below in git_listing(root / nested))
        else:
            found.add(path)
    return sorted(found)


def _is_folder(path: str | Path) -> bool:
    """False for a link to a folder."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _walk(root: Path, folder: str, rules: "IgnoreRules") -> Iterator[str]:
    """Depth first, with an explicit stack: a tree may be deeper than Python's recursion limit."""
    stack = [folder]
    while stack:
        path = stack.pop()
        if path and not path.endswith("/"):
            yield path
            continue
        try:
            with os.scandir(root / path) as scanned:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scanned]
        except OSError:
            if path:
                yield path.rstrip("/")
            continue
        for name, is_folder in sorted(entries, reverse=True):
            child = path + name
            if name in EXCLUDED_FOLDERS:
                stack.append(child)
            elif not rules.ignores(child, is_folder):
                stack.append(child + "/" * is_folder)


class IgnoreRules:
    """The ignore files of a tree, each read when its folder is first visited. The deepest file with a match decides."""

    def __init__(self, root: Path, names: tuple[str, ...] = IGNORE_FILES) -> None:
        self._root = root
        self._names = names
        self._specs: dict[str, GitIgnoreSpec | None] = {}
        self._folders: dict[str, bool] = {"": False}

    def ignores(self, path: str, is_folder: bool) -> bool:
        """Whether this entry is ignored, if none of the folders above it is."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            spec = self._spec(folder)
            if spec is not None:
                below = path[len(folder) :].lstrip("/") + "/" * is_folder
                verdict = _verdict(spec, below)
                if verdict is not None:
                    return verdict
        return False

    def ignores_below(self, path: str, is_folder: bool = False) -> bool:
        """Whether this entry or any folder above it is ignored."""
        return self._ignores_folder(path.rpartition("/")[0]) or self.ignores(path, is_folder)

    def _ignores_folder(self, folder: str) -> bool:
        if folder not in self._folders:
            parent = folder.rpartition("/")[0]
            self._folders[folder] = self._ignores_folder(parent) or self.ignores(folder, True)
        return self._folders[folder]

    def _spec(self, folder: str) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            spec = self._read(folder, self._names)
            if spec is not None and not folder and self._ignores_all(spec):
                spec = self._read(folder, (OWN_FILE,))
            self._specs[folder] = spec
        return self._specs[folder]

    def _read(self, folder: str, names: tuple[str, ...]) -> GitIgnoreSpec | None:
        lines = [line for name in names if name in self._names for line in self._lines(folder, name)]
        return GitIgnoreSpec.from_lines(lines) if lines else None

    def _ignores_all(self, spec: GitIgnoreSpec) -> bool:
        """Whether the rules ignore the whole tree (Debian's kernel source: `/*`): they are for another repository."""
        try:
            with os.scandir(self._root) as scanned:
                entries = [entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in scanned]
        except OSError:
            return False
        return all(_verdict(spec, entry) for entry in entries)

    def _lines(self, folder: str, name: str) -> list[str]:
        file = self._root / folder / name
        try:
            return [] if file.is_symlink() else file.read_text("utf-8", "surrogateescape").split("\n")
        except OSError:
            return []


def _verdict(spec: GitIgnoreSpec, entry: str) -> bool | None:
    """Whether the last pattern that matches this entry itself ignores it; None without a match. A folder ends in "/".

    pathspec's patterns also match what is below a match. git decides folder by folder instead: by `b/` and `!a/` the
    folder a/b is ignored, though it is in an a.
    """
    for pattern in reversed(spec.patterns):
        matches = pattern.regex.finditer(entry) if pattern.regex is not None else ()  # None: a comment
        if any(_matches_itself(match, entry) for match in matches):
            return bool(pattern.include)
    return None


def _matches_itself(match: re.Match[str], entry: str) -> bool:
    if "ps_d" in match.re.groupindex:  # pathspec's group for the slash after a folder that matched
        return match["ps_d"] is None or match.end("ps_d") == len(entry)
    return match.end() < len(entry) or not match[0].endswith("/")  # `x/**` matches what is in x, not x itself
