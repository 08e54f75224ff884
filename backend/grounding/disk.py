"""Whether the lines of a source are still in the file that they were read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.grounding.sources import Source
from indexer.files.scan import sha_of

FindLines = Callable[[Path, str, Sequence[str], int], int | None]  # `Retrieval.find_lines`
OK, MOVED, STALE = "ok", "moved", "stale"


@dataclass(frozen=True, slots=True)
class Disk:
    """The files of one codebase as they are now; `root` is None if there is no codebase."""

    root: Path | None
    find_lines: FindLines

    def status(self, source: Source, first: int, last: int) -> str:
        """ok: the lines first..last of a source are where they were; moved: elsewhere in its file; stale: not in it."""
        if source.attached:
            return OK
        if self.root is None:
            return STALE
        if sha_of(self.root, source.path) == source.sha:
            return OK
        lines, start = tuple(source.lines(first, last)), max(first, source.start)
        if not any(map(str.strip, lines)):
            return STALE
        found = self.find_lines(self.root, source.path, lines, start)
        return STALE if found is None else OK if found == start else MOVED

    def is_path_of(self, cited: str, path: str) -> bool:
        """Whether a path in an answer, absolute or shortened to its last parts, means this file."""
        return cited == f"{self.root}/{path}" or f"/{path}".endswith(f"/{cited.removeprefix('./')}")
