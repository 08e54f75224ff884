"""The space that is kept for the ends of turns."""

import errno
import os
from pathlib import Path

import pytest

from backend.data_folder import UnsafeDataFolder
from backend.db import reserve


def full(descriptor: int, _: int, size: int) -> None:
    """`posix_fallocate` on a disk with room for half."""
    os.ftruncate(descriptor, size // 2)
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_space_is_taken_once_and_given_back(tmp_path: Path) -> None:
    file = tmp_path / "reserve"
    reserve.hold(file, 1)
    taken = file.stat()
    reserve.hold(file, 1)
    assert (taken.st_size, taken.st_blocks * 512 >= reserve.LEAST_BYTES) == (reserve.LEAST_BYTES, True)
    assert file.stat().st_mtime_ns == taken.st_mtime_ns
    assert [reserve.release(file), reserve.release(file)] == [8, 0]
    assert file.stat().st_size == 0


def test_the_space_grows_with_the_number_of_turns(tmp_path: Path) -> None:
    sizes = []
    for turns in (1, 8, 9, 100, 1):
        reserve.hold(tmp_path / "reserve", turns)
        sizes.append((tmp_path / "reserve").stat().st_size)
    assert sizes == [1 << 20, 1 << 20, 9 << 17, 100 << 17, 100 << 17]
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 100 * 100_000


def test_a_disk_without_room_for_more_turns_keeps_the_space_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve.hold(tmp_path / "reserve", 1)
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        reserve.hold(tmp_path / "reserve", 20)
    assert (tmp_path / "reserve").stat().st_size == reserve.LEAST_BYTES


def test_without_posix_fallocate_zeros_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    reserve.hold(tmp_path / "reserve", 1)
    assert (tmp_path / "reserve").read_bytes() == bytes(reserve.LEAST_BYTES)


def test_a_full_disk_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        reserve.hold(tmp_path / "reserve", 1)
    assert (tmp_path / "reserve").stat().st_size == 0


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (victim := tmp_path / "victim").write_text("precious")
    (tmp_path / "reserve").symlink_to(victim)
    with pytest.raises(UnsafeDataFolder):
        reserve.hold(tmp_path / "reserve", 1)
    with pytest.raises(UnsafeDataFolder):
        reserve.release(tmp_path / "reserve")
    assert victim.read_text() == "precious"
