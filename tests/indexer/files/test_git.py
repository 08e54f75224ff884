"""Git runs no program that a repository names, ends within its limits, and nothing that it started is left."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.errors import CodebaseEmpty
from indexer.evaluation.dataset import build
from indexer.files import git as module
from indexer.files.git import git
from indexer.files.git_history import commits, file_after
from indexer.files.ignore import git_listing
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.update.refresh import refresh
from tests.e2e.harness import lantern
from tests.indexer.harness import put
from tests.indexer.hostile import Hostile, edited_hostile, plain_git
from tests.indexer.repository import git as setup_git
from tests.indexer.repository import shop

pytestmark = pytest.mark.process

# What these commands run: in a repository with a work tree, and in a bare one.
PLAIN = ("status", "log -p", "log -p --ext-diff", "show HEAD~2", "diff", "own", "ls-remote ssh://x/y")
IN_A_TREE = {
    "core.fsmonitor",
    "core.sshCommand",
    "alias.own",
    "diff.shown.textconv",
    "filter.long.process",
    "filter.evil.clean",
    "gpg.ssh.program",
    "gpg.x509.program",
    "hooks/post-index-change",
}
IN_A_BARE_ONE = {"core.sshCommand", "alias.own", "diff.shown.textconv", "filter.long.process", "gpg.openpgp.program"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    return edited_hostile(tmp_path, monkeypatch)


def test_git_by_itself_runs_the_programs_of_all_places(world: Hostile) -> None:
    """Without this, the tests below could not fail."""
    for root in reversed(world.roots):
        for words in PLAIN:
            plain_git(root, *words.split())
    expected = {f"{place}:{key}" for place in ("main", "lib", "tree") for key in IN_A_TREE}
    expected |= {f"bare:{key}" for key in IN_A_BARE_ONE} | {"main:diff.evil.command", "lib:diff.external"}
    assert expected | {"home:remote.evil.url"} <= world.ran()


def test_no_function_that_calls_git_runs_any(world: Hostile, tmp_path: Path) -> None:
    for n, root in enumerate(world.roots):
        assert "README.md" in list(git_listing(root)) or root.name in ("shop", "lib", "tree")
        for commit in commits(root) or ():
            for path in commit.paths:
                file_after(root, commit.sha, path)
        store = Codebases(tmp_path / f"indexes{n}").open(root)
        with suppress(CodebaseEmpty):
            refresh(store, HashEmbedder())
        put(root, "shop/new.py", "def new():\n    return 1\n")
        refresh(store, HashEmbedder())
        refresh(store, HashEmbedder(), only=["shop/new.py"])
        assert Searcher(store, HashEmbedder()).search("The new one is wrong since it returns one. " * 5)
        build(root, tmp_path / f"copy{n}", 50)
        assert (root.name, world.ran()) == (root.name, set())


def test_no_command_runs_any(world: Hostile, tmp_path: Path) -> None:
    root, data = str(world.root), tmp_path / "data"
    done = [
        lantern(data, *words, EMBEDDING_MODEL="none")
        for words in (
            ("index", root),
            ("search", "receipt", "--path", root),
            ("ask", "who calls post?", "--path", root),
            ("eval", root),
            ("eval", f"{root}/vendor/bare.git"),
        )
    ]
    assert [command.returncode for command in done[:4]] == [0, 0, 0, 0], [command.stderr for command in done]
    assert "commit " in done[3].stdout
    assert world.ran() == set()


def test_each_command_of_the_table_prints_what_the_repository_has(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    head = subprocess.check_output(["git", "-C", root, "rev-parse", "HEAD"])
    assert git(root, "rev-parse", "HEAD") == head
    assert git(root, "cat-file", "blob", "HEAD:README.md") == b"# Shop\n"
    assert git(root, "ls-files", "-co") == b"README.md\nshop/cart.py\nshop/mail.js\ntests/test_cart.py\n"
    assert git(root, "ls-files", "*.md") == b""  # a path, not a pattern
    assert git(root, "log", "-n1", "--format=%H") == head
    assert (
        git(root, "diff-tree", "--no-commit-id", "-r", "--name-only", "HEAD") == b"shop/cart.py\ntests/test_cart.py\n"
    )
    assert git(root, "check-ignore", ".") is None
    assert git(root, "rev-parse", "--verify", "missing") is None


def test_a_command_that_is_not_in_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        git(tmp_path, "status")


def test_variables_that_name_another_repository_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, other = shop(tmp_path / "shop"), tmp_path / "other"
    other.mkdir()
    setup_git(other, "init")
    for name, value in (("DIR", ".git"), ("WORK_TREE", "."), ("INDEX_FILE", ".git/none"), ("OBJECT_DIRECTORY", "x")):
        monkeypatch.setenv(f"GIT_{name}", str(other / value))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "bad")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    assert git(root, "ls-files", "README.md") == b"README.md\n"
    assert not (tmp_path / "trace").exists()


def test_the_user_s_own_excludes_count_and_the_program_there_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shop(tmp_path / "shop")
    monkeypatch.setenv("HOME", str(tmp_path))
    put(
        tmp_path,
        ".gitconfig",
        f'[core]\n\texcludesFile = {tmp_path}/mine\n\tfsmonitor = "touch {tmp_path}/ran; false"\n',
    )
    put(tmp_path, "mine", "*.tmp\n")
    put(root, "a.tmp", "x")
    put(root, "a.py", "x")
    assert [path for path in git_listing(root) if path.startswith("a.")] == ["a.py"]
    assert not (tmp_path / "ran").exists()


def _fake(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A git of which all that is known is this script; the real one is `$REAL`."""
    real = shutil.which("git")
    file = put(folder, "bin/git", f"#!/bin/sh\nREAL={real}\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{file.parent}{os.pathsep}{os.environ['PATH']}")


