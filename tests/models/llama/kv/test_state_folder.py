"""Snapshot files that are damaged, foreign or gone are never used; the tokens are evaluated again."""

import errno
import os
from pathlib import Path

import pytest

from models.llama.kv import state_folder
from models.llama.kv.state_folder import stamp
from tests.models.llama.kv.harness import KEY, OTHER, SPANS, TOKENS, WHOLE, opened, taken


def test_a_state_comes_back_from_its_file(file: Path) -> None:
    again = opened(file.parent)
    assert again.reach([*TOKENS, 1]) == 100
    assert again.answers() == [(TOKENS, SPANS)]
    assert taken(again) == WHOLE
    assert (again.hits, again.misses, again.damaged) == (1, 0, 0)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o077) == (0o600, 0)


def test_no_flipped_byte_is_believed(file: Path) -> None:
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        again = opened(file.parent)
        assert again.answers() in ([], [(TOKENS, SPANS)])
        assert taken(again) == [], place
        assert (again.damaged, again.reach(TOKENS), file.exists()) == (1, 0, False), place


def test_what_is_damaged_after_it_was_found_is_not_believed_either(file: Path) -> None:
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):
        file.write_bytes(whole)
        again = opened(file.parent)
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert taken(again) == [], place
        assert (again.damaged, again.misses) == (1, 1)


@pytest.mark.parametrize("kept", [0, 5, 82, 83, 150, 400, -1])
def test_a_file_that_is_cut_short_is_not_there(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    again = opened(file.parent)
    assert taken(again) == []
    assert again.damaged == 1
    file.write_bytes(b"LANTERNKV2" * 100)
    assert taken(opened(file.parent)) == []


def test_a_file_that_grew_is_not_believed(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x")
    assert taken(opened(file.parent)) == []


def test_a_file_that_has_gone_is_read_again(file: Path) -> None:
    again = opened(file.parent)
    file.unlink()
    assert taken(again) == []
    assert taken(again) == []
    assert again.damaged == 0  # another process needed the room


def test_a_file_of_another_model_is_not_taken(file: Path) -> None:
    assert taken(opened(file.parent, OTHER)) == []  # its name begins alike
    file.with_name(file.name.replace("a" * 16, "c" * 16)).write_bytes(b"not this model's")
    assert opened(file.parent, "c" * 64).reach(TOKENS) == 0


def test_a_file_under_the_name_of_another_is_not_taken(file: Path) -> None:
    file.rename(file.with_name(f"{KEY[:16]}-{'0' * 32}.kv"))
    again = opened(file.parent)
    assert (again.reach(TOKENS), again.damaged) == (0, 1)


def test_what_a_killed_process_had_half_written_goes(file: Path) -> None:
    old, new = file.with_suffix(".1.part"), file.with_suffix(".2.part")
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    opened(file.parent)
    assert (old.exists(), new.exists()) == (False, True)  # somebody may be writing the new one


def test_a_folder_among_the_files_is_no_snapshot(file: Path) -> None:
    file.with_name(f"{KEY[:16]}-{'1' * 32}.kv").mkdir()
    assert taken(opened(file.parent)) == WHOLE


def test_a_state_that_cannot_be_read_now_is_there_a_moment_later(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    found = opened(tmp_path)
    with monkeypatch.context() as short:
        short.setattr(state_folder, "read_state", short_of_memory)
        assert taken(found) == []
    assert file.exists()
    assert taken(found) == WHOLE
    assert (found.misses, found.damaged) == (1, 0)


def test_files_that_are_used_at_once_are_in_order_though_their_clock_stands_still(tmp_path: Path) -> None:
    paths = [tmp_path / str(n) for n in range(20)]
    for path in paths:
        path.touch()
    stamp(paths)
    assert sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True) == paths
    assert len({path.stat().st_mtime_ns for path in paths}) == 20
