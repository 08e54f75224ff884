"""What the commits of a git repository changed. Knows no index."""

import re
from dataclasses import dataclass
from pathlib import Path

from indexer.files.git import LONG_S, git

_MAX_COMMITS = 2000  # the youngest
_TRAILER = re.compile(r"^(?:[A-Za-z-]+-by|Change-Id|git-svn-id|Refs?|Closes): .*$", re.MULTILINE)
_SHA = re.compile(r"[0-9a-f]{40,64}")
_HUNK = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit that is not a merge."""

    sha: str
    message: str  # subject and body without trailers
    paths: tuple[str, ...]  # changed files below the folder, relative to it


def head(root: Path) -> str:
    """The sha of the commit that is checked out; "" if there is none."""
    return (git(root, "rev-parse", "--verify", "--quiet", "HEAD") or b"").decode("ascii", "replace").strip()


def commits(root: Path) -> list[Commit] | None:
    """The commits that changed files below `root`, youngest first; None if git fails or there is no repository.

    A path with quotation marks, backslashes or control characters is as git quotes it.
    """
    options = ("--no-merges", "--no-renames", "--relative", "--name-only", "--format=%x00%H%x00%B%x00")
    out = git(root, "log", f"-n{_MAX_COMMITS}", *options, "--", ".", limit_s=LONG_S)
    if out is None:
        return None
    found = []
    # A message is untrusted, but git allows no NUL in it: nothing in a message can pass for a sha.
    fields = out.decode("utf-8", "replace").split("\0")[1:]
    for sha, message, paths in zip(fields[0::3], fields[1::3], fields[2::3], strict=True):
        text = _TRAILER.sub("", message).strip()
        found.append(Commit(sha, text, tuple(path for path in paths.split("\n") if path)))
    return found


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
