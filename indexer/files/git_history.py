"""What the commits of a git repository changed. Knows no index; a folder without git has no commits."""

import re
from dataclasses import dataclass
from pathlib import Path

from indexer.files.ignore import git

_MOST = 2000  # commits looked at, youngest first
_SETTINGS = (
    "core.quotePath=false",
    "i18n.logOutputEncoding=UTF-8",
    "log.showRoot=true",
    "log.showSignature=false",
)
_TRAILER = re.compile(r"^(?:[A-Za-z-]+-by|Change-Id|git-svn-id|Refs?|Closes): .*$", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit that is no merge."""

    sha: str
    message: str  # subject and body without trailers
    paths: tuple[str, ...]  # what it changed under the folder, relative to it


def head(root: Path) -> str:
    """The sha of the commit that is checked out; "" without one."""
    return (git(root, "rev-parse", "--verify", "--quiet", "HEAD") or b"").decode("ascii", "replace").strip()


def commits(root: Path) -> list[Commit] | None:
    """Those that changed something under `root`, youngest first; None where git cannot tell.

    A name with quotation marks, backslashes or control characters comes as git quotes it.
    """
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    shown = ("--no-merges", "--no-ext-diff", "--no-renames", "--relative", "--name-only", "--format=%x00%H%x00%B%x00")
    out = git(root, *settings, "log", f"-n{_MOST}", *shown, "--", ".")
    if out is None:
        return None
    found = []
    # A message holds whatever a stranger wrote, but git lets no NUL into it: nothing in it can pass for a sha.
    fields = out.decode("utf-8", "replace").split("\0")[1:]
    for sha, message, paths in zip(fields[0::3], fields[1::3], fields[2::3], strict=True):
        told = _TRAILER.sub("", message).strip()
        found.append(Commit(sha, told, tuple(path for path in paths.split("\n") if path)))
    return found


def after(root: Path, sha: str, path: str) -> tuple[str, list[range]]:
    """The text of a file after a commit, and the lines of it that the commit wrote (or deleted lines before)."""
    shown = ("--no-ext-diff", "--no-textconv", "--relative", "-U0", "--format=")
    text = git(root, "show", "--end-of-options", f"{sha}:./{path}") or b""
    diff = git(root, "show", *shown, "--end-of-options", sha, "--", path) or b""
    hunks = ((int(start), int(count or 1)) for start, count in _HUNK.findall(diff))
    return text.decode("utf-8", "replace"), [range(start, start + max(1, count)) for start, count in hunks]
