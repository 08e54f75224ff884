"""A snapshot store with one state, in memory or in a folder."""

from pathlib import Path

from models.llama.kv.snapshots import SnapshotStore
from models.llama.kv.state_file import Spans, State
from models.llama.wire import KvLimits

TOKENS, SPANS, STATE = list(range(100, 200)), [(10, 20), (50, 60)], bytearray(range(256))
WHOLE = [(TOKENS, 0, SPANS, STATE)]
KEY, OTHER = "a" * 64, "a" * 16 + "b" * 48


def opened(folder: Path, key: str = KEY) -> SnapshotStore:
    found = SnapshotStore(KvLimits(1 << 20, 1 << 20, folder))
    found.open_disk(key)
    return found


def write_due(snapshots: SnapshotStore) -> None:
    """What the writing thread does."""
    while (due := snapshots.next_to_write()) is not None:
        snapshots.written(due, snapshots.write(due))


def restored(
    snapshots: SnapshotStore, tokens: list[int] = TOKENS, cached: int = 0
) -> list[tuple[list[int], int, Spans, State]]:
    """The snapshots of these tokens whose states can be loaded."""
    states = [(snapshot, snapshots.load(snapshot)) for snapshot in snapshots.chain(tokens, cached)]
    return [
        (snapshot.tokens.tolist(), snapshot.begin, snapshot.answers, state)
        for snapshot, state in states
        if state is not None
    ]


def written(folder: Path, tokens: list[int] = TOKENS) -> SnapshotStore:
    found = opened(folder)
    found.add(tokens, 0, SPANS, STATE)
    found.flush()
    return found
