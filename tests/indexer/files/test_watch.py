"""The batches of a watch: which paths, when, and that it polls when there are no events."""

import logging
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from indexer.errors import IndexCancelled
from indexer.files import mounts, watch
from indexer.files.watch import EVENTS, POLLING, Changes, Watch
from indexer.workers.pool import in_process, never
from tests.indexer.harness import FILES, lay_out, put

T = TypeVar("T")

PATIENCE_S = 20  # on a loaded machine


class Batches:
    """Collects the batches of a watch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.batches: queue.Queue[Changes] = queue.Queue()

    def next(self) -> set[str] | None:
        changes = self.batches.get(timeout=PATIENCE_S)
        return None if changes is None else set(changes)

    def collect(self) -> None:
        for batch in self.watch.batches():
            self.batches.put(batch)

    def until(self, path: str) -> set[str]:
        """All paths of the batches up to the one that has `path`."""
        paths: set[str] = set()
        while path not in paths:
            paths |= self.next() or set()
        return paths


@contextmanager
def watching(root: Path) -> Iterator[Batches]:
    watched = Batches(Watch(root, in_process, threading.Event()))
    thread = threading.Thread(target=watched.collect)
    thread.start()
    try:
        yield watched
    finally:
        watched.watch.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture(params=[EVENTS, POLLING])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small codebase, watched by events or by polling."""
    if request.param == POLLING:
        no_events(monkeypatch)
    return lay_out(tmp_path / "code")


def no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(watch, "RustNotify", refuse)
    monkeypatch.setattr(watch, "POLL_S", 0.05)


def test_an_edit_a_new_file_and_a_removal(root: Path) -> None:
    with watching(root) as watched:
        put(root, "app/config.py", "changed = True\n")
        assert watched.until("app/config.py") == {"app/config.py"}
        put(root, "app/new.py", "x = 1\n")
        assert watched.until("app/new.py") == {"app/new.py"}
        (root / "web/page.js").unlink()
        assert watched.until("web/page.js") == {"web/page.js"}


def test_a_change_of_an_ignored_file_gives_no_batch(root: Path) -> None:
    put(root, ".gitignore", "*.log\nbuild/\n")
    put(root, "node_modules/lib/index.js", "x\n")
    put(root, "build/out.py", "x\n")
    with watching(root) as watched:
        put(root, "node_modules/lib/index.js", "y\n")
        put(root, "node_modules/new.js", "y\n")
        put(root, "build/out.py", "y\n")
        put(root, "app/run.log", "y\n")
        put(root, "dist/node_modules/x.js", "y\n")
        put(root, "README.md", "# Other\n")
        assert watched.until("README.md") <= {"README.md", "dist", "dist/node_modules"}


