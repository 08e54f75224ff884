"""Which snapshots are stored, found and dropped, and in which order."""

import math
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from models.llama.kv.snapshots import KvSnapshot, SnapshotStore
from models.llama.kv.state_file import Head
from models.llama.wire import KvLimits
from tests.models.llama.kv.harness import KEY, SPANS, STATE, TOKENS, WHOLE, opened, restored, write_due, written

pytestmark = pytest.mark.process


def test_a_full_disk_only_loses_the_snapshot(tmp_path: Path) -> None:
    folder = tmp_path / "kv"
    found = SnapshotStore(KvLimits(0, 1 << 20, folder))
    found.open_disk(KEY)
    folder.rmdir()
    found.add(TOKENS, 0, SPANS, STATE)
    assert found.available_tokens(TOKENS) == 100
    write_due(found)
    assert found.available_tokens(TOKENS) == 0


def being_written(folder: Path) -> tuple[SnapshotStore, Any, Path | None]:
    """A state that memory has no room for, written to disk, before `written` is called."""
    found = SnapshotStore(KvLimits(0, 1 << 20, folder))
    found.open_disk(KEY)
    found.add(TOKENS, 0, SPANS, STATE)
    due = found.next_to_write()
    assert due is not None
    return found, due, found.write(due)


def test_a_snapshot_stays_available_until_it_is_on_disk(tmp_path: Path) -> None:
    found, due, path = being_written(tmp_path)
    assert restored(found) == WHOLE
    found.written(due, path)
    assert (found.ram_bytes, restored(found), found.next_to_write()) == (0, WHOLE, None)


def test_a_snapshot_replaced_while_it_was_written_leaves_no_file(tmp_path: Path) -> None:
    found, due, path = being_written(tmp_path)
    found.add([*TOKENS, 1], 0, SPANS, STATE)
    found.written(due, path)
    assert list(tmp_path.glob("*.kv")) == []
    assert found.available_tokens(TOKENS) == 100


def test_a_snapshot_dropped_just_before_its_write_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = SnapshotStore(KvLimits(100, 1 << 20, tmp_path))
    snapshots.open_disk(KEY)
    snapshots.add(TOKENS, 0, SPANS, STATE)

    def dropped(kept: KvSnapshot) -> Head:
        snapshots.clear()
        return Head(TOKENS, 0, SPANS)

    monkeypatch.setattr(KvSnapshot, "head", property(dropped))
    write_due(snapshots)
    assert list(tmp_path.iterdir()) == []
    assert snapshots.disk_bytes == snapshots.ram_bytes == 0


def test_a_continued_conversation_is_stored_in_parts(tmp_path: Path) -> None:
    prefix, whole = TOKENS[:60], [*TOKENS, 1]
    found = opened(tmp_path)
    found.add(prefix, 0, SPANS[:1], STATE)
    found.add(TOKENS, 60, SPANS, STATE[:40])
    assert (found.available_tokens(whole), found.available_tokens(prefix), found.available_tokens(TOKENS[:80])) == (
        100,
        60,
        80,
    )
    assert found.available_tokens([*TOKENS[:30], 1]) == 30  # a part of the first
    assert restored(found) == [(prefix, 0, SPANS[:1], STATE), (TOKENS, 60, SPANS, STATE[:40])]
    assert restored(found, TOKENS, 70) == [(TOKENS, 60, SPANS, STATE[:40])]  # what is in cells is not needed
    found.flush()
    again = opened(tmp_path)
    assert restored(again) == restored(found)
    assert (again.damaged, again.disk_bytes) == (0, sum(path.stat().st_size for path in tmp_path.glob("*.kv")))


def test_a_snapshot_with_others_after_it_is_dropped_last(tmp_path: Path) -> None:
    found = SnapshotStore(KvLimits(4 * len(STATE)))
    prefix = TOKENS[:60]
    found.add(prefix, 0, [], STATE)
    for n in range(4):
        found.add([*prefix, *[n] * 50], 60, [], STATE)
    assert [found.available_tokens([*prefix, *[n] * 50]) for n in range(4)] == [60, 110, 110, 110]


def test_a_snapshot_after_a_lost_one_is_used_once_its_prefix_is_in_cells(tmp_path: Path) -> None:
    found = opened(tmp_path)
    found.add(TOKENS[:60], 0, [], STATE)
    found.add(TOKENS, 60, [], STATE)
    found.flush()
    first = min(tmp_path.glob("*.kv"), key=lambda path: path.stat().st_size)
    first.write_bytes(b"damaged")
    again = opened(tmp_path)
    assert (again.available_tokens(TOKENS), again.available_tokens(TOKENS, 59), again.available_tokens(TOKENS, 60)) == (
        0,
        59,
        100,
    )


