"""Snapshot files that are flipped, cut, foreign or gone: what they held is read again, and never wrong."""

import asyncio
import errno
import math
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.llama.engine import LlamaEngine
from models.llama.kernels import FLASH_ATTENTION
from models.llama.kv import state_folder
from models.llama.kv.snapshots import KvLimits, KvSnapshot, Snapshots
from models.llama.kv.state_file import Head, Spans, State
from models.llama.kv.state_folder import stamp
from models.llama.wire import LoadRequest
from models.llama.worker.loading import snapshot_key
from models.types import Delta, ModelSpec, Prompt, Sampling, Segment
from tests.processes import eventually
from tests.speck import write_speck

TOKENS, SPANS, STATE = list(range(100, 200)), [(10, 20), (50, 60)], bytearray(range(256))
WHOLE = [(TOKENS, 0, SPANS, STATE)]
KEY, OTHER = "a" * 64, "a" * 16 + "b" * 48


def opened(folder: Path, key: str = KEY) -> Snapshots:
    found = Snapshots(KvLimits(1 << 20, 1 << 20, folder))
    found.open_disk(key)
    return found


def reindex_stale(snapshots: Snapshots) -> None:
    """What the thread that writes does."""
    while (due := snapshots.due()) is not None:
        snapshots.wrote(due, snapshots.write(due))


def taken(snapshots: Snapshots, tokens: list[int] = TOKENS, held: int = 0) -> list[tuple[list[int], int, Spans, State]]:
    """What leads into these tokens, with its states, as far as they can be had."""
    states = [(one, snapshots.state(one)) for one in snapshots.chain(tokens, held)]
    return [(one.tokens.tolist(), one.begin, one.answers, state) for one, state in states if state is not None]


def written(folder: Path, tokens: list[int] = TOKENS) -> Snapshots:
    found = opened(folder)
    found.put(tokens, 0, SPANS, STATE)
    found.flush()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written(tmp_path)
    (path,) = tmp_path.glob("*.kv")
    return path


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


def test_a_full_disk_costs_the_snapshot_only(tmp_path: Path) -> None:
    folder = tmp_path / "kv"
    found = Snapshots(KvLimits(0, 1 << 20, folder))
    found.open_disk(KEY)
    folder.rmdir()
    found.put(TOKENS, 0, SPANS, STATE)
    assert found.reach(TOKENS) == 100
    reindex_stale(found)
    assert found.reach(TOKENS) == 0


def being_written(folder: Path) -> tuple[Snapshots, Any, Path | None]:
    """A state that memory has no room for, on disk already, while nobody has been told."""
    found = Snapshots(KvLimits(0, 1 << 20, folder))
    found.open_disk(KEY)
    found.put(TOKENS, 0, SPANS, STATE)
    due = found.due()
    assert due is not None
    return found, due, found.write(due)


def test_what_has_to_leave_memory_is_there_until_it_is_on_disk(tmp_path: Path) -> None:
    found, due, path = being_written(tmp_path)
    assert taken(found) == WHOLE
    found.wrote(due, path)
    assert (found.ram_bytes, taken(found), found.due()) == (0, WHOLE, None)


def test_what_went_on_while_it_was_written_leaves_no_file(tmp_path: Path) -> None:
    found, due, path = being_written(tmp_path)
    found.put([*TOKENS, 1], 0, SPANS, STATE)
    found.wrote(due, path)
    assert list(tmp_path.glob("*.kv")) == []
    assert found.reach(TOKENS) == 100


def test_what_goes_just_when_it_is_to_be_written_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = Snapshots(KvLimits(100, 1 << 20, tmp_path))
    snapshots.open_disk(KEY)
    snapshots.put(TOKENS, 0, SPANS, STATE)

    def dropped(kept: KvSnapshot) -> Head:
        snapshots.forget()
        return Head(TOKENS, 0, SPANS)

    monkeypatch.setattr(KvSnapshot, "head", property(dropped))
    reindex_stale(snapshots)
    assert list(tmp_path.iterdir()) == []
    assert snapshots.disk_bytes == snapshots.ram_bytes == 0