GIVEN = """
    LC_ALL=C GIT_ALLOW_PROTOCOL=none GIT_ASKPASS=false GIT_ATTR_NOSYSTEM=1 GIT_CONFIG_NOSYSTEM=1 GIT_EDITOR=false
    GIT_NO_LAZY_FETCH=1 GIT_NO_REPLACE_OBJECTS=1 GIT_OPTIONAL_LOCKS=0 GIT_PAGER=cat GIT_SSH_COMMAND=false
    GIT_TERMINAL_PROMPT=0 SSH_ASKPASS=false
"""
OF_THE_SHELL = {"PWD", "OLDPWD", "SHLVL", "_"}


def pairs(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split())


def test_git_is_given_no_input_few_variables_and_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake(tmp_path, monkeypatch, "cat; env; ulimit -v; ulimit -c")
    inherited = {name: str(tmp_path / name) for name in ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")}
    for name, value in inherited.items():
        monkeypatch.setenv(name, value)
    for name in ("GIT_CEILING_DIRECTORIES", "SUDO_UID", "LD_LIBRARY_PATH", "DEVELOPER_DIR"):  # inherited, too
        monkeypatch.delenv(name, raising=False)
    for name in ("SECRET_API_KEY", "GIT_CONFIG", "GIT_CONFIG_SYSTEM", "GIT_EXTERNAL_DIFF", "GIT_SSH", "PAGER"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "0")
    *lines, memory, core = (git(tmp_path, "log") or b"").decode().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    given = {name: value for name, value in variables.items() if name not in OF_THE_SHELL}
    assert given == pairs(GIVEN) | inherited | {"PATH": os.environ["PATH"]}
    assert (memory, core) == ("1048576" if sys.platform == "linux" else memory, "0")


OFF = """
    core.fsmonitor=false core.hookspath=/dev/null core.virtualfilesystem= core.pager=cat core.editor=false
    core.askpass=false core.sshcommand=false core.gitproxy=false core.alternaterefscommand=false
    core.attributesfile=/dev/null credential.helper= diff.external= interactive.difffilter= gpg.program=false
    gpg.openpgp.program=false gpg.x509.program=false gpg.ssh.program=false gpg.ssh.defaultkeycommand=false
    log.showsignature=false log.mailmap=false safe.barerepository=explicit submodule.recurse=false
    protocol.allow=never protocol.ext.allow=never
"""


def test_the_settings_that_git_is_given_come_before_those_of_the_repository_and_of_the_user(world: Hostile) -> None:
    listed = (git(world.root, "config", "--list", "-z") or b"").decode().split("\0")[:-1]
    effective = dict(entry.split("\n", 1) for entry in listed)  # the last value of a key counts
    assert {key: effective.get(key) for key in pairs(OFF)} == pairs(OFF)
    assert world.ran() == set()


def test_a_program_named_git_in_the_repository_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = shop(tmp_path / "shop")
    put(root, "git", f"#!/bin/sh\n: > {tmp_path}/ran\n").chmod(0o755)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}{os.environ['PATH']}")
    assert git(Path(), "ls-files") == b"README.md\nshop/cart.py\nshop/mail.js\ntests/test_cart.py\n"
    assert not (tmp_path / "ran").exists()


