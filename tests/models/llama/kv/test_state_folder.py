"""Snapshot files that are damaged, foreign or gone are never used."""

import errno
import os
from pathlib import Path

import pytest

from models.llama.kv import state_folder
from models.llama.kv.state_folder import stamp
from tests.models.llama.kv.harness import KEY, OTHER, SPANS, TOKENS, WHOLE, opened, restored


def test_a_state_comes_back_from_its_file(file: Path) -> None:
    again = opened(file.parent)
    assert again.available_tokens([*TOKENS, 1]) == 100
    assert again.answers() == [(TOKENS, SPANS)]
    assert restored(again) == WHOLE
    assert (again.hits, again.misses, again.damaged) == (1, 0, 0)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o077) == (0o600, 0)


def test_every_flipped_byte_is_detected(file: Path) -> None:
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        again = opened(file.parent)
        assert again.answers() in ([], [(TOKENS, SPANS)])
        assert restored(again) == [], place
        assert (again.damaged, again.available_tokens(TOKENS), file.exists()) == (1, 0, False), place


def test_damage_after_the_folder_was_read_is_detected(file: Path) -> None:
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):
        file.write_bytes(whole)
        again = opened(file.parent)
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert restored(again) == [], place
        assert (again.damaged, again.misses) == (1, 1)


@pytest.mark.parametrize("kept", [0, 5, 82, 83, 150, 400, -1])
def test_a_truncated_file_is_not_used(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    again = opened(file.parent)
    assert restored(again) == []
    assert again.damaged == 1
    file.write_bytes(b"LANTERNKV2" * 100)
    assert restored(opened(file.parent)) == []


def test_a_file_with_extra_bytes_is_not_used(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x")
    assert restored(opened(file.parent)) == []


def test_a_missing_file_is_a_miss_without_damage(file: Path) -> None:
    again = opened(file.parent)
    file.unlink()
    assert restored(again) == []
    assert restored(again) == []
    assert again.damaged == 0  # another process needed the room


def test_a_file_of_another_model_is_not_used(file: Path) -> None:
    assert restored(opened(file.parent, OTHER)) == []  # its name begins alike
    file.with_name(file.name.replace("a" * 16, "c" * 16)).write_bytes(b"not this model's")
    assert opened(file.parent, "c" * 64).available_tokens(TOKENS) == 0


def test_a_file_with_the_name_of_another_is_not_used(file: Path) -> None:
    file.rename(file.with_name(f"{KEY[:16]}-{'0' * 32}.kv"))
    again = opened(file.parent)
    assert (again.available_tokens(TOKENS), again.damaged) == (0, 1)


def test_old_partial_files_are_deleted(file: Path) -> None:
    old, new = file.with_suffix(".1.part"), file.with_suffix(".2.part")
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    opened(file.parent)
    assert (old.exists(), new.exists()) == (False, True)  # somebody may be writing the new one


def test_a_folder_among_the_files_is_ignored(file: Path) -> None:
    file.with_name(f"{KEY[:16]}-{'1' * 32}.kv").mkdir()
    assert restored(opened(file.parent)) == WHOLE


def test_a_state_that_cannot_be_read_for_a_moment_is_kept(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    found = opened(tmp_path)
    with monkeypatch.context() as short:
        short.setattr(state_folder, "read_state", short_of_memory)
        assert restored(found) == []
    assert file.exists()
    assert restored(found) == WHOLE
    assert (found.misses, found.damaged) == (1, 0)


def test_files_stamped_together_keep_their_order(tmp_path: Path) -> None:
    paths = [tmp_path / str(n) for n in range(20)]
    for path in paths:
        path.touch()
    stamp(paths)
    assert sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True) == paths
    assert len({path.stat().st_mtime_ns for path in paths}) == 20
