"""What a watch tells: which paths, in which batches, and that it goes on by looking where there are no events."""

import logging
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexer.files import watch
from indexer.files.watch import EVENTS, POLLING, Changes, Watch
from tests.indexer.harness import FILES, lay_out, put

PATIENCE_S = 20  # on a loaded machine


class Told:
    """The batches of a watch, as they come."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.batches: queue.Queue[Changes] = queue.Queue()

    def next(self) -> set[str] | None:
        changes = self.batches.get(timeout=PATIENCE_S)
        return None if changes is None else set(changes)

    def listen(self) -> None:
        for batch in self.watch.batches():
            self.batches.put(batch)

    def until(self, path: str) -> set[str]:
        """All paths of the batches up to the one that has `path`."""
        paths: set[str] = set()
        while path not in paths:
            paths |= self.next() or set()
        return paths


@contextmanager
def following(root: Path) -> Iterator[Told]:
    told = Told(Watch(root))
    thread = threading.Thread(target=told.listen)
    thread.start()
    try:
        yield told
    finally:
        told.watch.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture(params=[EVENTS, POLLING])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small codebase, followed in either way."""
    if request.param == POLLING:
        no_events(monkeypatch)
    return lay_out(tmp_path / "code")


def no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(watch, "RustNotify", refuse)
    monkeypatch.setattr(watch, "POLL_S", 0.05)


def test_an_edit_a_new_file_and_a_removal(root: Path) -> None:
    with following(root) as told:
        put(root, "app/config.py", "changed = True\n")
        assert told.until("app/config.py") == {"app/config.py"}
        put(root, "app/new.py", "x = 1\n")
        assert told.until("app/new.py") == {"app/new.py"}
        (root / "web/page.js").unlink()
        assert told.until("web/page.js") == {"web/page.js"}


def test_what_is_ignored_wakes_nobody(root: Path) -> None:
    put(root, ".gitignore", "*.log\nbuild/\n")
    put(root, "node_modules/lib/index.js", "x\n")
    put(root, "build/out.py", "x\n")
    with following(root) as told:
        put(root, "node_modules/lib/index.js", "y\n")
        put(root, "node_modules/new.js", "y\n")
        put(root, "build/out.py", "y\n")
        put(root, "app/run.log", "y\n")
        put(root, "dist/node_modules/x.js", "y\n")
        put(root, "README.md", "# Other\n")
        assert told.until("README.md") <= {"README.md", "dist", "dist/node_modules"}


def test_reading_wakes_nobody_and_new_folders_are_followed(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    with following(root) as told:
        assert [file.read_text() for file in root.rglob("*.py")]
        put(root, "lib/deep/one.py", "x = 1\n")
        assert told.next() == {"lib"}  # what lies below it is meant too
        put(root, "lib/deep/two.py", "x = 1\n")
        assert told.next() == {"lib/deep/two.py"}
        (root / "lib").rename(root / "kit")
        assert told.next() == {"lib", "kit"}
        put(root, "kit/deep/two.py", "x = 2\n")
        assert told.next() == {"kit/deep/two.py"}


def test_a_changed_ignore_file_may_change_anything(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", FILES | {"build/out.py": "x = 1\n"})
    put(root, ".gitignore", "build/\n")
    with following(root) as told:
        put(root, ".gitignore", "\n")
        assert told.next() is None
        put(root, "build/out.py", "x = 2\n")
        assert told.next() == {"build/out.py"}


def test_a_branch_switch_is_one_batch_and_gits_own_files_are_none(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", {f"m{i}.py": f"x = {i}\n" for i in range(200)})
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    git(root, "checkout", "-qb", "other")
    lay_out(root, {f"m{i}.py": f"y = {i}\n" for i in range(200)})
    git(root, "commit", "-qam", "two")
    with following(root) as told:
        git(root, "checkout", "-q", "-")
        assert told.next() is None
        git(root, "status")
        put(root, "m0.py", "x = 10\n")
        assert told.next() == {"m0.py"}


def test_a_batch_waits_for_git_to_let_go(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code")
    git(root, "init", "-q")
    with following(root) as told:
        lock = put(root, ".git/index.lock", "")
        put(root, "README.md", "# Half\n")
        with pytest.raises(queue.Empty):
            told.batches.get(timeout=1.5)
        put(root, "app/config.py", "whole = True\n")
        lock.unlink()
        assert told.next() == {"README.md", "app/config.py"}


def test_without_events_it_says_so_and_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    no_events(monkeypatch)
    root = lay_out(tmp_path / "code")
    with caplog.at_level(logging.WARNING), following(root) as told:
        assert told.watch.how == POLLING
        put(root, "README.md", "# Other\n")
        assert told.next() == {"README.md"}
    assert "OS file watch limit reached" in caplog.text
    assert "max_user_watches" in caplog.text


def test_events_that_end_are_followed_by_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.05)
    root = lay_out(tmp_path / "code")
    with following(root) as told:
        assert told.watch.how == EVENTS
        root.rename(tmp_path / "away")
        (tmp_path / "code").mkdir()
        assert told.next() is None  # anything may have happened
        assert told.watch.how == POLLING
        put(root, "back.py", "x = 1\n")
        assert "back.py" in told.until("back.py")


def test_a_name_that_is_no_text_ends_the_events_and_not_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.05)
    root = lay_out(tmp_path / "code")
    odd = Path(os.fsdecode(os.fsencode(root) + b"/\xff"))
    odd.mkdir()
    with following(root) as told:
        assert told.watch.how == EVENTS
        put(odd, "a.py", "x = 1\n")
        odd.rename(Path(os.fsdecode(os.fsencode(root) + b"/\xfe")))
        assert told.next() is None
        put(root, "README.md", "# Other\n")
        assert "README.md" in told.until("README.md")


def test_a_network_file_system_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_REMOTE", ("",))  # every kind counts as remote
    assert Watch(lay_out(tmp_path / "code")).how == POLLING
