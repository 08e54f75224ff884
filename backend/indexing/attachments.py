"""Turns what a client attaches to a question (open files, selections) into hits that rank before all others.

Unsaved text wins over the file on disk and over the index. A path is read only inside the codebase; secrets are
masked in both.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.errors import ApiError
from backend.wording import plural
from indexer.files.languages import language_of
from indexer.files.opening import read_below
from indexer.files.secrets.masking import mask
from indexer.files.secrets.paths import is_secret_path, mask_path
from indexer.parsing.chunking import chunks_of
from indexer.parsing.definitions import parse
from indexer.types import Chunk, Hit, SourceFile, Why

ATTACHED = "attached"  # the kind of these hits
PIECE_LINES = 200  # a longer text is cut into pieces, so that a prompt can take those that fit
READ_BYTES = 1 << 20  # of a file, from its beginning


@dataclass(frozen=True, slots=True)
class Attachment:
    path: str
    lines: tuple[int, int] | None = None  # 1-based, inclusive; None: all
    text: str | None = None  # the editor's text; None: read the file


def attached_hits(attachments: tuple[Attachment, ...], root: Path | None) -> list[Hit]:
    """The attachments as hits, in their order. Raises `ApiError` for a path that cannot be read."""
    return [hit for attachment in attachments for hit in _pieces(attachment, root)]


def masked_context(attachments: tuple[Attachment, ...]) -> list[dict[str, Any]]:
    """The attachments as the history keeps them: as `session/prompt` has them, with secrets masked."""
    items = []
    for attachment in attachments:
        item: dict[str, Any] = {"path": mask_path(attachment.path)}
        if attachment.lines is not None:
            item["range"] = list(attachment.lines)
        if attachment.text is not None:
            item["text"] = mask(attachment.text)
        items.append(item)
    return items


def drop_conflicting(
    found: Sequence[Hit], attached: Sequence[Hit], attachments: tuple[Attachment, ...], root: Path
) -> list[Hit]:
    """`found` without the hits whose lines `attached` shows, or shows differently.

    If a file is attached with its complete unsaved text, a hit in it becomes the chunk of that text with the same
    symbol, or at the same lines; without such a chunk it is dropped. A selection says nothing about the rest of its
    file.
    """
    unsaved = {
        _inside(attachment.path, root): attachment.text
        for attachment in attachments
        if attachment.text is not None and not _is_selection(attachment)
    }
    chunks = {path: _chunks(path, text) for path, text in unsaved.items() if path in {hit.path for hit in found}}
    kept: dict[tuple[str, int], Hit] = {}
    for hit in found:
        current = _relocate(hit, chunks[hit.path], _sha(unsaved[hit.path])) if hit.path in chunks else hit
        if current is not None and _adds(current, [other for other in attached if other.path == current.path]):
            kept.setdefault((current.path, current.start_line), current)
    return list(kept.values())


def drop_excluded(found: Sequence[Hit], excluded: tuple[Attachment, ...], root: Path | None) -> list[Hit]:
    """`found` without the hits that overlap an excluded place. What a client attached is no found hit: it stays.

    However a path is spelled: code that should not be sent must not be sent because of a `./`.
    """
    places = [(_inside(spelling, root), place.lines) for place in excluded for spelling in _spellings(place.path, root)]

    def overlaps(hit: Hit, path: str, lines: tuple[int, int] | None) -> bool:
        return hit.path == path and (lines is None or (hit.start_line <= lines[1] and lines[0] <= hit.end_line))

    return [hit for hit in found if hit.kind == ATTACHED or not any(overlaps(hit, *place) for place in places)]


def _chunks(path: str, text: str) -> list[Chunk]:
    """The chunks that the index would have of an unsaved text."""
    plain, language = "\n".join(_lines(text)), language_of(path).name
    source = SourceFile(path, "", len(plain), 0, language, plain)
    return chunks_of(source, parse(plain, language))


def _relocate(hit: Hit, chunks: Sequence[Chunk], sha: str) -> Hit | None:
    """The hit in the unsaved text: the nearest chunk of its symbol; without a symbol, the chunk at its first line."""
    candidates = [chunk for chunk in chunks if (chunk.symbol, chunk.kind) == (hit.symbol, hit.kind)]
    if not hit.symbol:
        candidates = [chunk for chunk in candidates if chunk.start_line <= hit.start_line <= chunk.end_line]
    if not candidates:
        return None
    chunk = min(candidates, key=lambda chunk: abs(chunk.start_line - hit.start_line))
    return replace(
        hit,
        start_line=chunk.start_line,
        end_line=chunk.end_line,
        signature=chunk.signature,
        doc=chunk.doc,
        text=chunk.text,
        sha=sha,
        fresh=True,
    )


def _adds(hit: Hit, attached: Sequence[Hit]) -> bool:
    """Whether a hit has lines that the attached pieces of its file do not show, and none that they show differently."""
    lines = _numbered(hit)
    shown = {line: text for piece in attached for line, text in _numbered(piece).items()}
    return not shown.keys() >= lines.keys() and all(shown.get(line, text) == text for line, text in lines.items())


def _numbered(hit: Hit) -> dict[int, str]:
    return dict(enumerate(hit.text.split("\n"), hit.start_line))


def _pieces(attachment: Attachment, root: Path | None) -> list[Hit]:
    path, text = _inside(attachment.path, root), attachment.text
    if text is None:
        text = _read(path, attachment.path, root)
    sha, lines = _sha(text), _lines(text)
    first, last = attachment.lines or (1, len(lines))
    offset = first if _is_selection(attachment) else 1
    chosen = range(first, min(last, offset + len(lines) - 1) + 1)
    if not chosen:
        raise ApiError(
            "bad_params",
            f"context {attachment.path!r} has {plural(len(lines), 'line')}, none of them in {first}-{last}",
        )
    return [
        Hit(
            chunk_id=0,
            path=mask_path(path),
            start_line=start,
            end_line=min(start + PIECE_LINES, chosen.stop) - 1,
            symbol="",
            kind=ATTACHED,
            language=language_of(path).name,
            signature="",
            doc="",
            text="\n".join(lines[start - offset : min(start + PIECE_LINES, chosen.stop) - offset]),
            sha=sha,
            score=1.0,
            why=Why(),
            fresh=True,
        )
        for start in chosen[::PIECE_LINES]
    ]


def _is_selection(attachment: Attachment) -> bool:
    """Whether `text` is only the lines of the range. Otherwise the range selects lines of `text`."""
    if attachment.text is None or attachment.lines is None:
        return False
    first, last = attachment.lines
    return first > 1 and last - first + 1 == len(_lines(attachment.text))


def _lines(text: str) -> list[str]:
    return mask(text).removesuffix("\n").replace("\r\n", "\n").split("\n")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _spellings(path: str, root: Path | None) -> set[str]:
    """A path without `.` and `..`, and without symbolic links."""
    return {os.path.normpath(path), os.path.realpath(path if root is None else root / path)}


def _inside(path: str, root: Path | None) -> str:
    """The path relative to the codebase if it is inside, else unchanged."""
    if root is not None and Path(path).is_absolute() and Path(path).is_relative_to(root):
        return Path(path).relative_to(root).as_posix()
    return path


def _read(path: str, original: str, root: Path | None) -> str:
    """The text of a file of the codebase. `original` is the path in the client's words, for messages."""
    if root is None:
        raise ApiError("bad_params", f"context {original!r} has no text, and no codebase is indexed to read it from")
    try:
        root = root.resolve()
        file = (root / path).resolve()  # no link is left: what counts is the file that would be read
        if not file.is_relative_to(root):
            raise ApiError("bad_params", f"context {original!r} lies outside the codebase; send its text instead")
        if is_secret_path(file.relative_to(root).as_posix()) or is_secret_path(path):
            raise ApiError(
                "bad_params", f"context {original!r} is named like a file of secrets; send its text to use it"
            )
        return read_below(root, file.relative_to(root).as_posix(), READ_BYTES)[0].decode("utf-8", errors="replace")
    except OSError as error:
        raise ApiError("bad_params", f"context {original!r} cannot be read: {error.strerror}") from None
    except (RuntimeError, ValueError):  # links in a circle, a NUL: no path
        raise ApiError("bad_params", f"context {original!r} is no path of a file") from None
