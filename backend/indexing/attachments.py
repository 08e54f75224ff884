"""What a client attaches to a question, an open file or a selection, as hits that rank before all others.

Unsaved text wins over the disk, and over what the index says of its file. A path is read only inside the codebase;
secrets are masked in both.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from backend.errors import ApiError
from indexer.files.languages import language_of
from indexer.files.scan import is_secret_name
from indexer.files.secrets import mask
from indexer.parsing.chunking import chunks_of
from indexer.parsing.definitions import parse
from indexer.types import Chunk, Hit, SourceFile, Why

ATTACHED = "attached"  # the kind of these hits
LINES = 200  # of one piece: a longer text is cut into several, so that a prompt can take what fits
BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Attachment:
    path: str
    lines: tuple[int, int] | None = None  # 1-based, inclusive; None: all
    text: str | None = None  # what the editor holds; None: what the disk holds


def attached_hits(attachments: tuple[Attachment, ...], root: Path | None) -> list[Hit]:
    """The attachments as hits in the order given. Raises `ApiError` for a path that cannot be read."""
    return [hit for attachment in attachments for hit in _pieces(attachment, root)]


def agreeing(
    found: Sequence[Hit], attached: Sequence[Hit], attachments: tuple[Attachment, ...], root: Path
) -> list[Hit]:
    """`found` without what `attached` shows or contradicts.

    Of a file whose whole unsaved text is given, a hit becomes the piece of that text with the same symbol, or the one
    in its place; it goes when there is none. A selection alone tells nothing of the rest of its file.
    """
    unsaved = {
        _inside(attachment.path, root): attachment.text
        for attachment in attachments
        if attachment.text is not None and not _is_selection(attachment)
    }
    pieces = {path: _cut(path, text) for path, text in unsaved.items() if path in {hit.path for hit in found}}
    kept: dict[tuple[str, int], Hit] = {}
    for hit in found:
        now = _now(hit, pieces[hit.path], _sha(unsaved[hit.path])) if hit.path in pieces else hit
        if now is not None and _adds(now, [other for other in attached if other.path == now.path]):
            kept.setdefault((now.path, now.start_line), now)
    return list(kept.values())


def _cut(path: str, text: str) -> list[Chunk]:
    """An unsaved text, in the chunks that the index would hold of it."""
    plain, language = "\n".join(_lines(text)), language_of(path).name
    source = SourceFile(path, "", len(plain), 0, language, plain)
    return chunks_of(source, parse(plain, language))


def _now(hit: Hit, chunks: Sequence[Chunk], sha: str) -> Hit | None:
    """What became of a hit: the chunk of its symbol that lies nearest, or the one that holds its first line."""
    same = [chunk for chunk in chunks if (chunk.symbol, chunk.kind) == (hit.symbol, hit.kind)]
    if not hit.symbol:
        same = [chunk for chunk in same if chunk.start_line <= hit.start_line <= chunk.end_line]
    if not same:
        return None
    chunk = min(same, key=lambda chunk: abs(chunk.start_line - hit.start_line))
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
    said = _numbered(hit)
    shown = {line: text for piece in attached for line, text in _numbered(piece).items()}
    return not shown.keys() >= said.keys() and all(shown.get(line, text) == text for line, text in said.items())


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


def _is_selection(attachment: Attachment) -> bool:
    """A selection comes with its own text and the range it was taken from; a range of a file selects from it."""
    if attachment.text is None or attachment.lines is None:
        return False
    first, last = attachment.lines
    return first > 1 and last - first + 1 == len(_lines(attachment.text))


def _lines(text: str) -> list[str]:
    return mask(text).removesuffix("\n").replace("\r\n", "\n").split("\n")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _inside(path: str, root: Path | None) -> str:
    """The path relative to the codebase where it lies inside, else as it was given."""
    if root is not None and Path(path).is_absolute() and Path(path).is_relative_to(root):
        return Path(path).relative_to(root).as_posix()
    return path


def _read(path: str, given: str, root: Path | None) -> str:
    if root is None:
        raise ApiError("bad_params", f"context {given!r} has no text and no codebase is indexed to read it from")
    if is_secret_name(PurePosixPath(path).name):
        raise ApiError("bad_params", f"context {given!r} is a file of secrets by its name; send its text to insist")
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()):
        raise ApiError("bad_params", f"context {given!r} lies outside the codebase; send its text instead")
    try:
        with file.open("rb") as stream:
            return stream.read(BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise ApiError("bad_params", f"context {given!r} cannot be read: {error.strerror}") from None
