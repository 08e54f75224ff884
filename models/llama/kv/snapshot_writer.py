"""Makes snapshots of sequences in cells: where each one begins, how many tokens justify it, and what it costs.

Does not know which sequence has to leave, or when. Knows tokens and numbers; `Memory` holds the cells.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from models.llama.kv.memory import Memory
from models.llama.kv.snapshots import SnapshotStore
from models.llama.kv.state_file import Spans

MIN_TOKENS = 8  # fewer are evaluated again rather than saved or restored
MIN_MEASURED = 64  # tokens: smaller snapshots say nothing about the cost of a token, as each has a fixed cost


class SnapshotCost(NamedTuple):
    """Expected cost of a snapshot."""

    seconds: float
    size: float  # bytes


class SnapshotWriter:
    """Saves sequences of one context and measures what a token costs."""

    def __init__(self, memory: Memory, snapshots: SnapshotStore) -> None:
        self._memory, self._snapshots = memory, snapshots
        self._token_cost = SnapshotCost(0.0, 0.0)  # of the latest snapshots

    @property
    def is_enabled(self) -> bool:
        """Whether there is anywhere to store a snapshot."""
        return self._snapshots.is_enabled

    def is_needed(self, tokens: Sequence[int], shared: int) -> bool:
        """Whether a sequence needs a snapshot before it leaves its cells; others hold its first `shared` tokens."""
        return len(tokens) - max(shared, self._snapshots.available_tokens(tokens)) >= MIN_TOKENS

    def cost(self, tokens: Sequence[int]) -> SnapshotCost:
        """Estimate from earlier snapshots; zero before the first."""
        count = len(tokens) - self._begin(tokens)
        return SnapshotCost(count * self._token_cost.seconds, count * self._token_cost.size)

    def fits_in_ram(self, cost: SnapshotCost) -> bool:
        return cost.size <= self._snapshots.most_ram_bytes

    def save(self, sequence: int, tokens: list[int], shared: int, answers: Spans) -> None:
        """Saves a sequence that holds `tokens`. The first `shared`, which others hold, become a snapshot of their own.

        `answers` are the spans of `tokens` that the model generated.
        """
        if self._memory.can_share_prefix:
            begin = self._snapshots.available_tokens(tokens[:shared])
            if shared - begin >= MIN_TOKENS:
                self._save(sequence, tokens[:shared], begin, answers)
        self._save(sequence, tokens, self._begin(tokens), answers)

    def _save(self, sequence: int, tokens: list[int], begin: int, answers: Spans) -> None:
        started_at, count = time.perf_counter(), len(tokens) - begin
        state = self._memory.save(sequence, begin, len(tokens))
        self._snapshots.add(tokens, begin, spans_within(answers, len(tokens)), state)
        seconds, previous_s = (time.perf_counter() - started_at) / count, self._token_cost.seconds
        if count >= MIN_MEASURED:
            mean_s = (previous_s + seconds) / 2 if previous_s else seconds
            self._token_cost = SnapshotCost(mean_s, len(state) / count)

    def _begin(self, tokens: Sequence[int]) -> int:
        """Where a snapshot of the end of `tokens` begins: after what is stored already, except for the latest turns
        of this same conversation that together have no more tokens than are new. So many turns become few snapshots,
        and each token is saved a few times at most.
        """
        if not self._memory.can_share_prefix:
            return 0
        begin = self._snapshots.available_tokens(tokens)
        for snapshot in reversed(self._snapshots.chain(tokens)):
            is_own = any(span_begin >= snapshot.begin for span_begin, _ in snapshot.answers)
            if not is_own or begin - snapshot.begin > len(tokens) - begin:
                break
            begin = snapshot.begin
        return begin


def spans_within(spans: Spans, length: int) -> Spans:
    """The spans that end within the first `length` tokens."""
    return [span for span in spans if span[1] <= length]
