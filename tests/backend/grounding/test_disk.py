"""Cited lines are compared with the disk in a worker process; where that process dies they are not called unchanged."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backend.grounding.disk import Disk
from backend.grounding.sources import Source
from backend.indexing.indexes import Indexes
from backend.indexing.retrieval import Retrieval
from backend.indexing.workers import Workers
from indexer.errors import IndexCancelled, WorkerDied
from indexer.navigation.working_tree import find_lines

TEXT = "def f():\n    return 1"
SOURCE = Source(1, "a.py", 3, 4, "sha of what was indexed", TEXT, "f", attached=False)


def retrieval(questions: Any) -> Retrieval:
    indexes = SimpleNamespace(codebases=None, workers=Workers(questions, questions, lambda: None))
    return Retrieval(cast(Indexes, indexes), lambda _: None)


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (f"import os\n\n{TEXT}\n", "ok"),
        (f"import os\n\n{TEXT}", "ok"),
        (f"{TEXT}\n", "moved"),
        (f"#\n#\n#\n#\n{TEXT}", "moved"),
        (f"import os\n\n {TEXT}0\n", "stale"),
        ("\n" * 999_000, "stale"),
    ],
)
def test_lines_are_where_they_were_or_elsewhere_or_gone(tmp_path: Path, now: str, status: str) -> None:
    (tmp_path / "a.py").write_text(now)
    assert Disk(tmp_path, find_lines).status(SOURCE, 3, 4) == status


@pytest.mark.parametrize("failure", [WorkerDied("it crashed"), IndexCancelled("Lantern stops")])
def test_a_file_that_cannot_be_compared_is_stale(tmp_path: Path, failure: Exception) -> None:
    (tmp_path / "a.py").write_text(f"import os\n\n{TEXT}\n")
    called: list[object] = []

    def dies(function: object, *_: object, **__: object) -> None:
        called.append(function)
        raise failure

    assert Disk(tmp_path, retrieval(dies).find_lines).status(SOURCE, 3, 4) == "stale"
    assert called == [find_lines]