def test_a_conversation_that_went_on_is_kept_in_parts(tmp_path: Path) -> None:
    begun, whole = TOKENS[:60], [*TOKENS, 1]
    found = opened(tmp_path)
    found.put(begun, 0, SPANS[:1], STATE)
    found.put(TOKENS, 60, SPANS, STATE[:40])
    assert (found.reach(whole), found.reach(begun), found.reach(TOKENS[:80])) == (100, 60, 80)
    assert found.reach([*TOKENS[:30], 1]) == 30  # a part of the first
    assert taken(found) == [(begun, 0, SPANS[:1], STATE), (TOKENS, 60, SPANS, STATE[:40])]
    assert taken(found, TOKENS, 70) == [(TOKENS, 60, SPANS, STATE[:40])]  # what is in cells is not needed
    found.flush()
    again = opened(tmp_path)
    assert taken(again) == taken(found)
    assert (again.damaged, again.disk_bytes) == (0, sum(path.stat().st_size for path in tmp_path.glob("*.kv")))


def test_what_others_are_behind_goes_last(tmp_path: Path) -> None:
    found = Snapshots(KvLimits(4 * len(STATE)))
    begun = TOKENS[:60]
    found.put(begun, 0, [], STATE)
    for n in range(4):
        found.put([*begun, *[n] * 50], 60, [], STATE)
    assert [found.reach([*begun, *[n] * 50]) for n in range(4)] == [60, 110, 110, 110]


def test_what_is_behind_something_lost_waits_for_it_to_be_read_again(tmp_path: Path) -> None:
    found = opened(tmp_path)
    found.put(TOKENS[:60], 0, [], STATE)
    found.put(TOKENS, 60, [], STATE)
    found.flush()
    first = min(tmp_path.glob("*.kv"), key=lambda path: path.stat().st_size)
    first.write_bytes(b"damaged")
    again = opened(tmp_path)
    assert (again.reach(TOKENS), again.reach(TOKENS, 59), again.reach(TOKENS, 60)) == (0, 59, 100)


def test_a_state_that_holds_another_takes_its_place() -> None:
    found = Snapshots(KvLimits(1 << 20))
    found.put(TOKENS[:60], 0, [], STATE)
    found.put(TOKENS, 60, [], STATE)
    found.put([*TOKENS, 1], 0, [], STATE)
    assert [(one.begin, len(one.tokens)) for one in found.chain([*TOKENS, 1])] == [(0, 101)]
    assert found.ram_bytes == len(STATE)


def test_a_state_of_which_no_part_can_be_used_is_for_all_of_it_or_nothing() -> None:
    found = Snapshots(KvLimits(1 << 20), parts=False)
    found.put(TOKENS, 0, [], STATE)
    assert (found.reach(TOKENS[:-1]), found.reach([*TOKENS, 1]), found.reach([*TOKENS[:-1], 1])) == (0, 100, 0)


def test_what_was_to_be_forgotten_before_the_disk_was_known_is_gone_then(file: Path) -> None:
    found = Snapshots(KvLimits(1 << 20, 1 << 20, file.parent))
    found.forget()
    found.put([1] * 50, 0, [], STATE)
    found.open_disk(KEY)
    assert (found.reach(TOKENS), found.reach([1] * 50), file.exists()) == (0, 50, False)


def test_what_was_made_again_before_the_disk_was_known_owns_its_file(file: Path) -> None:
    found = Snapshots(KvLimits(1 << 20, 1 << 20, file.parent))
    found.put(TOKENS, 0, SPANS, STATE)
    found.open_disk(KEY)
    found.forget()
    assert not file.exists()


