"""What a client attaches to a question, an open file or a selection, as hits that rank before all others.

Unsaved text wins over the disk. A path is read only inside the codebase; secrets are masked in both.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from backend.errors import Refusal
from indexer.languages import language_of
from indexer.scan import is_secret_name
from indexer.secrets import mask
from indexer.types import Hit, Why

ATTACHED = "attached"  # the kind of these hits
LINES = 200  # of one piece: a longer text is cut into several, so that a prompt can take what fits
BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Attachment:
    path: str
    lines: tuple[int, int] | None = None  # 1-based, inclusive; None: all
    text: str | None = None  # what the editor holds; None: what the disk holds


def attached_hits(attachments: tuple[Attachment, ...], root: Path | None) -> list[Hit]:
    """The attachments as hits in the order given. Raises `Refusal` for a path that cannot be read."""
    return [hit for attachment in attachments for hit in _pieces(attachment, root)]


def _pieces(attachment: Attachment, root: Path | None) -> list[Hit]:
    path, text = _inside(attachment.path, root), attachment.text
    if text is None:
        text = _read(path, attachment.path, root)
    sha = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    lines = mask(text).removesuffix("\n").replace("\r\n", "\n").split("\n")
    # A selection comes with its own text and the range it was taken from; a range of a file selects from it.
    first, last = attachment.lines or (1, len(lines))
    offset = first if attachment.text is not None and last - first + 1 == len(lines) else 1
    chosen = range(first, min(last, offset + len(lines) - 1) + 1)
    if not chosen:
        raise Refusal(
            "bad_params", f"context {attachment.path!r} has {len(lines)} lines, none of them in {first}-{last}"
        )
    return [
        Hit(
            chunk_id=0,
            path=path,
            start_line=start,
            end_line=min(start + LINES, chosen.stop) - 1,
            symbol="",
            kind=ATTACHED,
            language=language_of(path).name,
            signature="",
            doc="",
            text="\n".join(lines[start - offset : min(start + LINES, chosen.stop) - offset]),
            sha=sha,
            score=1.0,
            why=Why(),
            fresh=True,
        )
        for start in chosen[::LINES]
    ]


def _inside(path: str, root: Path | None) -> str:
    """The path relative to the codebase where it lies inside, else as it was given."""
    if root is not None and Path(path).is_absolute() and Path(path).is_relative_to(root):
        return Path(path).relative_to(root).as_posix()
    return path


def _read(path: str, given: str, root: Path | None) -> str:
    if root is None:
        raise Refusal("bad_params", f"context {given!r} has no text and no codebase is indexed to read it from")
    if is_secret_name(PurePosixPath(path).name):
        raise Refusal("bad_params", f"context {given!r} is a file of secrets by its name; send its text to insist")
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()):
        raise Refusal("bad_params", f"context {given!r} lies outside the codebase; send its text instead")
    try:
        with file.open("rb") as stream:
            return stream.read(BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise Refusal("bad_params", f"context {given!r} cannot be read: {error.strerror}") from None
