"""Paths that a command is given; also in a folder that was deleted."""

from pathlib import Path

import pytest

from backend.cli.errors import FOLDER_GONE, CommandFailed, describe
from backend.cli.paths import resolved


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is no more."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    return folder


def test_a_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "link").symlink_to("code")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolved(Path("link")) == resolved(Path("~/link")) == tmp_path / "code"


def test_a_relative_path_in_a_folder_that_is_gone(gone: Path) -> None:
    for path in (Path(), Path("code")):
        with pytest.raises(CommandFailed, match="the current folder was deleted"):
            resolved(path)
    assert resolved(gone.parent) == gone.parent


def test_a_user_who_does_not_exist() -> None:
    with pytest.raises(CommandFailed, match="~nobody-of-this-name/x is no path of this machine"):
        resolved(Path("~nobody-of-this-name/x"))


def test_any_other_use_of_a_folder_that_is_gone_is_described(gone: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        Path("model.gguf").absolute()
    assert describe(raised.value) == FOLDER_GONE


def test_another_missing_file_is_described_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        (tmp_path / "x").read_text()
    assert describe(raised.value) == f"{tmp_path / 'x'}: No such file or directory"