UNUSABLE = {
    "missing": "exit 127",
    "too old for an option": 'echo "error: unknown option" >&2; exit 129',
    "owned by another": 'export GIT_TEST_ASSUME_DIFFERENT_OWNER=1; exec "$REAL" "$@"',
    "crashes": "kill -SEGV $$",
}


@pytest.mark.parametrize("script", UNUSABLE.values(), ids=UNUSABLE)
def test_a_git_that_is_of_no_use_is_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    root = shop(tmp_path / "shop")
    put(root, ".gitignore", "*.log\n")
    put(root, "shop/a.log", "x")
    _fake(tmp_path, monkeypatch, script)
    expected = [".gitignore", "README.md", "shop/cart.py", "shop/mail.js", "tests/test_cart.py"]
    assert git(root, "rev-parse", "HEAD") is None
    assert [path for path in git_listing(root) if path != ".git"] == expected
    assert commits(root) is None


def test_without_a_shell_or_a_git_in_the_path_files_are_still_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shop(tmp_path / "shop")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert {"README.md", "shop/cart.py"} <= set(git_listing(root))


@pytest.fixture
def open_end(tmp_path: Path) -> int:
    """The end to read of a pipe that `LASTING` holds open, and all that it starts: it ends when all of them have."""
    os.mkfifo(tmp_path / "open")
    return os.open(tmp_path / "open", os.O_RDONLY | os.O_NONBLOCK)


def _all_of(descriptor: int) -> bytes:
    os.set_blocking(descriptor, True)
    with open(descriptor, "rb") as file:
        return file.read()


LASTING = 'exec 9>"{}/open"; echo begun >&9; sleep 1000 & (trap "" TERM HUP INT; sleep 1000) & '


@pytest.mark.parametrize("end", ["wait", "yes", "exit 0"], ids=["waits", "prints for ever", "leaves them behind"])
def test_nothing_is_left_at_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_end: int, end: str) -> None:
    _fake(tmp_path, monkeypatch, LASTING.format(tmp_path) + end)
    monkeypatch.setattr(module, "MAX_OUTPUT", 1000)
    assert git(tmp_path, "rev-parse", "HEAD", limit_s=30.0 if end == "yes" else 3.0) is None
    assert _all_of(open_end) == b"begun\n"


def test_what_git_leaves_behind_is_ended_though_it_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_end: int
) -> None:
    _fake(tmp_path, monkeypatch, LASTING.format(tmp_path).replace("sleep 1000", "sleep 1000 >/dev/null") + "echo x")
    assert git(tmp_path, "rev-parse", "HEAD", limit_s=100.0) == b"x\n"
    assert _all_of(open_end) == b"begun\n"


def test_git_does_not_outlive_a_process_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_end: int
) -> None:
    _fake(tmp_path, monkeypatch, LASTING.format(tmp_path) + "wait")
    code = (
        "import sys; from pathlib import Path; from indexer.files.git import git; git(Path('/'), 'log', limit_s=1000)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as worker:
        os.set_blocking(open_end, True)
        while not os.read(open_end, 6):  # no process has opened the pipe yet
            assert worker.poll() is None
        worker.send_signal(signal.SIGKILL)
    assert _all_of(open_end) == b""


@pytest.mark.parametrize("name", ["HEAD", "config", "index", "packed-refs"])
def test_git_does_not_wait_for_a_pipe_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    put(tmp_path, "a.py", "x = 1\n")
    put(tmp_path, "below/b.py", "x = 1\n")
    setup_git(tmp_path, "init", "-q")
    (tmp_path / ".git" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / ".git" / name)
    monkeypatch.setattr("subprocess.Popen", None)  # git is not even started
    assert git(tmp_path / "below", "ls-files") is None
    assert list(git_listing(tmp_path)) == ["a.py", "below/b.py"]
