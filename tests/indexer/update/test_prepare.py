"""Workers give the same outcomes in the same order as one process; a file that kills its worker costs only itself."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.errors import IndexCancelled, NoWorker
from indexer.files.scan import COSTLY, Candidate, walk
from indexer.storage.rows import PreparedFile
from indexer.types import Skip
from indexer.update.prepare import Outcome, Preparer, Task, prepare_files
from indexer.workers.pool import Runner, WorkerPool
from tests.indexer.harness import lay_out

pytestmark = pytest.mark.process


class Deadly(Preparer):
    """Kills its process at certain files, as a bug in a grammar would."""

    def __call__(self, task: Task) -> Outcome:
        if "deadly" in task.candidate.path:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(task)


_read_before: list[str] = []  # by this process


class Crowded(Preparer):
    """Kills its process at a certain file if others have filled its memory. Notes each try."""

    def __call__(self, task: Task) -> Outcome:
        with (self.root.parent / "tries").open("a") as tries:
            tries.write(f"{task.candidate.path}\n")
        if "large" in task.candidate.path and _read_before:
            os.kill(os.getpid(), signal.SIGKILL)
        _read_before.append(task.candidate.path)
        return super().__call__(task)


class Bomb(Crowded):
    def __call__(self, task: Task) -> Outcome:
        _read_before.append("")
        return super().__call__(task)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def tasks(root: Path) -> Iterator[Task]:
    return (Task(found, None) for found in walk(root) if isinstance(found, Candidate))


def chunks(outcome: Outcome) -> list[tuple[str, str]]:
    assert isinstance(outcome, PreparedFile)
    return [(chunk.path, chunk.text) for chunk in outcome.chunks]


def test_workers_give_what_one_process_gives_in_the_same_order(tmp_path: Path, pool: WorkerPool) -> None:
    root = lay_out(tmp_path, {f"m{i:02}.py": f"def f{i}():\n    return {i}\n" for i in range(40)})
    preparer = Preparer(root, HashEmbedder(), "recipe")
    alone = [outcome for _, outcome in prepare_files(preparer, tasks(root), Runner())]
    spread = [outcome for _, outcome in prepare_files(preparer, tasks(root), Runner(pool.run))]
    assert [chunks(o) for o in alone] == [[(f"m{i:02}.py", f"def f{i}():\n    return {i}")] for i in range(40)]
    assert [chunks(outcome) for outcome in spread] == [chunks(outcome) for outcome in alone]
    assert [o.vectors for o in spread] == [o.vectors for o in alone]  # type: ignore[union-attr]


def test_a_file_that_kills_its_worker_is_skipped_and_no_other_is_lost(
    tmp_path: Path, pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["a.py", "b.py", "deadly1.py", "e.py", "f.py", "g.py", "h.py", "deadly2.py", "z.py"]
    root = lay_out(tmp_path, dict.fromkeys(names, "x = 1\n"))
    outcomes = dict(prepare_files(Deadly(root, HashEmbedder(), "recipe"), tasks(root), Runner(pool.run)))
    found = {task.candidate.path: outcome for task, outcome in outcomes.items()}
    assert sorted(found) == sorted(names)
    skipped = {path for path, outcome in found.items() if isinstance(outcome, Skip) and outcome.reason == COSTLY}
    assert skipped == {"deadly1.py", "deadly2.py"}
    assert chunks(found["z.py"]) == [("z.py", "x = 1")]
    assert sorted(message.split(",")[0] for message in caplog.messages) == [
        f"deadly{n}.py is left out until it changes: the process that read it was ended" for n in (1, 2)
    ]


def test_a_file_is_not_to_blame_for_what_others_left_in_the_memory_of_its_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["a.py", "b.py", "large.py", "z.py"]
    root = lay_out(tmp_path / "code", dict.fromkeys(names, "x = 1\n"))
    pool = WorkerPool(1)
    with closing(pool):
        outcomes = list(prepare_files(Crowded(root, HashEmbedder(), "recipe"), tasks(root), Runner(pool.run)))
    assert [chunks(outcome) for _, outcome in outcomes] == [[(name, "x = 1")] for name in names]
    assert sorted((tmp_path / "tries").read_text().split()) == ["a.py", "b.py", "large.py", "large.py", "z.py"]
    assert caplog.messages == []


def test_a_file_that_kills_its_worker_again_is_tried_twice(tmp_path: Path, pool: WorkerPool) -> None:
    root = lay_out(tmp_path / "code", dict.fromkeys(["a.py", "large.py"], "x = 1\n"))
    outcomes = list(prepare_files(Bomb(root, HashEmbedder(), "recipe"), tasks(root), Runner(pool.run)))
    assert [isinstance(outcome, Skip) for _, outcome in outcomes] == [False, True]
    assert sorted((tmp_path / "tries").read_text().split()) == ["a.py", "large.py", "large.py"]


def test_files_are_not_to_blame_when_no_process_can_be_started(
    tmp_path: Path, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("indexer.workers.pool.subprocess.Popen", refuse)
    root = lay_out(tmp_path, {"a.py": "x = 1\n"})
    with pytest.raises(NoWorker, match="Too many open files"):
        list(prepare_files(Preparer(root, HashEmbedder(), "recipe"), tasks(root), Runner(pool.run)))


@pytest.mark.parametrize(("size", "ahead"), [(100, 33), (1_500_000, 3)])
def test_many_small_files_or_few_large_ones_are_prepared_ahead(tmp_path: Path, size: int, ahead: int) -> None:
    taken = []

    def drawn() -> Iterator[Task]:
        for number in range(40):
            taken.append(number)
            yield Task(Candidate(f"{number}.py", size, 0), None)

    outcomes = prepare_files(Preparer(tmp_path, HashEmbedder(), "recipe"), drawn(), Runner())
    assert next(outcomes)[0].candidate.path == "0.py"
    assert len(taken) == ahead
    assert [task.candidate.path for task, _ in outcomes] == [f"{number}.py" for number in range(1, 40)]


def test_a_cancelled_job_ends_at_once_and_leaves_no_call_behind(tmp_path: Path, pool: WorkerPool) -> None:
    root = lay_out(tmp_path, {f"m{i:02}.py": "x = 1\n" for i in range(40)})
    is_cancelled = False
    outcomes = prepare_files(
        Preparer(root, HashEmbedder(), "recipe"), tasks(root), Runner(pool.run, lambda: is_cancelled)
    )
    assert next(outcomes)[0].candidate.path == "m00.py"
    is_cancelled = True
    with pytest.raises(IndexCancelled):
        list(outcomes)
    assert pool.run(os.getpid, seconds=1) > 0


def test_a_file_of_very_many_definitions_is_too_costly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.update.prepare._DEFINITIONS", 3)
    root = lay_out(tmp_path, {"few.py": "def f(): 0\n" * 3, "many.py": "def f(): 0\n" * 4})
    few, many = [
        outcome for _, outcome in prepare_files(Preparer(root, HashEmbedder(), "recipe"), tasks(root), Runner())
    ]
    assert len(chunks(few)) == 3
    assert isinstance(many, Skip)
    assert many.reason == COSTLY
