"""The data folder: modes, links, special files, and damaged small files in it."""

import errno
import logging
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.data_folder import UnsafeDataFolder, make_private, open_own
from backend.instance_lock import DataDirLock, Instance, find, token
from models.errors import ModelError
from models.registry import Registry


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):o}"


def lay_out(folder: Path) -> None:
    for name in ("indexes", "kv", "models/sub"):
        (folder / name).mkdir(parents=True, mode=0o755)
    for name in ("lantern.db", "token", "lantern.db-wal", "indexes/a.db", "kv/b.kv", "models/sub/m.gguf", "notes.txt"):
        (folder / name).write_text("x")
        (folder / name).chmod(0o644)


@pytest.mark.parametrize("wide", [0o755, 0o777])
def test_the_folder_becomes_private_with_a_word(tmp_path: Path, wide: int) -> None:
    lay_out(folder := tmp_path / "data")
    folder.chmod(wide)
    notes = make_private(folder)
    assert notes == [
        f"made {folder} private (was {wide:o})",
        f"made 10 files and folders in {folder} private",
    ]
    assert {mode(path) for path in (folder, *folder.rglob("*")) if path.is_dir()} == {"700"}
    assert {path.name for path in folder.rglob("*") if path.is_file() and mode(path) != "600"} == {"notes.txt"}
    assert make_private(folder) == []


def test_a_folder_that_is_a_link_is_the_target(tmp_path: Path) -> None:
    lay_out(target := tmp_path / "big-disk")
    target.chmod(0o755)
    (link := tmp_path / "data").symlink_to(target)
    assert make_private(link)[0] == f"made {link} private (was 755)"
    assert (mode(target), mode(target / "token")) == ("700", "600")


