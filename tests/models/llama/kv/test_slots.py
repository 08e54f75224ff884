"""Idle conversations stay in cells, move to snapshots, and are evicted in the right order."""

from pathlib import Path
from typing import Any

import pytest

from models.llama.kv.snapshot_writer import MIN_TOKENS
from models.llama.kv.snapshots import SnapshotStore
from models.llama.kv.state_file import State
from models.llama.wire import KvLimits
from tests.models.llama.harness import SYSTEM, World


def test_a_conversation_continues_in_its_cells_after_others() -> None:
    world = World()
    first = world.submit([*SYSTEM, *range(10)], 5)
    world.run()
    world.submit([*SYSTEM, 7, 7, 7], 5)
    world.run()
    again = world.submit([*first.tokens, 3, 3], 1)
    world.run()
    assert again.cached == len(first.tokens) - 1  # the last token of an answer is never evaluated
    assert world.read[again.id] == 3


def test_an_evicted_conversation_is_restored_from_its_snapshot() -> None:
    world = World(size=150)
    first = world.submit(list(range(MIN_TOKENS + 10)), 1)
    world.run()
    for n in range(3):
        world.submit([n] * 120, 1)
        world.run()
    again = world.submit([*first.tokens, 3], 1)
    world.run()
    assert again.cached == len(first.tokens) - 1
    assert world.snapshots.hits == 1


def test_a_shared_prefix_is_stored_once_and_new_tokens_are_added() -> None:
    world = World(size=2000, sequences=10, limits=KvLimits(1 << 20))
    first, second = world.submit([*SYSTEM, *[1] * 100], 20), world.submit([*SYSTEM, *[2] * 50], 1)
    world.run()
    while (due := world.slots.next_to_snapshot(1.0)) is not None:
        world.slots.snapshot(due)
    assert world.snapshots.ram_bytes == 8 * (len(SYSTEM) + 100 + 19 + 50)  # a last token has no cell
    again = world.submit([*first.tokens, 4, 4, 4], 20)
    world.run()
    while (due := world.slots.next_to_snapshot(1.0)) is not None:
        world.slots.snapshot(due)
    assert world.snapshots.ram_bytes == 8 * (len(SYSTEM) + 100 + 19 + 50 + 4 + 19)
    world.submit([5] * 1999, 1)  # needs all cells
    world.run()
    last, other = world.submit([*again.tokens, 6], 1), world.submit([*second.tokens, 6], 1)
    world.run()
    assert (last.cached, other.cached) == (len(again.tokens) - 1, len(second.tokens) - 1)
    assert world.snapshots.hits == 3 + 1  # three of the one, and of the other what is its own


def test_many_turns_become_few_snapshots_that_never_contain_a_shared_prefix() -> None:
    world = World(size=4000, sequences=10, limits=KvLimits(1 << 20))
    tokens = world.submit(SYSTEM, 0).tokens
    world.run()
    world.slots.snapshot(world.slots.next_to_snapshot(1.0) or 0)
    saved = 0
    for turn in range(32):
        tokens = world.submit([*tokens, *[turn] * 11], 10).tokens
        world.run()
        while (due := world.slots.next_to_snapshot(1.0)) is not None:
            world.slots.snapshot(due)
        chain = world.snapshots.chain(tokens)
        assert len(chain[0].tokens) == len(SYSTEM)
        assert len(chain) <= 1 + 6
        saved += chain[-1].size
        assert world.snapshots.ram_bytes == 8 * (len(tokens) - 1)
    assert world.snapshots.available_tokens(tokens) == len(tokens) - 1
    assert saved <= 8 * len(tokens) * 6


def test_a_restore_stops_where_the_room_ends() -> None:
    world = World(size=500, sequences=10, limits=KvLimits(1 << 20))
    for prompt in ([1] * 100, [*[1] * 100, *[2] * 300]):
        world.submit(prompt, 1)
        world.run()
        world.slots.snapshot(world.slots.next_to_snapshot(1.0) or 0)
    world.submit([3] * 200, 90)
    while world.scheduler.decoding == 0:
        world.step()
    again = world.submit([*[1] * 100, *[2] * 20, 9], 5)
    world.step()
    assert again.cached == 100  # all of the second part, of which 20 are wanted, does not fit
    world.run()


def test_costly_idle_cells_are_evicted_when_saving_them_delays_nobody() -> None:
    world = World(size=2000)
    world.cells.attends_all_cells = True
    first = world.submit([1] * 300, 1)
    world.run()
    follow_up = world.submit([2] * 60, 5)
    world.step()
    assert world.cells.used == 300 + 60  # a short prompt does not wait for a snapshot
    long = world.submit([3] * 200, 1)
    assert [part.request for part in world.step()] == [follow_up]  # it pauses for one thing at a time
    assert world.cells.used == 60 + 1
    assert {part.request for part in world.step()} == {follow_up, long}
    world.run()
    again = world.submit([*first.tokens, 3], 1)
    world.run()
    assert again.cached == 300


def test_saved_sequences_are_evicted_for_any_prompt() -> None:
    world = World(size=2000)
    first, second = world.submit([1] * 300, 1), world.submit([2] * 200, 1)
    world.run()
    world.cells.attends_all_cells, slots = True, world.slots
    order = []
    while (due := slots.next_to_snapshot(1.0)) is not None:
        order.append(slots.tree.length(due))
        slots.snapshot(due)
    assert order == [200, 300]  # the last used is the last to go from memory, too
    assert [slots.cached_tokens(one.tokens) for one in (first, second)] == [300, 200]
    assert world.cells.used == 500
    world.submit([3] * 10, 5)
    world.step()
    assert world.cells.used == 10
    assert slots.next_to_snapshot(1.0) is None
    assert [slots.cached_tokens(one.tokens) for one in (first, second)] == [300, 200]


