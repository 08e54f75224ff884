"""The index is never old: changes become jobs, questions read what was just written, the editor's text wins."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.indexing.embedders import Embedders
from backend.indexing.indexes import Indexes
from backend.indexing.jobs import Jobs
from backend.indexing.retrieval import Retrieval
from backend.indexing.workers import no_workers
from indexer.embedding.base import HashEmbedder, Vectors
from indexer.storage.codebases import Codebases
from indexer.update.refresh import refresh
from models.scripted import ScriptedEngine
from tests.backend.harness import World, running
from tests.indexer.harness import FILES, lay_out, put

pytestmark = pytest.mark.process

PATIENCE_S = 20  # on a loaded machine
LACKING = (
    "files of {root} have no vectors by the embedder of this version and are found by words and names only:"
    " run `lantern index {root}`"
)


async def indexed(world: World, root: Path) -> str:
    job = (await world.post("/index", {"path": str(root), "wait": True})).json()
    assert job["state"] == "done", job
    codebase: str = job["codebase"]
    return codebase


async def found(world: World, query: str) -> dict[str, Any]:
    """The first hit."""
    hit: dict[str, Any] = (await world.post("/search", {"query": query})).json()["hits"][0]
    return hit


async def ended(world: World, codebase: str, n: int) -> list[dict[str, Any]]:
    """The jobs of a codebase, as soon as `n` have ended and none is left."""
    until = time.monotonic() + PATIENCE_S
    while True:
        jobs = (await world.get("/index/jobs", codebase=codebase)).json()["jobs"]
        if len(jobs) >= n and all(job["state"] == "done" for job in jobs):
            return list(jobs)
        assert time.monotonic() < until, jobs
        await asyncio.sleep(0.02)


async def test_a_question_reads_what_was_just_written(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    async with running(tmp_path / "data", watch=False) as world:
        codebase = await indexed(world, root)
        put(root, "app/config.py", "\n\ndef load_config(path):\n    return parse_toml(path)\n")
        hit = await found(world, "load_config")
        (root / "app/config.py").unlink()
        left = (await world.post("/search", {"query": "load_config"})).json()["hits"]
        summary = (await world.get("/codebases")).json()["codebases"][0]
    assert (hit["path"], hit["start_line"], hit["end_line"], hit["fresh"]) == ("app/config.py", 3, 4, True)
    assert hit["text"] == "def load_config(path):\n    return parse_toml(path)"
    assert "app/config.py" not in {hit["path"] for hit in left}
    assert (summary["id"], summary["files"], summary["watched"]) == (codebase, 3, None)


async def test_a_large_index_is_ready_when_its_job_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.storage.vector_sync.FLAT", 5)
    root = lay_out(tmp_path / "code")
    async with running(tmp_path / "data", watch=False) as world:
        codebase = await indexed(world, root)
        assert world.services.indexes.codebases.get(codebase).vectors_file.exists()
        assert (await found(world, "load_config"))["path"] == "app/config.py"


async def test_while_the_index_is_busy_old_hits_say_so_and_vanished_ones_are_left_out(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    async with running(tmp_path / "data", watch=False) as world:
        codebase = await indexed(world, root)
        put(root, "app/config.py", "def load_config():\n    return 'new'\n")
        (root / "web/page.js").unlink()
        with world.services.indexes.codebases.get(codebase).indexing():
            hits = (await world.post("/search", {"query": "load_config render"})).json()["hits"]
    fresh = {hit["path"]: hit["fresh"] for hit in hits}
    assert fresh == {"app/config.py": False, "app/server.py": True, "README.md": True}


async def test_a_saved_file_becomes_a_job_of_that_file(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    async with running(tmp_path / "data") as world:
        codebase = await indexed(world, root)
        put(root, "app/mail.py", "def send_receipt(address):\n    return address\n")
        jobs = await ended(world, codebase, 2)
        hit = await found(world, "send_receipt")
        summary = (await world.get("/codebases")).json()["codebases"][0]
    assert [(job["report"]["changed"], job["report"]["removed"]) for job in jobs] == [(4, 0), (1, 0)]
    assert jobs[1]["total"] == 1  # nothing else was looked at
    assert (hit["path"], hit["fresh"], summary["watched"], summary["state"]) == ("app/mail.py", True, "events", "ready")


async def test_a_branch_switch_is_one_job(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)

    root = lay_out(tmp_path / "code", {f"m{i}.py": f"def f{i}():\n    return {i}\n" for i in range(50)})
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "other")
    lay_out(root, {f"m{i}.py": f"def f{i}():\n    return {i}\n\n\ndef g{i}():\n    return -{i}\n" for i in range(20)})
    (root / "m49.py").unlink()
    git("commit", "-qam", "two")
    async with running(tmp_path / "data") as world:
        codebase = await indexed(world, root)  # on `other`: 69 chunks
        await asyncio.to_thread(git, "checkout", "-q", "-")
        back = (await ended(world, codebase, 2))[1:]
        await asyncio.to_thread(git, "checkout", "-q", "other")
        again = (await ended(world, codebase, 3))[2:]
    assert [(job["report"][what]) for job in back for what in ("changed", "removed")] == [21, 0]
    assert [(job["report"][what]) for job in again for what in ("changed", "removed")] == [20, 1]


async def test_what_is_opened_is_caught_up_with_and_followed(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    async with running(tmp_path / "data", watch=False) as world:
        codebase = await indexed(world, root)
    put(root, "app/mail.py", "def send_receipt(address):\n    return address\n")
    async with running(tmp_path / "data") as world, world.socket() as socket:
        assert (await world.get("/codebases")).json()["codebases"][0]["watched"] is None
        await socket.call("session/open", workspace=str(root / "app"))
        missed = (await ended(world, codebase, 1))[0]
        put(root, "app/mail.py", "x = 1\n")
        edited = (await ended(world, codebase, 2))[1]
    assert (missed["report"]["changed"], missed["total"], edited["total"]) == (1, 5, 1)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "backend.indexing.indexes"]


@pytest.mark.parametrize("watch", [False, True])
async def test_an_index_by_an_older_version_that_nothing_brings_up_to_date_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, watch: bool
) -> None:
    root = lay_out(tmp_path / "code")
    refresh(Codebases(tmp_path / "data" / "indexes").open(root), HashEmbedder(model_id="older"))
    async with running(tmp_path / "data", watch=watch) as world:
        for query in ("load_config", "render"):
            await found(world, query)
        logged = warnings(caplog)
        await indexed(world, root)
    async with running(tmp_path / "data", watch=False) as world:
        await found(world, "load_config")
    assert warnings(caplog) == logged == ([] if watch else [LACKING.format(root=root)])


def test_so_is_one_that_is_searched_without_a_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = lay_out(tmp_path / "code")
    indexes = Indexes(tmp_path / "indexes", Embedders(HashEmbedder(), HashEmbedder), no_workers())
    retrieval = Retrieval(indexes, on_use=indexes.warn_if_incomplete)
    refresh(indexes.store(str(root)), HashEmbedder(model_id="older"))
    for query in ("load_config", "render"):
        assert retrieval.find(query, None, 1, ())["hits"]
    assert warnings(caplog) == [LACKING.format(root=root)]


async def test_a_deleted_codebase_is_followed_no_longer(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    async with running(tmp_path / "data") as world:
        codebase = await indexed(world, root)
        assert world.services.jobs.watched(codebase) == "events"
        assert (await world.http.delete(f"/codebases/{codebase}")).status_code == 200
        assert world.services.jobs.watched(codebase) is None
        threads = [thread.name for thread in threading.enumerate()]
    assert f"watch {root}" not in threads


async def test_changes_wait_in_one_job_whatever_their_number(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    loading, go_on = threading.Event(), threading.Event()

    class Slow(HashEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> Vectors:
            loading.set()
            assert go_on.wait(PATIENCE_S)
            return super().embed_documents(texts)

    indexes = Indexes(tmp_path / "indexes", Embedders(Slow(), HashEmbedder), no_workers())
    jobs = Jobs(indexes, watch=True)
    first = await jobs.start(str(root))
    store = indexes.store(str(root))
    assert await asyncio.to_thread(loading.wait, PATIENCE_S)
    assert await jobs.start(str(root)) is first  # it runs, and looks at everything
    for change in ({"a.py"}, {"b.py"}, {"a.py", "c.py"}):
        jobs._enqueue_changes(store, frozenset(change))
    waiting = jobs.all(store.id)[1:]
    assert [(job.state, job.only) for job in waiting] == [("queued", frozenset({"a.py", "b.py", "c.py"}))]
    jobs._enqueue_changes(store, None)
    assert [(job.state, job.only) for job in jobs.all(store.id)[1:]] == [("queued", None)]
    go_on.set()
    await jobs.wait(waiting[0])
    await jobs.close()


UNSAVED = FILES["app/server.py"].replace("return None", "return 'stopped'").replace("class Server", "\n\nclass Server")


async def test_unsaved_text_replaces_what_the_index_says_of_its_file(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    engine = ScriptedEngine(("Yes.",))
    async with running(tmp_path / "data", engine, watch=False) as world:
        await indexed(world, root)
        question = {"query": "Where does Server stop?", "retrieval": "auto"}
        whole = (await world.post("/chat/query", question | {"context": [context(UNSAVED)]})).json()
        some = (await world.post("/chat/query", question | {"context": [context(UNSAVED, [1, 1])]})).json()
    lines = [(s["path"], s["start"], s["end"], s["fresh"]) for s in whole["sources"] if s["path"] == "app/server.py"]
    assert lines == [("app/server.py", 1, 11, True)]  # the attached text, and nothing of the index beside it
    stop = [s for s in some["sources"] if s["symbol"] == "Server.stop"]
    assert [(s["start"], s["end"], s["fresh"]) for s in stop] == [(10, 11, True)]
    assert "return 'stopped'" in engine.prompts[1].text
    assert "return None" not in engine.prompts[0].text + engine.prompts[1].text


async def test_a_selection_hides_only_what_contradicts_it(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    async with running(tmp_path / "data", ScriptedEngine(("Yes.",)), watch=False) as world:
        await indexed(world, root)
        question = {"query": "What does Server do on start and stop?"}
        same = context("    def stop(self):", [8, 8])
        other = context("    def stop(self, now):", [8, 8])
        agreed = (await world.post("/chat/query", question | {"context": [same]})).json()
        edited = (await world.post("/chat/query", question | {"context": [other]})).json()
    assert {"Server.start", "Server.stop"} <= {s["symbol"] for s in agreed["sources"]}
    symbols = {s["symbol"] for s in edited["sources"]}
    assert "Server.start" in symbols
    assert "Server.stop" not in symbols


def context(text: str, lines: list[int] | None = None) -> dict[str, object]:
    return {"path": "app/server.py", "text": text, "range": lines}
