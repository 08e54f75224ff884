"""Codebases with unusual files: each gets an index, or an error with the reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from indexer.errors import CodebaseEmpty, IndexCancelled, WorkerDied
from indexer.files.scan import COSTLY
from indexer.search.searcher import Searcher
from indexer.types import Progress
from indexer.update.prepare import Preparer
from indexer.update.refresh import refresh
from indexer.workers.pool import Runner
from tests.indexer.harness import World

T = TypeVar("T")

pytestmark = pytest.mark.process


def test_only_binaries(tmp_path: Path) -> None:
    world = World(tmp_path, {"a.txt": "", "b.so": "x"})
    (world.root / "a.txt").write_bytes(b"\0" * 100)
    with pytest.raises(CodebaseEmpty, match="2 binary"):
        world.refresh()


def test_a_generated_file_of_30_000_lines(tmp_path: Path) -> None:
    world = World(tmp_path, {"table.py": "".join(f"x{n}=0\n" for n in range(30_000)), "a.py": "def near(): pass\n"})
    report = world.refresh()
    assert (report.files, report.skipped) == (2, ())
    lines = {line for row in world.content() if row[0] == "table.py" for line in range(row[2], row[3] + 1)}
    assert lines == set(range(1, 30_001))
    assert "a.py" in [hit.path for hit in Searcher(world.store, world.embedder).search("near")]


def test_encodings_of_all_kinds(tmp_path: Path) -> None:
    world = World(tmp_path, {})
    for name, encoding in (("a", "utf-8"), ("b", "latin-1"), ("c", "utf-16"), ("d", "utf-8-sig")):
        world.root.mkdir(exist_ok=True)
        (world.root / f"{name}.py").write_bytes("größe = 'naïve'\r\n".encode(encoding))
    assert world.refresh().skipped == ()
    assert {row[4] for row in world.content()} == {"größe = 'naïve'"}


def test_files_that_vanish_while_the_job_runs(tmp_path: Path) -> None:
    world = World(tmp_path, {f"m{n:02}.py": f"def f{n}(): pass\n" for n in range(20)})

    def vanish(progress: Progress) -> None:
        if progress.stage == "indexing":
            for n in range(10, 20):
                (world.root / f"m{n:02}.py").unlink(missing_ok=True)

    report = refresh(world.store, world.embedder, on_progress=vanish)
    assert (report.files, {skip.reason for skip in report.skipped}) == (10, {"vanished"})


def test_a_file_that_is_too_costly_is_not_tried_again_after_a_cancelled_job(tmp_path: Path) -> None:
    world = World(tmp_path, {f"m{n:02}.py": f"def f{n}(): pass\n" for n in range(20)} | {"large.py": "x = 1\n"})
    world.refresh()
    tried: list[str] = []

    def call(function: Callable[..., T], *arguments: Any, **_: Any) -> T:
        if isinstance(function, Preparer) and arguments[0].candidate.path == "large.py":
            tried.append("large.py")
            raise WorkerDied("it needed too much memory")
        return function(*arguments)

    def skips() -> list[tuple[str, str]]:
        with world.store.read() as snapshot:
            return [(skip.path, skip.reason) for skip in snapshot.skips()]

    for file in world.root.iterdir():
        file.write_text("# more\n" + file.read_text())
    with pytest.raises(IndexCancelled):
        refresh(world.store, world.embedder, runner=Runner(call, lambda: bool(skips())))
    assert skips() == [("large.py", COSTLY)]
    assert "large.py" not in {row[0] for row in world.content()}
    report = refresh(world.store, world.embedder, runner=Runner(call))
    assert (report.files, [skip.path for skip in report.skipped]) == (20, ["large.py"])
    assert tried == ["large.py"]  # by the first job