def no_file(kind: str, path: Path, target: Path) -> None:
    """Makes something that is no regular file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        path.symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket may have 100 characters
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(path.name)
        os.chdir(here)


TOP = (
    "token",
    ".token",
    "server.json",
    "lantern.db",
    "lantern.db-wal",
    "lantern.db-shm",
    "kernels.json",
    "catalog.toml",
)
INNER = ("indexes/a.db", "indexes/a.db-wal", "indexes/vectors.cache", "kv/b.kv")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in ("link", "fifo", "folder") for name in TOP),
        *((kind, name) for kind in ("link", "fifo") for name in INNER),
        ("link", "indexes"),
        ("link", "kv"),
        ("fifo", "indexes"),
        pytest.param("socket", "token", marks=pytest.mark.process),
        pytest.param("socket", "kv/b.kv", marks=pytest.mark.process),
    ],
)
def test_what_is_no_file_in_place_of_ours_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    (victim := tmp_path / "victim").write_text("precious")
    victim.chmod(0o644)
    no_file(kind, tmp_path / "data" / name, victim)
    with pytest.raises(UnsafeDataFolder, match=f"^{tmp_path}/data/{name} is (not a|a symbolic link)"):
        make_private(tmp_path / "data")
    assert (victim.read_text(), mode(victim)) == ("precious", "644")


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.data_folder.os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UnsafeDataFolder, match=f"belongs to the user {os.getuid()}"):
        make_private(tmp_path)


def test_models_may_be_links_and_their_targets_keep_their_modes(tmp_path: Path) -> None:
    (target := tmp_path / "elsewhere.gguf").write_text("x")
    target.chmod(0o644)
    folder = tmp_path / "data"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "m.gguf").symlink_to(target)
    make_private(folder)
    assert (mode(target), (folder / "models" / "m.gguf").is_symlink()) == ("644", True)
    (folder / "models" / "m.gguf").unlink()
    (folder / "models").rmdir()
    (folder / "models").symlink_to(tmp_path)
    tmp_path.chmod(0o755)
    make_private(folder)
    assert mode(tmp_path) == "755"


def refuse(monkeypatch: pytest.MonkeyPatch, error: type[OSError], folder: Path) -> None:
    """Reading that folder fails; the superuser, who may run these tests, could read every folder."""
    scandir = os.scandir

    def failing(path: Path) -> Any:
        if Path(path) == folder:
            raise error(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("backend.data_folder.os.scandir", failing)


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
def test_a_folder_below_models_that_cannot_be_read_is_left_alone(
    tmp_path: Path, error: type[OSError], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lay_out(folder := tmp_path / "data")
    (foreign := folder / "models" / "lost+found").mkdir(mode=0o700)
    refuse(monkeypatch, error, foreign)
    assert make_private(folder)[-1] == f"made 10 files and folders in {folder} private"
    assert mode(folder / "models/sub/m.gguf") == "600"
    word = f"{foreign} cannot be read (Permission denied): it is left alone"
    assert [record.getMessage() for record in caplog.records] == [word] * (error is PermissionError)


def test_a_folder_of_another_user_below_models_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lay_out(folder := tmp_path / "data")
    foreign, lstat = folder / "models" / "sub", Path.lstat

    def of_another_user(path: Path) -> os.stat_result:
        found = list(lstat(path))
        if path == foreign:
            found[stat.ST_UID] = os.getuid() + 1
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", of_another_user)
    make_private(folder)
    monkeypatch.undo()
    assert (mode(foreign), mode(foreign / "m.gguf"), mode(folder / "token")) == ("755", "644", "600")
    assert caplog.messages == [f"{foreign} belongs to the user {os.getuid() + 1}: it is left alone"]


def test_one_of_our_folders_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder := tmp_path / "data")
    refuse(monkeypatch, PermissionError, folder / "kv")
    with pytest.raises(UnsafeDataFolder, match=r"kv cannot be read \(Permission denied\)"):
        make_private(folder)


def test_what_another_process_removes_meanwhile_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder := tmp_path / "data")
    chmod = Path.chmod

    def removed(path: Path, wanted: int) -> None:
        if path.name == "lantern.db-wal":
            path.unlink()
        chmod(path, wanted)

    monkeypatch.setattr(Path, "chmod", removed)
    refuse(monkeypatch, FileNotFoundError, folder / "kv")
    assert [note for note in make_private(folder) if "cannot" in note] == []
    assert mode(folder / "token") == "600"


def test_a_token_that_is_a_link_is_neither_followed_nor_written(tmp_path: Path) -> None:
    for content in ("short", "a-secret-of-another-program-0123456789"):
        (victim := tmp_path / "victim").write_text(content)
        (folder := tmp_path / content[:5]).mkdir()
        (folder / "token").symlink_to(victim)
        with pytest.raises(UnsafeDataFolder, match="token is not a regular file"):
            token(folder / "token")
        assert victim.read_text() == content


def test_a_draft_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (victim := tmp_path / "victim").write_text("precious")
    (folder := tmp_path / "data").mkdir()
    (folder / ".token").symlink_to(victim)
    assert len(token(folder / "token")) == 64
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00" * 40, b"a b " * 20, b"\x1b]0;x\x07" * 20, b""])
def test_a_damaged_token_is_replaced(tmp_path: Path, content: bytes) -> None:
    (file := tmp_path / "token").write_bytes(content)
    file.chmod(0o644)
    assert token(file) == file.read_text().strip()
    assert (len(token(file)), mode(file)) == (64, "600")


def test_a_sound_token_becomes_private(tmp_path: Path) -> None:
    (file := tmp_path / "token").write_text("t" * 40)
    file.chmod(0o644)
    assert (token(file), mode(file)) == ("t" * 40, "600")


@pytest.mark.parametrize("content", [b"\xff\x00", b"[]", b"{}", b'{"pid": "x", "url": 1}', b"[" * 5000, b""])
def test_a_damaged_lock_file_is_no_traceback(tmp_path: Path, content: bytes) -> None:
    (file := tmp_path / "server.json").write_bytes(content)
    assert find(tmp_path) is None
    lock = DataDirLock(tmp_path)
    file.write_bytes(content)
    assert find(tmp_path) == Instance(0, "")
    lock.release()


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_a_lock_file_that_is_no_file_does_not_hang(tmp_path: Path, kind: str) -> None:
    no_file(kind, tmp_path / "server.json", Path("/dev/zero"))
    for call in (find, DataDirLock):
        with pytest.raises(UnsafeDataFolder, match=r"server\.json"):
            call(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\x00\x1b", b"a = " + b"[" * 100_000, b"[phi3-mini\n"])
def test_a_damaged_catalogue_is_said_with_its_path(tmp_path: Path, content: bytes) -> None:
    (file := tmp_path / "catalog.toml").write_bytes(content)
    with pytest.raises(ModelError, match=r"catalog\.toml cannot be read"):
        Registry(tmp_path / "models", file)


def test_a_new_file_of_ours_is_private(tmp_path: Path) -> None:
    os.close(open_own(tmp_path / "token", os.O_RDWR | os.O_CREAT))
    assert mode(tmp_path / "token") == "600"


@pytest.mark.process
@pytest.mark.parametrize("command", [["token"], ["serve"], ["ask", "what?"], ["search", "what"]])
def test_every_command_refuses_a_fifo_with_one_line(tmp_path: Path, command: list[str]) -> None:
    (folder := tmp_path / "data").mkdir(mode=0o755)
    os.mkfifo(folder / "token")
    environment = {**os.environ, "DATA_DIR": str(folder), "PORT": "0"}
    run = subprocess.run(
        [sys.executable, "-m", "backend.cli.main", *command],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == (
        f"lantern: {folder}/token is not a regular file: Lantern does not use it. "
        "Remove it, or set DATA_DIR to another folder\n"
    )