def test_a_process_that_needs_room_takes_what_nothing_is_behind(tmp_path: Path) -> None:
    found = opened(tmp_path)
    found.put(TOKENS[:60], 0, [], STATE)
    for n in range(3):
        found.put([*TOKENS[:60], n], 60, [], STATE)
    found.flush()
    found.touch(found.chain([*TOKENS[:60], 1]))
    oldest_first = sorted(tmp_path.glob("*.kv"), key=lambda path: path.stat().st_mtime_ns)
    tokens = {path.name: one.tokens.tolist() for one in found._kept.values() if (path := one.path)}
    assert [tokens[path.name][60:] for path in oldest_first] == [[0], [2], [1], []]


def test_the_bounds_hold_for_files_and_for_memory(tmp_path: Path) -> None:
    found = Snapshots(KvLimits(600, 1000, tmp_path))
    found.open_disk(KEY)
    for number in range(10):
        found.put([number] * 50, 0, [], STATE)
        assert found.ram_bytes <= 1200
        if number % 3 == 0:
            reindex_stale(found)
            assert found.ram_bytes <= 600
        assert found.disk_bytes <= 1000
    assert found.reach([9] * 50) == 50
    assert found.reach([0] * 50) == 0


def test_the_bound_is_for_the_files_of_all_models_together(tmp_path: Path) -> None:
    written(tmp_path)
    size = next(tmp_path.glob("*.kv")).stat().st_size
    for number in range(3):
        other = tmp_path / f"{number:016}-x.kv"
        other.write_bytes(b"x" * size)
        os.utime(other, (number, number))
    found = Snapshots(KvLimits(1 << 20, 2 * size, tmp_path))
    found.open_disk(KEY)
    assert sorted(path.name[:16] for path in tmp_path.glob("*.kv")) == ["2".zfill(16), KEY[:16]]
    found.put(TOKENS[:50], 0, [], STATE[:200])
    found.flush()
    assert [path.name[:16] for path in tmp_path.glob("*.kv")] == [KEY[:16]] * 2


def test_files_that_are_used_at_once_are_in_order_though_their_clock_stands_still(tmp_path: Path) -> None:
    paths = [tmp_path / str(n) for n in range(20)]
    for path in paths:
        path.touch()
    stamp(paths)
    assert sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True) == paths
    assert len({path.stat().st_mtime_ns for path in paths}) == 20


def test_the_order_of_use_outlives_the_process(tmp_path: Path) -> None:
    found = Snapshots(KvLimits(1 << 20, 1 << 20, tmp_path))
    found.open_disk(KEY)
    for number in (1, 2, 3):
        found.put([number] * 50, 0, [], STATE)
    found.touch(found.chain([1] * 50))
    found.flush()
    again = Snapshots(KvLimits(0, 700, tmp_path))
    again.open_disk(KEY)
    assert [again.reach([number] * 50) for number in (1, 2, 3)] == [50, 0, 0]


def test_its_numbers_may_be_asked_for_while_it_changes() -> None:
    found, done = Snapshots(KvLimits(1 << 20)), threading.Event()
    asked: list[float] = []

    def ask() -> None:
        try:
            while not done.is_set():
                asked.append(found.ram_bytes + found.disk_bytes)
        except RuntimeError:
            asked.append(math.inf)

    asking, interval = threading.Thread(target=ask), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    asking.start()
    for number in range(400):
        found.put([number], 0, [], bytearray(1 << 12))
    done.set()
    asking.join()
    sys.setswitchinterval(interval)
    assert max(asked) <= 257 << 12


def test_another_context_or_model_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "speck.gguf"
    write_speck(path)
    order = LoadRequest(str(path), 2048, 1, folder=str(tmp_path / "kv"))
    keys = {snapshot_key(order), snapshot_key(LoadRequest(str(path), 4096, 1, folder=order.folder))}
    keys |= {snapshot_key(LoadRequest(str(path), 2048, 1, kv_type="q8_0", folder=order.folder))}
    keys |= {snapshot_key(replace(order, kernels=(FLASH_ATTENTION,)))}
    path.write_bytes(path.read_bytes() + b"x")
    keys |= {snapshot_key(order)}
    assert len(keys) == 5
    (tmp_path / "kv" / "digests.json").write_text("{")
    assert snapshot_key(order) in keys


