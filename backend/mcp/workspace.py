"""How a client's folder travels with a request: one header. Imports nothing heavy: the relay uses it, too."""

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

WORKSPACE_HEADER = "lantern-workspace"  # an absolute path, percent-encoded: a header has no other characters than ASCII


def encode_workspace(folder: Path) -> str:
    """The value of the header."""
    return quote(os.fsencode(folder))


def decode_workspace(value: str | None) -> Path | None:
    """The folder; None if the client sent none, or one that says nothing about its work: `/`, or a home."""
    if not value:
        return None
    path = Path(os.fsdecode(unquote_to_bytes(value)))
    return None if not path.is_absolute() or "\0" in str(path) or holds_everything(path) else path


def holds_everything(folder: Path) -> bool:
    """Whether a folder is the root or a home: not where one works, and no codebase."""
    return folder in (Path(folder.anchor), Path.home())
