"""Which paths of a folder are not ignored, by git where it is at hand and by the same rules where it is not.

Knows `.gitignore` and our own `.lanternignore`; not what is worth indexing.
"""

import os
import re
import stat
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

OWN_FILE = ".lanternignore"
IGNORE_FILES = (".gitignore", OWN_FILE)
_TOOLING = """.git .hg .svn .jj node_modules bower_components .venv venv .tox .nox __pycache__ .mypy_cache .ruff_cache
    .pytest_cache .hypothesis .gradle .idea .terraform .next .nuxt .svelte-kit .parcel-cache .turbo .eggs .lantern
    .import_linter_cache .yarn .pnpm-store .cargo .dart_tool"""
EXCLUDED_FOLDERS = frozenset(_TOOLING.split())
_ENV = ("env", "-u", "GIT_DIR", "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE", "GIT_NO_LAZY_FETCH=1")
# A folder's own git configuration may name programs to run: a stranger's must not.
_GIT = (*_ENV, "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C")
_SECONDS = 120


def git_listing(root: Path, only: Collection[str] | None = None) -> Iterator[str]:
    """Paths relative to `root`, sorted, each once: files, links and what else is there, not ignored.

    A folder that cannot be listed, or that is never worth indexing, comes as one path of its own.
    Bytes that are not UTF-8 come as surrogates. `only` lists just these files and what lies below these folders;
    that says what a whole listing would of them where they are `separate`.
    """
    if only is not None:
        only = sorted(path for path in only if not _beyond_link(root, path))
    listed = _by_git(root, only)
    if listed is None:
        yield from _by_walking(root, "", IgnoreRules(root)) if only is None else _collapsed(_walked(root, only))
        return
    own = IgnoreRules(root, (OWN_FILE,))
    yield from (path for path in _collapsed(listed) if not own.ignores_below(path))


def separate(root: Path, paths: Collection[str]) -> bool:
    """Whether these paths can be listed alone: none rules over others, none is in or is a repository inside `root`."""
    around = {folder for path in paths for folder in (path, *map(str, PurePosixPath(path).parents[:-1]))}
    rule = any(PurePosixPath(path).name in IGNORE_FILES for path in paths)
    return not rule and not any(not folder or (root / folder / ".git").exists() for folder in around)


def folders(root: Path) -> Iterator[str]:
    """Every folder that can be listed and is not ignored, relative to `root`; "" is `root` itself.

    Rules outside the tree are not asked: some that git ignores may be among them.
    """
    rules = IgnoreRules(root)
    stack = [""]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(root / folder) as found:
                names = [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        yield folder
        below = (f"{folder}/{name}".lstrip("/") for name in names if name not in EXCLUDED_FOLDERS)
        stack += [path for path in below if not rules.ignores(path, True)]


def _collapsed(paths: list[str]) -> Iterator[str]:
    """Everything below an excluded folder becomes that folder."""
    last = ""
    for path in paths:
        parts = path.split("/")
        place = next((i for i, part in enumerate(parts) if part in EXCLUDED_FOLDERS), None)
        shown = path if place is None else "/".join(parts[: place + 1])
        if shown != last:
            yield shown
        last = shown


def _beyond_link(root: Path, path: str) -> bool:
    return any((root / folder).is_symlink() for folder in PurePosixPath(path).parents[:-1])


def _walked(root: Path, only: Collection[str]) -> list[str]:
    rules = IgnoreRules(root)
    starts = {path: _is_folder(root / path) for path in only}
    found: set[str] = set()
    for path, is_folder in starts.items():
        if not rules.ignores_below(path, is_folder):
            found.update(_by_walking(root, path + "/", rules) if is_folder else [path])
    return sorted(found)


def _by_git(root: Path, only: Collection[str] | None = None) -> list[str] | None:
    """None when git is missing, `root` is no work tree, or is itself ignored by the tree it lies in."""
    if git(root, "rev-parse", "--is-inside-work-tree") != b"true\n" or git(root, "check-ignore", ".") is not None:
        return None
    if only is not None and not only:
        return []
    out = git(root, "--literal-pathspecs", "ls-files", "-co", "--exclude-standard", "-z", "--", *(only or ()))
    if out is None:
        return None
    found: set[str] = set()
    for path in map(os.fsdecode, filter(None, out.split(b"\0"))):
        if _is_folder(f"{root}/{path}"):  # a submodule, or a repository inside this one
            base = path.rstrip("/")
            found.update(f"{base}/{below}" for below in git_listing(root / base))
        else:
            found.add(path)
    return sorted(found)


def _is_folder(path: str | Path) -> bool:
    """A link to a folder is none."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints there; None where it fails or is missing. It fetches nothing."""
    try:
        done = subprocess.run(
            [*_GIT, os.fspath(folder), *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _by_walking(root: Path, folder: str, rules: "IgnoreRules") -> Iterator[str]:
    """Depth first with an explicit stack: trees may be deeper than Python's."""
    stack = [folder]
    while stack:
        path = stack.pop()
        if path and not path.endswith("/"):
            yield path
            continue
        try:
            with os.scandir(root / path) as found:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        except OSError:
            if path:
                yield path.rstrip("/")
            continue
        for name, is_folder in sorted(entries, reverse=True):
            below = path + name
            if name in EXCLUDED_FOLDERS:
                stack.append(below)
            elif not rules.ignores(below, is_folder):
                stack.append(below + "/" * is_folder)


class IgnoreRules:
    """The ignore files of a tree, read when a folder is first met. The last file that has a word decides."""

    def __init__(self, root: Path, names: tuple[str, ...] = IGNORE_FILES) -> None:
        self._root = root
        self._names = names
        self._specs: dict[str, GitIgnoreSpec | None] = {}
        self._folders: dict[str, bool] = {"": False}

    def ignores(self, path: str, is_folder: bool) -> bool:
        """Whether this entry is ignored, given that the folders it lies in are not."""
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
        """Whether this entry is ignored, or any folder it lies in."""
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
        """A tree of which git is to see nothing (Debian's kernel source has `/*`) was meant for another repository."""
        try:
            with os.scandir(self._root) as found:
                entries = [entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in found]
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
    """What the last pattern says that matches this very entry; a folder ends in a slash.

    pathspec's patterns also match what lies below a match. git decides folder by folder instead: by `b/` and `!a/`
    the folder a/b is ignored, though it lies in an a.
    """
    for pattern in reversed(spec.patterns):
        matches = pattern.regex.finditer(entry) if pattern.regex is not None else ()  # None: a comment
        if any(_is_own(match, entry) for match in matches):
            return bool(pattern.include)
    return None


def _is_own(match: re.Match[str], entry: str) -> bool:
    if "ps_d" in match.re.groupindex:  # pathspec's name for the slash behind a folder that matched
        return match["ps_d"] is None or match.end("ps_d") == len(entry)
    return match.end() < len(entry) or not match[0].endswith("/")  # `x/**` is about what is in x, not x itself
