"""What the prompt tests share: a hit in one line, and a tokeniser that counts words."""

from indexer.types import Hit, Why
from models.types import Segment


def hit(n: int, *, text: str = "", path: str = "", symbol: str = "") -> Hit:
    return Hit(
        chunk_id=n,
        path=path or f"pkg/m{n}.py",
        start_line=n,
        end_line=n + 1,
        symbol=symbol or f"f{n}",
        kind="function",
        language="python",
        signature=f"def f{n}()",
        doc=f"Does {n}.",
        text=text or f"def f{n}():\n    return {n}",
        sha=f"sha{n}",
        score=1 / n,
        why=Why(),
        fresh=True,
    )


def words(segments: tuple[Segment, ...]) -> int:
    return len("".join(segment.text for segment in segments).split())