def test_a_sequence_that_takes_too_long_to_save_stays() -> None:
    world = World(size=2000)
    world.cells.attends_all_cells = True
    world.cells.save_s = 0.01
    for n in (1, 2):
        world.submit([n] * 300, 1)
        world.run()
    # One was evicted while the other was answered: now the cost of saving is measured as 0.01 s.
    assert (world.cells.used, world.slots.next_to_snapshot(0.005)) == (300, None)
    assert world.slots.next_to_snapshot(5.0) is not None


def test_a_sequence_too_large_for_memory_is_saved_only_at_eviction() -> None:
    world = World(size=9000, sequences=8)
    for n in range(3):
        world.submit([n] * 300, 1)
    world.run()
    world.slots.snapshot(world.slots.next_to_snapshot(1.0) or 0)  # now the size of a token is measured: 8 bytes
    world.submit([7] * 2049, 1)  # more than all of World's 1 << 14 bytes
    world.run()
    while (due := world.slots.next_to_snapshot(1.0)) is not None:
        world.slots.snapshot(due)
    assert world.snapshots.ram_bytes == 3 * 300 * 8


def test_prefill_runs_between_snapshots_and_evictions_without_one_delay_no_step() -> None:
    world = World(size=4000, sequences=10, parallel=8)
    for n in range(6):
        world.submit([n] * 300, 1)
    world.run()
    world.cells.attends_all_cells = True
    world.submit([8] * 10, 90)
    world.step()
    long = world.submit([9] * 200, 1)
    read = [any(part.request is long for part in world.step()) for _ in range(4)]
    assert read == [False, True, False, True]
    shared = World(size=4000, sequences=10, parallel=8)
    for n in range(8):
        shared.submit([*SYSTEM * 8, n], 1)
    shared.run()
    shared.cells.attends_all_cells = True
    shared.submit([8] * 10, 90)
    shared.step()
    long = shared.submit([9] * 200, 1)
    assert [any(part.request is long for part in shared.step()) for _ in range(2)] == [False, True]


def test_at_the_end_the_last_used_is_written_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits, key = KvLimits(1 << 14, 1 << 20, tmp_path), "0" * 64
    world = World(size=1000, limits=limits)
    world.snapshots.open_disk(key)
    for n in (1, 2, 3):
        world.submit([n] * 100, 1)
        world.run()
    save, write = world.cells.save, world.snapshots.write
    done: list[tuple[str, int]] = []

    def saved(sequence: int, begin: int, end: int) -> State:
        done.append(("made", world.cells.tokens[sequence][0]))
        return save(sequence, begin, end)

    def written(kept: Any) -> Path | None:
        done.append(("written", kept.tokens[0]))
        return write(kept)

    monkeypatch.setattr(world.cells, "save", saved)
    monkeypatch.setattr(world.snapshots, "write", written)
    world.slots.save_all()
    assert done == [(what, n) for n in (3, 2, 1) for what in ("made", "written")]
    again = SnapshotStore(limits)
    again.open_disk(key)
    assert [tokens[0] for tokens, _ in again.answers()] == [1, 2, 3]


def test_prefetched_sequences_are_evicted_first_without_a_snapshot() -> None:
    world = World(size=300)
    world.submit([1] * 100, 1)
    world.run()
    world.submit([2] * 100, 0, prefetch=True)
    world.run()
    world.submit([3] * 150, 1)
    world.run()
    assert world.slots.cached_tokens([1] * 100) == 100
    assert world.slots.cached_tokens([2] * 100) == 0


def test_a_prefetch_leaves_the_conversation_unchanged() -> None:
    world = World(size=2000, limits=KvLimits(1 << 20))
    first = world.submit([*SYSTEM, *range(10)], 5)
    world.run()
    span = (first.prompt, len(first.tokens) - 1)
    world.submit([*first.tokens, *[3] * 20], 0, prefetch=True)
    world.run()
    while (due := world.slots.next_to_snapshot(1.0)) is not None:
        world.slots.snapshot(due)
    assert (
        world.snapshots.available_tokens([*first.tokens, *[3] * 20]) == span[1]
    )  # the conversation is kept, not the guess
    follow_up = world.submit([*first.tokens, *[3] * 20], 5)
    world.step()
    assert follow_up.cached == len(first.tokens) + 20 - 1
    assert follow_up.answers == [span]
    world.run()
    assert list(world.slots._idle) == [follow_up.sequence]  # it holds the whole conversation
    other = world.submit([*first.tokens, 4, 4], 5)
    world.step()
    assert (other.cached, other.answers) == (len(first.tokens), [span])


def test_equal_tokens_in_other_cells_do_not_count_as_shared() -> None:
    world = World(size=100, parallel=2, guesses=0)
    world.choose_from = range(7, 8)  # both answers are the same, each in cells of its own
    first = world.submit([1] * 10, 20)
    for _ in range(10):
        world.step()
    second = world.submit([1] * 10, 44)  # has fewer tokens when the first one ends
    while first in world.scheduler.requests:
        world.step()
    follow_up = world.submit([*first.tokens, 2], 34)  # with all of `second`, nine shared: 65 + 54 - 9 cells
    world.run()
    assert len(follow_up.tokens) == follow_up.max_length
    assert len(second.tokens) == second.max_length
