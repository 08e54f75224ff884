"""The lock of a data folder and its token."""

import threading
from pathlib import Path

import pytest

from backend.instance_lock import DataDirLock, DataFolderInUse, find, token


def test_a_lock_is_exclusive_found_and_released(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    lock = DataDirLock(tmp_path)
    lock.publish("http://127.0.0.1:1")
    found = find(tmp_path)
    assert found is not None
    assert found.url == "http://127.0.0.1:1"
    with pytest.raises(DataFolderInUse, match=r"http://127\.0\.0\.1:1"):
        DataDirLock(tmp_path)
    lock.release()
    assert find(tmp_path) is None


def test_many_callers_get_one_token(tmp_path: Path) -> None:
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(token(tmp_path / "token"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert set(got) == {(tmp_path / "token").read_text().strip()}
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
