"""What the prompt tests share: a hit in one line, a tokeniser that counts words, and how fast work grows."""

import time
from collections.abc import Callable

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


def growth(work: Callable[[int], object], size: int) -> float:
    """How many times longer it takes for four times the size: 4 for linear, 16 for quadratic, 64 for cubic work.

    Of processor time in one run, the best of three: a busy machine changes it little.
    """

    def best_s(size: int) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            work(size)
            times.append(time.process_time() - start)
        return min(times)

    return best_s(4 * size) / max(best_s(size), 1e-6)
