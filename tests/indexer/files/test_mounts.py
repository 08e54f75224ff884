"""Where the kernel's own file systems and those of other machines are."""

from pathlib import Path

import pytest

from indexer.files import mounts
from indexer.files.mounts import is_pseudo, pseudo_folders, remote_file_system

TABLE = """overlay / overlay rw 0 0
proc /proc proc rw 0 0
tmpfs /dev tmpfs rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
sysfs /sys sysfs rw 0 0
server:/home /home/me/my\\040files nfs4 rw 0 0
proc /jail/proc proc rw 0 0
autofs /net autofs rw 0 0
server:/net /net nfs4 rw 0 0
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mounts").write_text(TABLE)
    monkeypatch.setattr(mounts, "_TABLE", tmp_path / "mounts")
    return tmp_path / "mounts"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        *((folder, True) for folder in ("/proc", "/proc/1", "/sys", "/dev", "/dev/disk", "/jail/proc/self")),
        *((folder, False) for folder in ("/", "/home/me", "/dev/shm", "/dev/shm/code", "/jail", "/devel", "/net/a")),
    ],
)
def test_which_folders_are_made_by_the_kernel(table: Path, folder: str, expected: bool) -> None:
    assert is_pseudo(Path(folder)) is expected


def test_such_folders_below_a_root(table: Path) -> None:
    assert pseudo_folders(Path("/")) == {"proc", "sys", "dev", "jail/proc"}
    assert pseudo_folders(Path("/jail")) == {"proc"}
    assert pseudo_folders(Path("/home")) == frozenset()


def test_without_a_table_the_usual_folders_are_known(table: Path) -> None:
    table.unlink()
    assert [is_pseudo(Path(folder)) for folder in ("/dev/fd", "/dev", "/home", "/")] == [True, True, False, False]
    assert remote_file_system(Path("/home/me/my files")) == ""


def test_a_network_file_system_is_named(table: Path) -> None:
    assert remote_file_system(Path("/home/me/my files/code")) == "nfs4"
    assert remote_file_system(Path("/home/me")) == ""