def test_a_snapshot_replaces_those_that_it_contains() -> None:
    found = SnapshotStore(KvLimits(1 << 20))
    found.add(TOKENS[:60], 0, [], STATE)
    found.add(TOKENS, 60, [], STATE)
    found.add([*TOKENS, 1], 0, [], STATE)
    assert [(one.begin, len(one.tokens)) for one in found.chain([*TOKENS, 1])] == [(0, 101)]
    assert found.ram_bytes == len(STATE)


def test_an_indivisible_state_matches_whole_or_not_at_all() -> None:
    found = SnapshotStore(KvLimits(1 << 20), supports_partial=False)
    found.add(TOKENS, 0, [], STATE)
    assert (
        found.available_tokens(TOKENS[:-1]),
        found.available_tokens([*TOKENS, 1]),
        found.available_tokens([*TOKENS[:-1], 1]),
    ) == (0, 100, 0)


def test_a_clear_before_the_folder_is_open_deletes_its_files(file: Path) -> None:
    found = SnapshotStore(KvLimits(1 << 20, 1 << 20, file.parent))
    found.clear()
    found.add([1] * 50, 0, [], STATE)
    found.open_disk(KEY)
    assert (found.available_tokens(TOKENS), found.available_tokens([1] * 50), file.exists()) == (0, 50, False)


def test_a_snapshot_added_before_the_folder_is_open_owns_its_file(file: Path) -> None:
    found = SnapshotStore(KvLimits(1 << 20, 1 << 20, file.parent))
    found.add(TOKENS, 0, SPANS, STATE)
    found.open_disk(KEY)
    found.clear()
    assert not file.exists()


def test_files_with_others_after_them_are_the_newest(tmp_path: Path) -> None:
    found = opened(tmp_path)
    found.add(TOKENS[:60], 0, [], STATE)
    for n in range(3):
        found.add([*TOKENS[:60], n], 60, [], STATE)
    found.flush()
    found.touch(found.chain([*TOKENS[:60], 1]))
    oldest_first = sorted(tmp_path.glob("*.kv"), key=lambda path: path.stat().st_mtime_ns)
    tokens = {path.name: one.tokens.tolist() for one in found._by_name.values() if (path := one.path)}
    assert [tokens[path.name][60:] for path in oldest_first] == [[0], [2], [1], []]


def test_limits_hold_for_files_and_memory(tmp_path: Path) -> None:
    found = SnapshotStore(KvLimits(600, 1000, tmp_path))
    found.open_disk(KEY)
    for number in range(10):
        found.add([number] * 50, 0, [], STATE)
        assert found.ram_bytes <= 1200
        if number % 3 == 0:
            write_due(found)
            assert found.ram_bytes <= 600
        assert found.disk_bytes <= 1000
    assert found.available_tokens([9] * 50) == 50
    assert found.available_tokens([0] * 50) == 0


def test_the_disk_limit_counts_the_files_of_all_models(tmp_path: Path) -> None:
    written(tmp_path)
    size = next(tmp_path.glob("*.kv")).stat().st_size
    for number in range(3):
        other = tmp_path / f"{number:016}-x.kv"
        other.write_bytes(b"x" * size)
        os.utime(other, (number, number))
    found = SnapshotStore(KvLimits(1 << 20, 2 * size, tmp_path))
    found.open_disk(KEY)
    assert sorted(path.name[:16] for path in tmp_path.glob("*.kv")) == ["2".zfill(16), KEY[:16]]
    found.add(TOKENS[:50], 0, [], STATE[:200])
    found.flush()
    assert [path.name[:16] for path in tmp_path.glob("*.kv")] == [KEY[:16]] * 2


def test_the_order_of_use_survives_a_restart(tmp_path: Path) -> None:
    found = SnapshotStore(KvLimits(1 << 20, 1 << 20, tmp_path))
    found.open_disk(KEY)
    for number in (1, 2, 3):
        found.add([number] * 50, 0, [], STATE)
    found.touch(found.chain([1] * 50))
    found.flush()
    again = SnapshotStore(KvLimits(0, 700, tmp_path))
    again.open_disk(KEY)
    assert [again.available_tokens([number] * 50) for number in (1, 2, 3)] == [50, 0, 0]


def test_sizes_can_be_read_from_another_thread() -> None:
    found, done = SnapshotStore(KvLimits(1 << 20)), threading.Event()
    sizes: list[float] = []

    def read_sizes() -> None:
        try:
            while not done.is_set():
                sizes.append(found.ram_bytes + found.disk_bytes)
        except RuntimeError:
            sizes.append(math.inf)

    reader, interval = threading.Thread(target=read_sizes), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    reader.start()
    for number in range(400):
        found.add([number], 0, [], bytearray(1 << 12))
    done.set()
    reader.join()
    sys.setswitchinterval(interval)
    assert max(sizes) <= 257 << 12