def test_reading_gives_no_batch_and_new_folders_are_watched(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    with watching(root) as watched:
        assert [file.read_text() for file in root.rglob("*.py")]
        put(root, "lib/deep/one.py", "x = 1\n")
        assert watched.next() == {"lib"}  # and everything below it
        put(root, "lib/deep/two.py", "x = 1\n")
        assert watched.next() == {"lib/deep/two.py"}
        (root / "lib").rename(root / "kit")
        assert watched.next() == {"lib", "kit"}
        put(root, "kit/deep/two.py", "x = 2\n")
        assert watched.next() == {"kit/deep/two.py"}


def test_a_changed_ignore_file_may_change_anything(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", FILES | {"build/out.py": "x = 1\n"})
    put(root, ".gitignore", "build/\n")
    with watching(root) as watched:
        put(root, ".gitignore", "\n")
        assert watched.next() is None
        put(root, "build/out.py", "x = 2\n")
        assert watched.next() == {"build/out.py"}


def test_a_branch_switch_is_one_batch_and_gits_own_files_give_none(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", {f"m{i}.py": f"x = {i}\n" for i in range(200)})
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    git(root, "checkout", "-qb", "other")
    lay_out(root, {f"m{i}.py": f"y = {i}\n" for i in range(200)})
    git(root, "commit", "-qam", "two")
    with watching(root) as watched:
        git(root, "checkout", "-q", "-")
        assert watched.next() is None
        git(root, "status")
        put(root, "m0.py", "x = 10\n")
        assert watched.next() == {"m0.py"}


def test_a_batch_waits_until_git_releases_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch, quiet, has_more = watch._Events._fetch, threading.Semaphore(0), threading.Event()

    def counted(events: watch._Events, timeout_s: float) -> set[str]:
        paths = fetch(events, timeout_s)
        if timeout_s == watch.QUIET_S and not paths:
            quiet.release()
        if "app/config.py" in paths:
            has_more.set()
        return paths

    monkeypatch.setattr(watch._Events, "_fetch", counted)
    root = lay_out(tmp_path / "code")
    git(root, "init", "-q")
    with watching(root) as watched:
        lock = put(root, ".git/index.lock", "")
        put(root, "README.md", "# Half\n")
        for _ in range(3):  # without the lock the first time ends the batch
            assert quiet.acquire(timeout=PATIENCE_S)
        assert watched.batches.empty()
        put(root, "app/config.py", "whole = True\n")
        assert has_more.wait(PATIENCE_S)
        lock.unlink()
        assert watched.next() == {"README.md", "app/config.py"}


def test_without_events_it_warns_and_polls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    no_events(monkeypatch)
    root = lay_out(tmp_path / "code")
    with caplog.at_level(logging.WARNING), watching(root) as watched:
        assert watched.watch.how == POLLING
        put(root, "README.md", "# Other\n")
        assert watched.next() == {"README.md"}
    assert "OS file watch limit reached" in caplog.text
    assert "max_user_watches" in caplog.text


def test_it_polls_when_events_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.05)
    root = lay_out(tmp_path / "code")
    with watching(root) as watched:
        assert watched.watch.how == EVENTS
        root.rename(tmp_path / "away")
        (tmp_path / "code").mkdir()
        assert watched.next() is None  # anything may have happened
        assert watched.watch.how == POLLING
        put(root, "back.py", "x = 1\n")
        assert "back.py" in watched.until("back.py")


def test_it_polls_when_a_name_is_not_unicode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.05)
    root = lay_out(tmp_path / "code")
    odd = Path(os.fsdecode(os.fsencode(root) + b"/\xff"))
    odd.mkdir()
    with watching(root) as watched:
        assert watched.watch.how == EVENTS
        put(odd, "a.py", "x = 1\n")
        odd.rename(Path(os.fsdecode(os.fsencode(root) + b"/\xfe")))
        assert watched.next() is None
        put(root, "README.md", "# Other\n")
        assert "README.md" in watched.until("README.md")


def test_a_network_file_system_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_REMOTE", ("",))  # every kind counts as remote
    assert Watch(lay_out(tmp_path / "code"), in_process, threading.Event()).how == POLLING


def test_a_repository_inside_is_not_watched_but_its_beginning_is_noticed(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", FILES | {"lib/a.py": "x = 1\n", "trees/feat/.git": "gitdir: x\n"})
    put(root, "trees/feat/deep/a.py", "x = 1\n")
    with watching(root) as watched:
        put(root, "trees/feat/deep/a.py", "x = 2\n")
        put(root, "trees/feat/b.py", "x = 2\n")
        put(root, "README.md", "# Changed\n")
        assert watched.until("README.md") == {"README.md"}
        put(root, "lib/.git", "gitdir: x\n")
        assert watched.next() is None


def test_a_tree_of_very_many_folders_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_FOLDERS", 3)
    root = lay_out(tmp_path / "code", {"a/m.py": "x = 1\n", "b/m.py": "x = 1\n"})
    assert Watch(root, in_process, threading.Event()).how == EVENTS
    put(root, "c/m.py", "x = 1\n")
    assert Watch(root, in_process, threading.Event()).how == POLLING


def test_it_can_be_stopped_while_it_begins(tmp_path: Path) -> None:
    stop = threading.Event()

    def call(function: Callable[..., T], *arguments: Any, cancelled: Callable[[], bool] = never, **_: Any) -> T:
        stop.set()
        assert cancelled()
        raise IndexCancelled

    with pytest.raises(IndexCancelled):
        Watch(lay_out(tmp_path / "code"), call, stop)


def test_a_path_that_the_system_does_not_look_at_is_a_file_that_changed(tmp_path: Path) -> None:
    paths = frozenset({"x" * 300, "x/" * 3000 + "b.py"})
    assert not watch.folders_changed(tmp_path, paths)
    assert watch.relevant_changes(tmp_path, paths) == paths


def test_it_can_be_stopped_while_it_begins_to_poll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def call(function: Callable[..., T], *arguments: Any, **_: Any) -> T:
        if function is not watch.stat_files:
            return function(*arguments)
        stop.set()
        raise IndexCancelled

    def lose_events(_: object) -> Iterator[Changes]:
        raise OSError("the folder was moved or deleted")

    monkeypatch.setattr(watch._Events, "batches", lose_events)
    watched = Watch(lay_out(tmp_path / "code"), call, stop)
    assert watched.how == EVENTS
    assert list(watched.batches()) == []


def test_polling_goes_on_when_the_files_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise OSError("Input/output error")

    no_events(monkeypatch)
    root = lay_out(tmp_path / "code")
    with monkeypatch.context() as broken:
        broken.setattr(watch, "stat_files", refuse)
        watched = Watch(root, in_process, threading.Event())
    assert next(iter(watched.batches())) == frozenset(FILES)
