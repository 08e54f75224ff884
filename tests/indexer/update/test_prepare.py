"""Worker processes give the same outcomes in the same order as one process, and a crash skips one file only."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.files.scan import CRASHED, Candidate, walk
from indexer.storage.prepared import PreparedFile
from indexer.types import Skip
from indexer.update.prepare import Outcome, Preparer, Task, prepare_files
from tests.indexer.harness import lay_out, put

pytestmark = pytest.mark.process


class Deadly(Preparer):
    """Kills its process at certain files, as a bug in a grammar would."""

    def __call__(self, task: Task) -> Outcome:
        if "deadly" in task.candidate.path:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(task)


@pytest.fixture(autouse=True)
def _many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.update.prepare._WORTH_WORKERS", 0)
    monkeypatch.setattr("indexer.update.prepare._QUEUED", 4)


def tasks(root: Path) -> Iterator[Task]:
    return (Task(found, None) for found in walk(root) if isinstance(found, Candidate))


def chunks(outcome: Outcome) -> list[tuple[str, str]]:
    assert isinstance(outcome, PreparedFile)
    return [(chunk.path, chunk.text) for chunk in outcome.chunks]


def test_workers_give_what_one_process_gives_in_the_same_order(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {f"m{i:02}.py": f"def f{i}():\n    return {i}\n" for i in range(12)})
    preparer = Preparer(root, HashEmbedder(), "recipe")
    alone = [preparer(task) for task in tasks(root)]
    spread = [outcome for _, outcome in prepare_files(preparer, tasks(root))]
    assert [chunks(outcome) for outcome in spread] == [chunks(outcome) for outcome in alone]
    assert [o.vectors for o in spread] == [o.vectors for o in alone]  # type: ignore[union-attr]


def test_a_file_that_crashes_its_worker_is_skipped_and_no_other_is_lost(tmp_path: Path) -> None:
    names = ["a.py", "b.py", "deadly1.py", "e.py", "f.py", "g.py", "h.py", "deadly2.py", "z.py"]
    root = lay_out(tmp_path, dict.fromkeys(names, "x = 1\n"))
    outcomes = dict(prepare_files(Deadly(root, HashEmbedder(), "recipe"), tasks(root)))
    found = {task.candidate.path: outcome for task, outcome in outcomes.items()}
    assert sorted(found) == sorted(names)
    assert {path for path, outcome in found.items() if outcome == Skip(path, CRASHED)} == {"deadly1.py", "deadly2.py"}
    assert chunks(found["z.py"]) == [("z.py", "x = 1")]


def test_without_worker_processes_this_process_does_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(38, "Function not implemented")

    root = lay_out(tmp_path, {f"m{i}.py": f"x = {i}\n" for i in range(6)})
    monkeypatch.setattr("indexer.update.prepare.ProcessPoolExecutor", refused)
    found = [chunks(outcome) for _, outcome in prepare_files(Preparer(root, HashEmbedder(), "recipe"), tasks(root))]
    assert found == [[(f"m{i}.py", f"x = {i}")] for i in range(6)]
    assert [record.message.split(",")[0] for record in caplog.records] == ["worker processes cannot be started"]


def test_closing_the_generator_ends_the_workers(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {f"m{i:02}.py": "x = 1\n" for i in range(8)})
    outcomes = prepare_files(Preparer(root, HashEmbedder(), "recipe"), tasks(root))
    assert next(outcomes)[0].candidate.path == "m00.py"
    outcomes.close()
    assert list(outcomes) == []
    assert active_children() == []


def test_a_file_that_crashed_before_is_prepared_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.update.prepare._WORTH_WORKERS", 1 << 30)
    root = lay_out(tmp_path, {"a.py": "x = 1\n", "deadly.py": "x = 1\n"})
    found = [Task(t.candidate, None, crashed="deadly" in t.candidate.path) for t in tasks(root)]
    outcomes = [outcome for _, outcome in prepare_files(Deadly(root, HashEmbedder(), "recipe"), found)]
    assert chunks(outcomes[0]) == [("a.py", "x = 1")]
    assert outcomes[1] == Skip("deadly.py", CRASHED)


UNGUARDED = """
from pathlib import Path
from tempfile import mkdtemp
from indexer.update import prepare
from indexer.storage.codebases import Codebases
from indexer.embedding.base import HashEmbedder
from indexer.update.refresh import refresh

prepare._WORTH_WORKERS = 0
report = refresh(Codebases(Path(INDEXES)).open(Path("code")), HashEmbedder())
print(report.files, report.skipped)
"""


@pytest.mark.parametrize("indexes", ["'indexes'", "mkdtemp(dir='.')"])  # a second run finds: a locked index, a new one
def test_a_script_without_a_guard_gets_its_index_and_a_warning(tmp_path: Path, indexes: str) -> None:
    lay_out(tmp_path / "code", {f"m{i}.py": f"def f{i}():\n    return {i}\n" for i in range(6)})
    (tmp_path / "script.py").write_text(UNGUARDED.replace("INDEXES", indexes))
    # Returns when no process holds the output any more: one that was left behind would hold it.
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "6 ()\n")
    assert done.stderr.count('a script that indexes, for instance, needs `if __name__ == "__main__":` around') == 1


ORPHANS = """
import os, signal, sys
from pathlib import Path
from indexer.embedding.base import HashEmbedder
from indexer.update.prepare import Preparer, _run_in_pool, Task
from indexer.files.scan import Candidate

if __name__ == "__main__":
    task = Task(Candidate("a.py", 6, 0), None)
    outcomes = _run_in_pool(Preparer(Path(sys.argv[1]), HashEmbedder(), "recipe"), [task] * 4, 2, 1)
    next(outcomes)
    print("killed", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_exit_when_their_job_is_killed(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "x = 1\n")
    script = put(tmp_path, "job.py", ORPHANS)
    # The pipe ends with the last process that holds it. A worker that lived on would hold it until TimeoutExpired.
    job = subprocess.run([sys.executable, script, tmp_path], stdout=subprocess.PIPE, timeout=60, check=False)
    assert (job.returncode, job.stdout) == (-signal.SIGKILL, b"killed\n")
