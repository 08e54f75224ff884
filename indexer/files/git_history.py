"""What the commits of a git repository changed. Knows no index."""

import re
from dataclasses import dataclass
from pathlib import Path

from indexer.files.git import LONG_S, git
from indexer.files.secrets.masking import mask
from indexer.files.secrets.paths import mask_path

_MAX_COMMITS = 2000  # the youngest
_LONGEST = 20_000  # characters of a message
_EMPTY_LINES = 3  # at most, around the paths of a commit
_OPTIONS = ("--no-merges", "--no-renames", "--relative", "--name-only")
_TRAILER = re.compile(r"^(?:[A-Za-z-]+-by|Change-Id|git-svn-id|Refs?|Closes): .*$", re.MULTILINE)
_SHA = re.compile(r"[0-9a-f]{40,64}")
_HUNK = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit that is not a merge."""

    sha: str
    message: str  # subject and body without trailers, secrets masked
    paths: tuple[str, ...]  # changed files below the folder, relative to it, but those with a token in their path


def head(root: Path) -> str:
    """The sha of the commit that is checked out; "" if there is none."""
    return (git(root, "rev-parse", "--verify", "--quiet", "HEAD") or b"").decode("ascii", "replace").strip()


def commits(root: Path) -> list[Commit] | None:
    """The commits that changed files below `root`, youngest first; None if git fails or there is no repository.

    A path with quotation marks, backslashes or control characters is as git quotes it. Of a very long message, the
    beginning.
    """
    fields = _log(root, "%x00%H%x00%B%x00")
    if fields is None:
        return None
    found = []
    # A message is untrusted, but git allows no NUL in it: nothing in a message can pass for a sha.
    for sha, message, paths in zip(fields[0::3], fields[1::3], fields[2::3], strict=True):
        text = mask(_TRAILER.sub("", message[:_LONGEST]).strip())
        found.append(Commit(sha, text, _paths(paths)))
    return found


def changed_paths(root: Path, most: int) -> list[tuple[str, ...]] | None:
    """The `paths` of `commits`, but none of a commit that changed more than `most` files. Reads no messages."""
    fields = _log(root, "%x00")
    if fields is None:
        return None
    listed = (_paths(lines) if lines.count("\n") <= most + _EMPTY_LINES else () for lines in fields)
    return [paths if len(paths) <= most else () for paths in listed]


def _log(root: Path, form: str) -> list[str] | None:
    """What git prints between the NULs of a format; the changed files of a commit have a line each."""
    out = git(root, "log", f"-n{_MAX_COMMITS}", *_OPTIONS, f"--format={form}", "--", ".", limit_s=LONG_S)
    return None if out is None else out.decode("utf-8", "replace").split("\0")[1:]


def _paths(lines: str) -> tuple[str, ...]:
    return tuple(path for path in lines.split("\n") if path and mask_path(path) == path)


def file_after(root: Path, sha: str, path: str) -> tuple[str, list[range]]:
    """The text of a file after a commit, and the line ranges that the commit wrote (or before which it deleted).

    Both are empty if there is no such commit or file, or if git fails.
    """
    if not _SHA.fullmatch(sha):
        return "", []
    text = git(root, "cat-file", "blob", f"{sha}:./{path}") or b""
    diff = git(root, "diff-tree", "--root", "--no-commit-id", "--relative", "-U0", "-p", sha, "--", path) or b""
    hunks = ((int(start), int(count or 1)) for start, count in _HUNK.findall(diff))
    return text.decode("utf-8", "replace"), [range(start, start + max(1, count)) for start, count in hunks]