# --- through the engine ---


STORY = "def scan(path): return sorted(path.iterdir())\n" * 8


async def told(path: Path, text: str = STORY) -> tuple[str, Delta, int]:
    """Answer, last delta and damaged snapshots of one life of an engine."""
    spec = ModelSpec("speck", (path.name,), context_length=2048, threads=1)
    engine = await LlamaEngine.start(spec, path, storage=KvLimits(1 << 20, 1 << 24, path.parent / "kv"))
    prompt = Prompt((Segment(text, False),), text)
    deltas = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=32, temperature=0))]
    await eventually(lambda: engine.state.get("steps"))
    damaged = int(engine.state["snapshots_damaged"])
    await engine.close()
    return "".join(delta.text for delta in deltas), deltas[-1], damaged


async def test_a_conversation_goes_on_after_a_restart_and_a_damaged_one_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "speck.gguf"
    write_speck(path)
    first, last, _ = await told(path)
    assert last.usage is not None
    assert last.usage.cached == 0
    again, last, damaged = await told(path)
    assert last.usage is not None
    assert (again, last.usage.cached, damaged) == (first, last.usage.prompt - 1, 0)
    for place in (200, -2000):
        (file,) = (tmp_path / "kv").glob("*.kv")
        data = bytearray(file.read_bytes())
        data[place] ^= 4
        file.write_bytes(data)
        again, last, damaged = await told(path)
        assert last.usage is not None
        assert (again, last.usage.cached, damaged) == (first, 0, 1), place


async def test_what_is_to_be_forgotten_is_gone_from_cells_memory_and_disk(tmp_path: Path) -> None:
    path = tmp_path / "speck.gguf"
    write_speck(path)
    spec, storage = (
        ModelSpec("speck", (path.name,), context_length=512, threads=1),
        KvLimits(0, 1 << 30, tmp_path / "kv"),
    )
    prompt = Prompt((Segment("a b c d e f g " * 12, parse_special=False),), "")
    snapshot_key(
        LoadRequest(str(path), 512, 1, folder=str(storage.folder))
    )  # the file's digest is known from the start
    for _ in range(2):
        engine = await LlamaEngine.start(spec, path, storage=storage)
        last = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=4))][-1]
        await engine.close()
    assert last.usage is not None
    assert last.usage.cached > 0
    engine = await LlamaEngine.start(spec, path, storage=storage)
    engine.forget()
    last = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=4))][-1]
    assert last.usage is not None
    assert last.usage.cached == 0
    engine.forget()
    await engine.close()
    assert list((tmp_path / "kv").glob("*.kv")) == []


async def test_an_answer_that_is_cancelled_to_be_forgotten_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "speck.gguf"
    write_speck(path)
    engine = await LlamaEngine.start(ModelSpec("speck", (path.name,), context_length=2048, threads=1), path)
    prompt = Prompt((Segment("a b c d e f g " * 12, parse_special=False),), "")
    for _ in range(5):
        stream = engine.stream(prompt, Sampling(max_tokens=1000))
        while not (await anext(stream)).text:
            pass
        await stream.aclose()
        engine.forget()  # arrives within the same step
        last = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=1))][-1]
        assert last.usage is not None
        assert last.usage.cached == 0
        engine.forget()
    await engine.close()


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


async def test_a_folder_that_cannot_be_used_costs_the_snapshots_only(tmp_path: Path) -> None:
    path = tmp_path / "speck.gguf"
    write_speck(path)
    spec, storage = ModelSpec("speck", (path.name,), context_length=512, threads=1), KvLimits(0, 1 << 30, path / "kv")
    engine = await LlamaEngine.start(spec, path, storage=storage)
    for _ in range(2):
        deltas = [delta async for delta in engine.stream(Prompt((Segment("a b", False),), ""), Sampling(max_tokens=4))]
        assert deltas[-1].reason == "length"
        await asyncio.sleep(0.3)
    assert engine.restarts == 0
    await engine.close()
