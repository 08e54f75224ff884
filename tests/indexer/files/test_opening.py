"""Only regular files are read, through no link, whatever happens between a look and the opening."""

import os
from pathlib import Path

import pytest

from indexer.files import opening
from indexer.files.opening import IsLink, NotRegular, read_below


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"abcdef")
    data, info = read_below(tmp_path, "sub/a", 4)
    assert (data, info.st_size) == (b"abcd", 6)


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").write_bytes(b"a")
    (tmp_path / "link").symlink_to("root")
    assert read_below(tmp_path / "link", "a", 9)[0] == b"a"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"a")
    (tmp_path / "file").symlink_to("sub/a")
    (tmp_path / "folder").symlink_to("sub")
    for path in ("file", "folder/a"):
        with pytest.raises(IsLink):
            read_below(tmp_path, path, 9)


@pytest.mark.parametrize("path", ["pipe", "sub", "../x", "sub/../pipe", "/etc/passwd", "", "."])
def test_what_is_no_file_below_the_root_is_not_opened(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "sub").mkdir()
    with pytest.raises(NotRegular):
        read_below(tmp_path, path, 9)


def test_a_missing_file_and_one_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(FileNotFoundError):
        read_below(tmp_path, "missing/x", 9)
    with pytest.raises(NotADirectoryError):
        read_below(tmp_path, "a/x", 9)


@pytest.mark.parametrize("becomes", ["pipe", "link"])
def test_a_file_that_becomes_something_else_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "a").write_bytes(b"a")
    check = opening._require_regular

    def checked(info: os.stat_result, path: str) -> None:
        check(info, path)
        if info.st_size == 1:
            (tmp_path / "a").unlink()
            os.mkfifo(tmp_path / "a") if becomes == "pipe" else (tmp_path / "a").symlink_to("secret")

    monkeypatch.setattr(opening, "_require_regular", checked)
    with pytest.raises(OSError, match="no regular file" if becomes == "pipe" else "symbolic links"):
        read_below(tmp_path, "a", 9)


def test_descriptors_are_closed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"a")
    (tmp_path / "sub" / "link").symlink_to("a")
    os.mkfifo(tmp_path / "sub" / "pipe")
    free = os.dup(0)
    os.close(free)
    for name in ("a", "link", "pipe", "missing", "a/b", "link/b", "missing/b"):
        try:
            read_below(tmp_path, f"sub/{name}", 9)
        except OSError:
            continue
    again = os.dup(0)
    os.close(again)
    assert again == free
