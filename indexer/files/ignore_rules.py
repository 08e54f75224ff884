"""The ignore files of a tree: each is read when its folder is first visited, and the deepest one with a match decides.

Knows git's rules for them and our own `.lanternignore`; not how a tree is walked.
"""

import codecs
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.files.ignore_patterns import PatternList
from indexer.files.opening import read_below

log = logging.getLogger(__name__)

OWN_FILE = ".lanternignore"
IGNORE_FILES = (".gitignore", OWN_FILE)
MAX_BYTES = 1_000_000  # of an ignore file

Verdict = Callable[[str, bool], bool | None]
"""Whether a path below a root (a folder or not) is ignored; None where no rule says so."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the repository of a folder says about it from outside."""

    verdict: Verdict  # by the ignore files above the folder, and those of the whole repository
    is_ignored: bool  # the folder itself
    fold: bool  # whether its rules ignore case


class IgnoreRules:
    """Which paths of a tree are ignored."""

    def __init__(self, root: Path, names: tuple[str, ...] = IGNORE_FILES, around: Surroundings | None = None) -> None:
        """`around`: the repository that `root` is in. Without one, a `.gitignore` that ignores everything is for
        another repository, and is not applied.
        """
        self._root = root
        self._names = names
        self._around = around
        self._lists: dict[str, tuple[PatternList, ...]] = {}
        self._folders: dict[str, bool] = {"": False}

    def ignores(self, path: str, is_folder: bool) -> bool:
        """Whether this entry is ignored, if none of the folders above it is."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            lists = self._lists_of(folder)
            verdict = _verdict(lists, path[len(folder) :].lstrip("/"), is_folder) if lists else None
            if verdict is not None:
                return verdict
        return bool(self._around and self._around.verdict(path, is_folder))

    def ignores_below(self, path: str, is_folder: bool = False) -> bool:
        """Whether this entry or any folder above it is ignored."""
        return self._ignores_folder(path.rpartition("/")[0]) or self.ignores(path, is_folder)

    def _ignores_folder(self, folder: str) -> bool:
        unknown = []
        while folder not in self._folders:  # a path may be deeper than Python's recursion limit
            unknown.append(folder)
            folder = folder.rpartition("/")[0]
        ignored = self._folders[folder]
        for below in reversed(unknown):
            ignored = self._folders[below] = ignored or self.ignores(below, True)
        return ignored

    def _lists_of(self, folder: str) -> tuple[PatternList, ...]:
        if folder not in self._lists:
            lists = self._read(folder, self._names)
            if lists and not folder and self._around is None and self._ignores_all(lists):
                lists = self._read(folder, (OWN_FILE,))
            self._lists[folder] = lists
        return self._lists[folder]

    def _read(self, folder: str, names: tuple[str, ...]) -> tuple[PatternList, ...]:
        """The lists of a folder, the one that decides first at the beginning."""
        fold = self._around is not None and self._around.fold
        paths = [f"{folder}/{name}".lstrip("/") for name in names if name in self._names]
        found = [pattern_list(self._root, path, fold) for path in paths]
        return tuple(reversed([patterns for patterns in found if patterns is not None]))

    def _ignores_all(self, lists: tuple[PatternList, ...]) -> bool:
        """Whether the rules ignore the whole tree, as Debian's kernel source has them: `/*`."""
        try:
            with os.scandir(self._root) as scanned:
                return all(_verdict(lists, entry.name, entry.is_dir(follow_symlinks=False)) for entry in scanned)
        except OSError:
            return False


def surroundings(root: Path, top: Path, files: Sequence[Path], fold: bool = False) -> Surroundings:
    """Those of a folder `root` in the work tree `top`.

    `files` apply to all of the work tree, after its `.gitignore` files; the first one with a match decides.
    """
    root, top = root.resolve(), top.resolve()
    inside = [folder for folder in (root, *root.parents) if folder != top and folder.is_relative_to(top)]
    above = [folder.parent for folder in inside]
    found = [(folder, pattern_list(folder, IGNORE_FILES[0], fold)) for folder in above]
    found += [(top, pattern_list(file.parent, file.name, fold)) for file in files]
    lists = [(f"{folder}/".replace("//", "/"), patterns) for folder, patterns in found if patterns is not None]

    def verdict_at(path: str, is_folder: bool) -> bool | None:
        below = [(patterns, path[len(folder) :]) for folder, patterns in lists if path.startswith(folder)]
        verdicts = (patterns.verdict(os.fsencode(rest), is_folder) for patterns, rest in below)
        return next((verdict for verdict in verdicts if verdict is not None), None)

    is_ignored = any(verdict_at(str(folder), True) for folder in inside)
    return Surroundings(lambda path, is_folder: verdict_at(f"{root}/{path}", is_folder), is_ignored, fold)


def pattern_list(root: Path, path: str, fold: bool = False) -> PatternList | None:
    """The patterns of an ignore file below `root`; None if there is none, as git finds none in a link."""
    try:
        content, _ = read_below(root, path, MAX_BYTES + 1)
    except OSError:
        return None
    if len(content) > MAX_BYTES:
        log.warning("%r is longer than %d bytes: the patterns after these are not applied", path, MAX_BYTES)
        content = content[: content.rfind(b"\n", 0, MAX_BYTES) + 1]
    return PatternList(content.removeprefix(codecs.BOM_UTF8), fold)  # as git reads it


def _verdict(lists: tuple[PatternList, ...], path: str, is_folder: bool) -> bool | None:
    name = os.fsencode(path)
    verdicts = (patterns.verdict(name, is_folder) for patterns in lists)
    return next((verdict for verdict in verdicts if verdict is not None), None)
