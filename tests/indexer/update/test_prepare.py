"""Preparing files in worker processes: the same outcomes in the same order, and a crash costs one file."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.files.scan import CRASHED, Candidate, walk
from indexer.storage.store import Indexed
from indexer.types import Skip
from indexer.update.prepare import Outcome, Preparer, Task, prepared
from tests.indexer.harness import lay_out


class Deadly(Preparer):
    """Kills its process at certain files, as a grammar with a bug would."""

    def __call__(self, task: Task) -> Outcome:
        if "deadly" in task.candidate.path:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(task)


@pytest.fixture(autouse=True)
def _many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.update.prepare._WORTH_WORKERS", 0)
    monkeypatch.setattr("indexer.update.prepare._AHEAD", 4)


def tasks(root: Path) -> Iterator[Task]:
    return (Task(found, None) for found in walk(root) if isinstance(found, Candidate))


def chunks(outcome: Outcome) -> list[tuple[str, str]]:
    assert isinstance(outcome, Indexed)
    return [(chunk.path, chunk.text) for chunk in outcome.chunks]


def test_workers_give_what_one_process_gives_in_the_same_order(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {f"m{i:02}.py": f"def f{i}():\n    return {i}\n" for i in range(12)})
    preparer = Preparer(root, HashEmbedder(), "recipe")
    alone = [preparer(task) for task in tasks(root)]
    spread = [outcome for _, outcome in prepared(preparer, tasks(root))]
    assert [chunks(outcome) for outcome in spread] == [chunks(outcome) for outcome in alone]
    assert [o.vectors for o in spread] == [o.vectors for o in alone]  # type: ignore[union-attr]


def test_a_file_that_kills_its_process_is_skipped_and_all_others_are_there(tmp_path: Path) -> None:
    names = ["a.py", "b.py", "deadly1.py", "e.py", "f.py", "g.py", "h.py", "deadly2.py", "z.py"]
    root = lay_out(tmp_path, dict.fromkeys(names, "x = 1\n"))
    outcomes = dict(prepared(Deadly(root, HashEmbedder(), "recipe"), tasks(root)))
    found = {task.candidate.path: outcome for task, outcome in outcomes.items()}
    assert sorted(found) == sorted(names)
    assert {path for path, outcome in found.items() if outcome == Skip(path, CRASHED)} == {"deadly1.py", "deadly2.py"}
    assert chunks(found["z.py"]) == [("z.py", "x = 1")]


def test_where_the_system_starts_no_process_all_is_done_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(38, "Function not implemented")

    root = lay_out(tmp_path, {f"m{i}.py": f"x = {i}\n" for i in range(6)})
    monkeypatch.setattr("indexer.update.prepare.ProcessPoolExecutor", refused)
    found = [chunks(outcome) for _, outcome in prepared(Preparer(root, HashEmbedder(), "recipe"), tasks(root))]
    assert found == [[(f"m{i}.py", f"x = {i}")] for i in range(6)]
    assert [record.message.split(",")[0] for record in caplog.records] == ["worker processes cannot be started"]


def test_closing_it_early_ends_the_workers(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {f"m{i:02}.py": "x = 1\n" for i in range(8)})
    outcomes = prepared(Preparer(root, HashEmbedder(), "recipe"), tasks(root))
    assert next(outcomes)[0].candidate.path == "m00.py"
    outcomes.close()
    assert list(outcomes) == []


def test_a_file_that_crashed_before_is_kept_away_from_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.update.prepare._WORTH_WORKERS", 1 << 30)
    root = lay_out(tmp_path, {"a.py": "x = 1\n", "deadly.py": "x = 1\n"})
    found = [Task(t.candidate, None, crashed="deadly" in t.candidate.path) for t in tasks(root)]
    outcomes = [outcome for _, outcome in prepared(Deadly(root, HashEmbedder(), "recipe"), found)]
    assert chunks(outcomes[0]) == [("a.py", "x = 1")]
    assert outcomes[1] == Skip("deadly.py", CRASHED)


UNGUARDED = """
from pathlib import Path
from tempfile import mkdtemp
from indexer import prepare
from indexer.codebases import Codebases
from indexer.embed import HashEmbedder
from indexer.refresh import refresh

prepare._WORTH_WORKERS = 0
report = refresh(Codebases(Path(INDEXES)).open(Path("code")), HashEmbedder())
print(report.files, report.skipped)
"""


@pytest.mark.parametrize("indexes", ["'indexes'", "mkdtemp(dir='.')"])  # run again it finds: a locked one, a new one
def test_a_script_without_a_guard_gets_its_index_and_is_told(tmp_path: Path, indexes: str) -> None:
    lay_out(tmp_path / "code", {f"m{i}.py": f"def f{i}():\n    return {i}\n" for i in range(6)})
    (tmp_path / "script.py").write_text(UNGUARDED.replace("INDEXES", indexes))
    # Ends when nobody holds its output any more: a process that it left behind would.
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "6 ()\n")
    assert done.stderr.count('a script that indexes, for instance, needs `if __name__ == "__main__":` around') == 1
