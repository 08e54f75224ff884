"""Index jobs: their states, their queue and their end. Changes that become jobs: test_freshness.py."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.errors import ApiError
from backend.indexing import jobs as module
from backend.indexing import watchers
from backend.indexing.embedders import Embedders
from backend.indexing.indexes import Indexes
from backend.indexing.jobs import Jobs, report_wire
from backend.indexing.workers import no_workers
from indexer.embedding.base import HashEmbedder
from indexer.errors import IndexCancelled, IndexStorage
from indexer.storage.store import Store
from indexer.types import IndexReport, Masked, Skip
from indexer.update.refresh import refresh
from indexer.workers.pool import Call
from tests.indexer.harness import lay_out
from tests.processes import eventually


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Jobs]:
    jobs = Jobs(Indexes(folder / "indexes", Embedders(HashEmbedder(), HashEmbedder), no_workers()), watch=False)
    try:
        yield jobs
    finally:
        await jobs.close()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Jobs wait for it before they index."""
    is_open = threading.Event()

    def waits(*args: object, **options: object) -> IndexReport:
        assert is_open.wait(30)
        return refresh(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "refresh", waits)
    yield is_open
    is_open.set()


async def test_a_job_ends_with_its_report(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", {"a.py": "def f(): pass\n", ".env": "KEY=hunter2hunter2\n"})
    async with started(tmp_path) as jobs:
        job = await jobs.start(str(root))
        await jobs.wait(job)
        assert jobs.get(job.id) is job
        assert jobs.all(job.codebase) == [job]
        assert not jobs.is_busy(job.codebase)
    wire = job.wire
    assert (wire["state"], wire["root"], wire["chunks"]) == ("done", str(root), 1)
    assert (wire["report"]["files"], wire["report"]["skipped"]) == (1, {"secret": 1})
    assert "error" not in wire


async def test_the_same_codebase_has_one_running_job_and_two_run_side_by_side(
    tmp_path: Path, gate: threading.Event
) -> None:
    roots = [str(lay_out(tmp_path / name, {"a.py": "def f(): pass\n"})) for name in ("code", "other", "third")]
    async with started(tmp_path) as jobs:
        started_jobs = [await jobs.start(root) for root in roots]
        assert await jobs.start(roots[0]) is started_jobs[0]
        assert [job.state for job in started_jobs] == ["running", "running", "queued"]
        assert jobs.is_busy(started_jobs[2].codebase)
        gate.set()
        await jobs.wait(started_jobs[2])
    assert [job.state for job in started_jobs] == ["done"] * 3


async def test_a_running_job_is_cancelled_and_the_queued_one_runs(tmp_path: Path, gate: threading.Event) -> None:
    roots = [str(lay_out(tmp_path / name, {"a.py": "def f(): pass\n"})) for name in ("code", "other", "third")]
    async with started(tmp_path) as jobs:
        first, second, third = [await jobs.start(root) for root in roots]
        cancelling = asyncio.create_task(jobs.cancel(first.id))
        await asyncio.sleep(0)  # until it waits for the job
        gate.set()
        await cancelling
        assert first.wire["error"]["code"] == "cancelled"
        await jobs.wait(third)
        await jobs.wait(second)
        assert await jobs.cancel(third.id) is third
    assert [job.state for job in (first, second, third)] == ["cancelled", "done", "done"]


async def test_a_queued_job_is_cancelled_at_once(tmp_path: Path, gate: threading.Event) -> None:
    roots = [str(lay_out(tmp_path / name, {"a.py": "def f(): pass\n"})) for name in ("code", "other", "third")]
    async with started(tmp_path) as jobs:
        queued = [await jobs.start(root) for root in roots][2]
        assert (await jobs.cancel(queued.id)).state == "cancelled"
        with pytest.raises(ApiError, match="before it began"):
            await jobs.wait(queued)
        with pytest.raises(ApiError, match="no index job nothing"):
            await jobs.cancel("nothing")
        gate.set()


async def test_what_is_saved_in_a_minute_is_purged_once_and_what_is_deleted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lay_out(tmp_path / "code", {"a.py": "def plantone(): pass\n", "b.py": "def planttwo(): pass\n"})
    indexes = tmp_path / "indexes"
    async with started(tmp_path) as jobs:
        await jobs.wait(await jobs.start(str(root)))
        store = jobs._indexes.store(str(root))
        for text in ("def plantthree(): pass\n", "def other(): pass\n"):
            (root / "a.py").write_text(text)
            await jobs.wait(jobs._enqueue(store, frozenset({"a.py"}), follow=False))
        assert list(jobs._purges) == [store.id]
        assert planted(indexes) >= {"plantone", "plantthree"}
        jobs._purges.pop(store.id).cancel()
        monkeypatch.setattr(module, "PURGE_EVERY_S", 0)
        jobs.purge_soon(store)
        await eventually(lambda: planted(indexes) == {"planttwo"})
        (root / "b.py").unlink()
        await jobs.wait(jobs._enqueue(store, frozenset({"b.py"}), follow=False))
        assert (planted(indexes), jobs._purges) == (set(), {})


async def test_what_a_job_deleted_before_it_failed_is_purged(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", {"a.py": "def plantone(): pass\n"})
    async with started(tmp_path) as jobs:
        await jobs.wait(await jobs.start(str(root)))
        (root / "a.py").unlink()
        with pytest.raises(ApiError, match="worth indexing"):
            await jobs.wait(await jobs.start(str(root)))
        assert planted(tmp_path / "indexes") == set()


def planted(folder: Path) -> set[str]:
    return {
        word.decode() for file in folder.iterdir() for word in re.findall(rb"plant(?:one|two|three)", file.read_bytes())
    }


class EndlessWatch:
    """A watch of a folder so large that it never begins."""

    began: threading.Event

    def __init__(self, root: Path, call: Call, stop: threading.Event) -> None:
        self.began.set()
        assert stop.wait(30)
        raise IndexCancelled("stopped")


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    monkeypatch.setattr(watchers, "Watch", EndlessWatch)
    EndlessWatch.began = threading.Event()
    return EndlessWatch.began


async def test_a_job_whose_watch_begins_is_cancelled_and_another_one_runs(
    tmp_path: Path, watching: threading.Event
) -> None:
    async with started(tmp_path) as jobs:
        job = await jobs.start(str(lay_out(tmp_path / "code")), watch=True)
        assert await asyncio.to_thread(watching.wait, 30)
        other = await jobs.start(str(lay_out(tmp_path / "other")))
        await jobs.wait(other)
        assert (await jobs.cancel(job.id)).state == "cancelled"
        assert jobs.watched(job.codebase) is None
    assert other.state == "done"


async def test_a_watch_that_begins_does_not_delay_the_end(tmp_path: Path, watching: threading.Event) -> None:
    async with started(tmp_path) as jobs:
        job = await jobs.start(str(lay_out(tmp_path / "code")), watch=True)
        assert await asyncio.to_thread(watching.wait, 30)
    assert job.state == "cancelled"


async def test_a_job_that_is_cancelled_before_it_follows_its_codebase_follows_it_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(tmp_path) as jobs:
        follow = jobs._watchers.follow

        def cancelled_first(store: Store) -> None:
            job.cancelled.set()
            follow(store)

        monkeypatch.setattr(jobs._watchers, "follow", cancelled_first)
        job = await jobs.start(str(lay_out(tmp_path / "code")), watch=True)
        with pytest.raises(ApiError, match="cancelled"):
            await jobs.wait(job)
        assert jobs.watched(job.codebase) is None


async def test_a_job_that_fails_has_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> IndexReport:
        raise IndexStorage("the disk is full")

    monkeypatch.setattr(module, "refresh", full)
    async with started(tmp_path) as jobs:
        job = await jobs.start(str(lay_out(tmp_path / "code")))
        with pytest.raises(ApiError, match="the disk is full"):
            await jobs.wait(job)
        with pytest.raises(ApiError, match="no index job nothing"):
            jobs.get("nothing")
    assert (job.state, job.wire["error"]["code"]) == ("failed", "index_unavailable")


async def test_only_the_last_finished_jobs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 1)
    root = str(lay_out(tmp_path / "code"))
    async with started(tmp_path) as jobs:
        ended = []
        for _ in range(3):
            ended.append(await jobs.start(root))
            await jobs.wait(ended[-1])
        await jobs.start(root)
        assert ended[0] not in jobs.all(ended[0].codebase)
        assert ended[2] in jobs.all(ended[0].codebase)


def test_a_report_counts_what_was_skipped_by_reason() -> None:
    skipped = (Skip("a", "binary"), Skip("b", "binary"), Skip("c", "secret"))
    masked = (Masked("config/app.yml", (4, 9)), Masked("run.sh", (2,)))
    report = IndexReport(1, 2, 1, 0, seconds=0.126, generation=4, skipped=skipped, masked=masked)
    assert report_wire(report) == {
        "files": 1,
        "chunks": 2,
        "changed": 1,
        "removed": 0,
        "seconds": 0.13,
        "generation": 4,
        "skipped": {"binary": 2, "secret": 1},
        "masked": {"values": 3, "files": 2, "places": ["config/app.yml:4", "config/app.yml:9", "run.sh:2"]},
    }
