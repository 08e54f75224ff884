"""A refresh reads only what changed, and loses nothing."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.errors import CodebaseEmpty, CodebaseUnreadable, IndexCancelled, IndexStorage, WorkerDied
from indexer.files.git_history import changed_paths, head
from indexer.files.scan import Candidate
from indexer.search.searcher import Searcher
from indexer.types import Masked, Progress, Skip
from indexer.update import refresh as module
from indexer.update.refresh import refresh
from indexer.workers.pool import Runner
from tests.indexer.files.secrets.planted import TOKENS, Source
from tests.indexer.harness import World, put
from tests.indexer.repository import commit, git

T = TypeVar("T")

OLD = 1_000_000_000 * 10**9  # long before anything was indexed


def settle(world: World) -> None:
    """Makes every file old, so that its stat proves that it is unchanged."""
    for file in world.root.rglob("*"):
        os.utime(file, ns=(OLD, OLD))
    world.refresh()


def test_a_first_run_indexes_everything(tmp_path: Path) -> None:
    world = World(tmp_path)
    report = world.refresh()
    assert (report.files, report.chunks, report.changed, report.removed) == (4, 7, 4, 0)
    assert report.skipped == ()
    paths = [row[0] for row in world.content()]
    assert paths == ["README.md", "app/config.py", *["app/server.py"] * 4, "web/page.js"]


def test_without_changes_the_generation_stays(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.refresh()
    again = world.refresh()
    assert (again.changed, again.removed) == (0, 0)
    assert again.generation == first.generation


def test_a_touched_file_is_read_but_not_indexed_and_its_stat_is_updated(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    settle(world)
    with world.store.read() as snapshot:
        assert {file.mtime_ns for file in snapshot.files().values()} == {OLD}
    report = world.refresh()
    assert report.changed == 0


def test_an_edit_touches_only_the_file_that_changed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    file = world.root / "app/server.py"
    put(world.root, "app/server.py", file.read_text().replace("return None", "return 'stopped'"))
    report = world.refresh()
    assert (report.changed, report.files) == (1, 4)
    assert world.content() == world.rebuilt_content()


def test_an_edit_of_the_same_size_within_the_same_instant_is_seen(tmp_path: Path) -> None:
    world = World(tmp_path, {"a.py": "x = 1\n"})
    world.refresh()
    info = (world.root / "a.py").stat()
    put(world.root, "a.py", "x = 2\n")
    os.utime(world.root / "a.py", ns=(info.st_atime_ns, info.st_mtime_ns))
    assert world.refresh().changed == 1
    assert [row[4] for row in world.content()] == ["x = 2"]


def test_a_file_that_goes_and_comes_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    text = (world.root / "app/config.py").read_text()
    (world.root / "app/config.py").unlink()
    gone = world.refresh()
    assert (gone.removed, gone.files) == (1, 3)
    put(world.root, "app/config.py", text)
    back = world.refresh()
    assert (back.changed, back.files) == (1, 4)
    assert world.content() == world.rebuilt_content()


def test_a_renamed_file_leaves_its_old_name(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    (world.root / "web/page.js").rename(world.root / "web/view.js")
    report = world.refresh()
    assert (report.changed, report.removed) == (1, 1)
    assert world.content() == world.rebuilt_content()


def test_a_file_that_becomes_binary_is_removed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    (world.root / "app/config.py").write_bytes(b"\0\1\2")
    report = world.refresh()
    assert (report.removed, report.files) == (1, 3)
    assert [(skip.path, skip.reason) for skip in report.skipped] == [("app/config.py", "binary")]


def test_another_embedding_model_indexes_everything_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.refresh()
    world.embedder = HashEmbedder(dim=32, model_id="other")
    report = world.refresh()
    assert report.changed == 4
    with world.store.read() as snapshot:
        [(_, ids, vectors, damaged)] = snapshot.vectors_after(0, "other-32", 32)
    assert (len(ids), vectors.shape, damaged) == (first.chunks, (first.chunks, 32), [])


def test_bad_files_are_skipped_with_a_reason_and_stop_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    put(world.root, "broken.py", "def (((((:\n" * 50)
    put(world.root, "nested.js", "[\n" * 9000)
    (world.root / "image.txt").write_bytes(b"\0\0\0")
    (world.root / "latin.py").write_bytes("# größer als die Welt\n".encode("latin-1"))
    (world.root / "loop").symlink_to(world.root)
    report = world.refresh()
    assert report.files == 7
    assert {skip.path: skip.reason for skip in report.skipped} == {"image.txt": "binary", "loop": "symlink"}
    with world.store.read() as snapshot:
        assert snapshot.skips() == tuple(sorted(report.skipped, key=lambda skip: skip.path))


def test_a_folder_with_nothing_to_index_says_why(tmp_path: Path) -> None:
    world = World(tmp_path, {".env": "A=1\n", "id_rsa": "x\n", "logo.png": "x"})
    with pytest.raises(CodebaseEmpty, match=r"\(2 secret, 1 binary\)"):
        world.refresh()
    (world.root / ".env").unlink()
    (world.root / "id_rsa").unlink()
    (world.root / "logo.png").unlink()
    with pytest.raises(CodebaseEmpty, match="no files at all"):
        world.refresh()


def test_a_deleted_folder(tmp_path: Path) -> None:
    world = World(tmp_path, {"a.py": "x = 1\n"})
    store = world.store
    (world.root / "a.py").unlink()
    world.root.rmdir()
    with pytest.raises(CodebaseUnreadable, match="no folder"):
        refresh(store, world.embedder)


def test_the_old_index_is_searchable_while_another_embedder_indexes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    new = HashEmbedder(dim=32, model_id="other")
    found: list[str] = []

    def search(progress: Progress) -> None:
        found.append(Searcher(world.store, world.embedder).search("load_config")[0].path)

    assert refresh(world.store, new, on_progress=search).changed == 4
    assert set(found) == {"app/config.py"}
    assert Searcher(world.store, new).search("load_config")[0].path == "app/config.py"
    with world.store.read() as snapshot:
        assert [len(ids) for _, ids, _, _ in snapshot.vectors_after(0, world.embedder.model_id, 64)] == []


def many(n: int) -> dict[str, str]:
    return {f"m{i:03}.py": f"def f{i}():\n    return {i}\n\n\ndef g{i}():\n    return -{i}\n" for i in range(n)}


def test_progress_is_monotonic_and_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.update.refresh._BATCH_CHUNKS", 50)
    world = World(tmp_path, many(100))
    reports: list[Progress] = []
    refresh(world.store, world.embedder, on_progress=reports.append)
    assert [reports[0].stage, reports[-1].stage] == ["scanning", "done"]
    working = [p for p in reports if p.stage == "indexing"]
    assert {p.total for p in working} == {100}
    assert [p.done for p in working] == sorted(p.done for p in working)
    assert [p.chunks for p in working] == sorted(p.chunks for p in working)
    assert len({p.chunks for p in working}) >= 4  # 200 chunks, 50 at a time
    assert (reports[-1].done, reports[-1].chunks, reports[-1].eta_s) == (100, 200, 0.0)
    assert working[0].eta_s is None
    assert all(p.eta_s is not None and p.files_per_s > 0 for p in working if p.chunks)


def test_nothing_is_estimated_from_the_first_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.update.refresh._BATCH_CHUNKS", 1)
    world = World(tmp_path, many(100))
    reports: list[Progress] = []
    refresh(world.store, world.embedder, on_progress=reports.append)
    estimated = [p.done for p in reports if p.stage == "indexing" and p.eta_s is not None]
    assert min(estimated) == 4  # of a hundred: the first ten are a little shorter
    assert estimated == list(range(4, 101))


def test_a_file_that_was_empty_when_it_was_listed_is_indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.refresh()
    put(world.root, "new.py", "")
    listed = module._Job._scanned

    def scanned(job: module._Job) -> list[Candidate | Skip]:
        found = listed(job)
        put(world.root, "new.py", "def late():\n    return 1\n")  # an editor makes a file first and fills it then
        return found

    monkeypatch.setattr(module._Job, "_scanned", scanned)
    assert refresh(world.store, world.embedder, only=["new.py"]).changed == 1


def test_a_cancelled_job_keeps_what_it_wrote_and_the_next_does_only_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.update.refresh._BATCH_CHUNKS", 50)
    world = World(tmp_path, many(100))
    reports: list[Progress] = []

    def enough() -> bool:
        return bool(reports) and reports[-1].chunks >= 60

    with pytest.raises(IndexCancelled):
        refresh(world.store, world.embedder, on_progress=reports.append, runner=Runner(cancelled=enough))
    with world.store.read() as snapshot:
        files, _ = snapshot.counts()
    assert 30 <= files < 100
    report = world.refresh()
    assert (report.files, report.changed) == (100, 100 - files)
    assert world.content() == world.rebuilt_content()


def changes(world: World) -> list[tuple[str, int]]:
    with sqlite3.connect(world.database_file) as db:
        return db.execute("SELECT path, age FROM changes ORDER BY age, path").fetchall()


def test_the_history_is_stored_without_its_messages_being_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(text: str) -> str:
        raise AssertionError(text)

    monkeypatch.setattr("indexer.files.git_history.mask", refuse)
    world = World(tmp_path, {})
    world.root.mkdir()
    git(world.root, "init")
    commit(world.root, "One", {"a.py": "x = 1\n"})
    commit(world.root, "Two", {"b.py": "x = 2\n"})
    world.refresh()
    assert changes(world) == [("b.py", 0), ("a.py", 1)]


def test_a_history_that_kills_its_worker_is_left_out_until_the_next_commit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def call(function: Callable[..., T], *arguments: Any, **_: Any) -> T:
        asked.append(function.__name__ if function in (head, changed_paths) else "")
        if function is changed_paths:
            raise WorkerDied("it needed too much memory")
        return function(*arguments)

    world = World(tmp_path)
    git(world.root, "init")
    commit(world.root, "One", {"a.py": "x = 1\n"})
    report = refresh(world.store, world.embedder, runner=Runner(call))
    assert (report.files, report.changed) == (5, 5)
    assert [message for message in caplog.messages if "history" in message] == [
        f"the history of {world.root} is not read until its next commit: it needed too much memory"
    ]
    refresh(world.store, world.embedder, runner=Runner(call))
    assert list(filter(None, asked)) == ["head", "changed_paths", "head"]


def test_two_jobs_on_one_codebase(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.store.indexing(), pytest.raises(IndexStorage, match="being indexed by another job"):
        world.refresh()
    assert world.refresh().files == 4


def test_a_report_says_where_secrets_were_masked_in_this_run_and_no_byte_of_the_index_has_them(tmp_path: Path) -> None:
    secret, token = "Xk29v" + "Lq8wP1", TOKENS["github"](Source(8))
    world = World(
        tmp_path, {"a.py": f"# one\npassword = '{secret}'\n", "b.py": "x = 1\n", f"notes-{token}.md": "# x\n"}
    )
    report = world.refresh()
    assert report.masked == (Masked("a.py", (2,)),)
    assert [skip.reason for skip in report.skipped] == ["secret"]
    assert token not in report.skipped[0].path
    stored = b"".join(
        file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and world.root not in file.parents
    )
    assert stored
    assert secret.encode() not in stored
    assert token.encode() not in stored
    assert world.refresh().masked == ()
