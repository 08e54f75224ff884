"""The space that is kept for the ends of turns."""

import errno
import os
from pathlib import Path

import pytest

from backend.data_folder import UnsafeDataFolder
from backend.db import reserve


def test_the_space_is_taken_once_and_given_back(tmp_path: Path) -> None:
    file = tmp_path / "reserve"
    reserve.hold(file)
    taken = file.stat()
    reserve.hold(file)
    assert (taken.st_size, taken.st_blocks * 512 >= reserve.RESERVE_BYTES) == (reserve.RESERVE_BYTES, True)
    assert file.stat().st_mtime_ns == taken.st_mtime_ns
    reserve.release(file)
    assert file.stat().st_size == 0


def test_without_posix_fallocate_zeros_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    reserve.hold(tmp_path / "reserve")
    assert (tmp_path / "reserve").read_bytes() == bytes(reserve.RESERVE_BYTES)


def test_a_full_disk_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, _: int, size: int) -> None:
        os.ftruncate(descriptor, size // 2)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        reserve.hold(tmp_path / "reserve")
    assert (tmp_path / "reserve").stat().st_size == 0


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (victim := tmp_path / "victim").write_text("precious")
    (tmp_path / "reserve").symlink_to(victim)
    for call in (reserve.hold, reserve.release):
        with pytest.raises(UnsafeDataFolder):
            call(tmp_path / "reserve")
    assert victim.read_text() == "precious"
