"""Lines of a file of an indexed codebase, as the file is on disk: in a worker, secrets masked. Knows no protocol."""

from typing import Any

from backend.errors import ApiError
from backend.indexing.indexes import Indexes
from backend.wording import plural
from indexer.errors import WorkerDied
from indexer.files.scan import Candidate, read
from indexer.storage.codebases import CodebaseInfo
from indexer.types import Skip, SourceFile

LINES = 400  # of one answer
_CPU_S = 5.0


def read_lines(indexes: Indexes, codebase: CodebaseInfo, path: str, start: int, end: int | None) -> dict[str, Any]:
    """The answer of `GET /codebases/{id}/file`: lines `start` to `end` (1-based), at most `LINES`. Raises `ApiError`.

    Only files of the index are read: what is ignored, secret, a link or outside the codebase is not in it.
    """
    with indexes.codebases.get(codebase.id).read() as snapshot:
        is_indexed = snapshot.file(path) is not None
    source = _source(indexes, codebase, path) if is_indexed else None
    if source is None:
        raise ApiError("not_found", f"{path[:300]!r} is no file of the index of {codebase.root}")
    lines = source.text.removesuffix("\n").split("\n") if source.text else []
    last = min(len(lines), start + LINES - 1, end if end is not None else start + LINES - 1)
    if last < start and not (start == 1 and not lines):
        size = plural(len(lines), "line")
        raise ApiError("bad_params", f"{path!r} has {size}, none of them in {start}-{end or 'end'}")
    return {
        "path": path,
        "start": start,
        "end": last,
        "lines": len(lines),
        "sha": source.sha,
        "text": "\n".join(lines[start - 1 : last]),
    }


def _source(indexes: Indexes, codebase: CodebaseInfo, path: str) -> SourceFile | None:
    """The file as it would be indexed now; None if it would not be."""
    try:
        found = indexes.workers.questions(read, codebase.root, Candidate(path, 0, 0), seconds=_CPU_S)
    except WorkerDied as death:
        raise ApiError("index_unavailable", f"{path!r} cannot be read: {death}") from None
    return None if isinstance(found, Skip) else found
