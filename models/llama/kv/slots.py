"""Which sequence holds which cells: running sequences, and idle ones that a conversation may continue.

A prompt gets a sequence that holds as much of it as possible: an idle one is continued or another one is forked, and
snapshots of what follows are restored. Knows tokens and numbers; `Memory` holds the cells.
"""

from collections.abc import Sequence, Set

from models.llama.kv.memory import Memory
from models.llama.kv.prefix_tree import PrefixTree, common_prefix
from models.llama.kv.snapshot_writer import MIN_TOKENS, SnapshotWriter, spans_within
from models.llama.kv.snapshots import KvSnapshot, SnapshotStore
from models.llama.kv.state_file import Spans, State

SHORT_TAIL = 8  # tokens: an idle sequence that is longer by no more than this is continued, not forked


class Slots:
    """The sequences of one context with room for `cells` tokens."""

    def __init__(self, memory: Memory, snapshots: SnapshotStore, cells: int, sequences: int) -> None:
        self.tree, self.cells = PrefixTree(), cells
        self._memory, self._snapshots = memory, snapshots
        self._free = list(range(sequences))
        self._running: set[int] = set()
        self._idle: dict[int, Spans] = {}  # with the spans that the model generated; last used last
        self._prefetched: set[int] = set()  # live sequences that were only read ahead of a question
        self._snapshot_checked: set[int] = set()  # idle sequences for which `snapshot` was called
        self._writer = SnapshotWriter(memory, snapshots)
        self.restored_tokens = 0

    def cached_tokens(self, tokens: Sequence[int]) -> int:
        """How many tokens from the beginning need no evaluation: they are in cells or in snapshots."""
        length, _ = self._longest_prefix(tokens)
        return max(length, self._snapshots.available_tokens(tokens, length if self._memory.can_share_prefix else 0))

    def fits(self, tokens: Sequence[int], length: int, growth: int) -> bool:
        """Whether a sequence of `length` tokens that begins with `tokens` fits beside the running ones.

        `growth`: cells that those may still need. If it fits, `acquire` and every `extend` up to these lengths find
        room.
        """
        cached, holders = self._longest_prefix(tokens)
        shared = 0
        if holders and self._memory.can_share_prefix:
            shared = self.tree.shared_cells(min(holders), cached, self._running)
        return self.tree.cells_of(self._running) + growth + length - shared <= self.cells

    def acquire(self, tokens: Sequence[int], *, prefetch: bool = False) -> tuple[int, int, Spans]:
        """A running sequence with as much of `tokens` as possible, except the last one; its length; and the spans of it
        that the model generated. `prefetch`: the prompt is read ahead of a question, so it never continues the sequence
        of a conversation.
        """
        wanted = tokens[:-1]
        length, holders = self._longest_prefix(wanted)
        parts = self._snapshots_after(wanted, length)
        if (parts or prefetch) and not self._memory.can_share_prefix:
            length, holders = 0, frozenset()
        sequence, answers = self._start_sequence(length, holders, prefetch)
        (self._prefetched.add if prefetch else self._prefetched.discard)(sequence)
        for snapshot, state in parts:
            if not self._restore(sequence, snapshot, state, wanted):
                break
            answers = spans_within(snapshot.answers, self.tree.length(sequence))
        return sequence, self.tree.length(sequence), answers

    def _start_sequence(self, length: int, holders: Set[int], prefetch: bool) -> tuple[int, Spans]:
        """A running sequence with the first `length` tokens of `holders`: one of them, a fork of one, or empty."""
        own = holders & self._idle.keys() & (self._prefetched if prefetch else holders)
        near = [sequence for sequence in own if self.tree.length(sequence) <= length + SHORT_TAIL]
        if near:
            sequence = max(near, key=list(self._idle).index)
            answers = self._idle.pop(sequence)
            self._running.add(sequence)
            return sequence, spans_within(answers, self.cut(sequence, length))
        source = self._fork_source(holders)
        sequence = self._empty_sequence(source)
        if source is None:
            return sequence, []
        self._fork(source, sequence, length)
        return sequence, spans_within(self._idle.get(source, []), length)

    def share_prefix(self, sequence: int, tokens: Sequence[int]) -> int:
        """Lets a running sequence share what others have evaluated of `tokens` meanwhile. Returns its length."""
        length, holders = self.tree.longest(tokens[:-1])
        if self._memory.can_share_prefix and length > self.tree.length(sequence):
            self.cut(sequence, 0)
            source = self._fork_source(holders - {sequence})
            assert source is not None
            self._fork(source, sequence, length)
        return self.tree.length(sequence)

    def extend(self, sequence: int, tokens: Sequence[int]) -> None:
        """Records that these tokens are in cells now."""
        self.tree.append(sequence, tokens)

    def cut(self, sequence: int, length: int) -> int:
        """Removes the tokens after `length`. Returns the new length: 0 where a part cannot be removed."""
        if self.tree.length(sequence) > length:
            length = length if self._memory.cut(sequence, length) else 0
            self.tree.cut(sequence, length)
        return self.tree.length(sequence)

    def evict_idle(self, within_s: float) -> bool:
        """Evicts idle sequences where idle cells slow every step down: those that need no snapshot, and one more whose
        snapshot takes less than `within_s` seconds. True: a snapshot was made.
        """
        if not (self._running and self._memory.attends_all_cells and self._writer.is_enabled):
            return False
        for sequence in list(self._idle):
            if self.tree.cells_of(self._running | {sequence}) == self.tree.cells_of(self._running):
                continue
            needs_snapshot = self._needs_snapshot(sequence)
            if needs_snapshot and (within_s <= 0 or self._writer.cost(self.tree.tokens(sequence)).seconds >= within_s):
                continue
            self._evict(sequence)
            if needs_snapshot:
                return True
        return False

    def next_to_snapshot(self, within_s: float) -> int | None:
        """The idle sequence to `snapshot` next while there is no work: the least recently used one whose snapshot may
        be needed, fits in memory, and takes less than `within_s` seconds.
        """
        if not self._writer.is_enabled:
            return None
        for sequence in self._idle:
            if sequence in self._snapshot_checked:
                continue
            cost = self._writer.cost(self.tree.tokens(sequence))
            if self._writer.fits_in_ram(cost) and cost.seconds < within_s:
                return sequence
        return None

    def snapshot(self, sequence: int) -> None:
        """Saves an idle sequence, which also stays in its cells: when it is evicted later, nobody has to wait."""
        self._snapshot_checked.add(sequence)
        if self._needs_snapshot(sequence):
            tokens, shared = self.tree.tokens(sequence), self._shared(sequence)
            self._writer.save(sequence, tokens, shared, self._idle[sequence])

    def _needs_snapshot(self, sequence: int) -> bool:
        """Whether an idle sequence has to be saved before it leaves: nobody else holds all of it."""
        if not self._writer.is_enabled or sequence in self._prefetched:
            return False
        return self._writer.is_needed(self.tree.tokens(sequence), self._shared(sequence))

    def _shared(self, sequence: int) -> int:
        """How many of its first tokens other sequences hold too, prefetched ones aside."""
        others = (self._running | self._idle.keys()) - self._prefetched - {sequence}
        return self.tree.longest(self.tree.tokens(sequence), others)[0]

    def make_room(self, tokens: int) -> None:
        """Frees cells for `tokens` more: the least recently used idle sequences are evicted."""
        while self.tree.cells + tokens > self.cells:
            assert self._idle, f"{tokens} tokens were promised room among {self.cells} cells"
            self._evict(next(iter(self._idle)))

    def release(self, sequence: int, answers: Spans) -> None:
        """A running sequence becomes idle. A prefetched one is the first to be evicted, without a snapshot."""
        self._running.discard(sequence)
        self._snapshot_checked.discard(sequence)
        length = self.tree.length(sequence)
        if not length:
            self._free.append(sequence)
            return
        self._idle[sequence] = answers
        if sequence in self._prefetched:
            self._idle = {sequence: answers, **self._idle}
        elif self._memory.can_share_prefix:
            # Idle sequences that hold no cell beyond this one: the conversation that it continues, as was prefetched.
            for other in list(self._idle):
                if other != sequence and self.tree.cells_of({other, sequence}) == length:
                    self._evict(other)

    def clear(self) -> None:
        """Drops every idle sequence and every snapshot, at the user's request."""
        for sequence in list(self._idle):
            self._prefetched.add(sequence)  # so that no snapshot is made
            self._evict(sequence)
        self._snapshots.clear()

    def save_all(self) -> None:
        """Saves all idle sequences, to disk where there is a folder. The last used first, each written before the next
        one is made: the process may be killed meanwhile.
        """
        idle = {sequence: self.tree.tokens(sequence) for sequence in self._idle}
        for sequence in reversed(idle):
            self.snapshot(sequence)
            self._snapshots.write_chain(idle[sequence])
        for tokens in idle.values():
            self._snapshots.touch(self._snapshots.chain(tokens))
        self._snapshots.flush()

    def _longest_prefix(self, tokens: Sequence[int]) -> tuple[int, Set[int]]:
        """The longest prefix of `tokens` that can be continued, and the sequences that hold it."""
        length, holders = self.tree.longest(tokens)
        if self._memory.can_share_prefix:
            return length, holders
        exact = {sequence for sequence in holders if sequence in self._idle and self.tree.length(sequence) == length}
        return (length, exact) if exact else (0, frozenset())

    def _snapshots_after(self, tokens: Sequence[int], length: int) -> list[tuple[KvSnapshot, State]]:
        """The undamaged snapshots of `tokens` after the first `length`, if there is enough to restore. Their states
        are loaded, so they stay available whatever is dropped until they are restored.
        """
        chain = self._snapshots.chain(tokens, length if self._memory.can_share_prefix else 0)
        parts: list[tuple[KvSnapshot, State]] = []
        if not chain or common_prefix(chain[-1].tokens.tolist(), tokens) - length < MIN_TOKENS:
            return parts
        self._snapshots.touch(chain)
        for snapshot in chain:
            state = self._snapshots.load(snapshot)
            if state is None:
                break
            parts.append((snapshot, state))
        return parts

    def _restore(self, sequence: int, snapshot: KvSnapshot, state: State, tokens: Sequence[int]) -> bool:
        """Appends the part of a snapshot that continues `tokens` to a running sequence. False: the whole state does not
        fit beside the running sequences, or llama.cpp refuses it.
        """
        length, size = self.tree.length(sequence), len(snapshot.tokens) - snapshot.begin
        if self.tree.cells_of(self._running) + size > self.cells:
            return False
        saved = snapshot.tokens.tolist()
        end = common_prefix(saved, tokens)
        self.make_room(size)
        if not self._memory.restore(sequence, state, length, end):
            return False
        self.tree.append(sequence, saved[length:end])
        self.restored_tokens += end - length
        return True

    def _fork(self, source: int, sequence: int, length: int) -> None:
        self._memory.copy(source, sequence, length)
        self.tree.fork(source, sequence, length)

    def _fork_source(self, holders: Set[int]) -> int | None:
        """Of several sequences with the same tokens the one to fork: a running one, else the last used idle one."""
        running = holders & self._running
        return min(running) if running else max(holders, key=list(self._idle).index, default=None)

    def _empty_sequence(self, spared: int | None) -> int:
        """An empty running sequence. If none is free, the least recently used idle one is evicted, but not `spared`."""
        if not self._free:
            self._evict(next(sequence for sequence in self._idle if sequence != spared))
        sequence = self._free.pop(0)
        self._running.add(sequence)
        return sequence

    def _evict(self, sequence: int) -> None:
        """Removes an idle sequence from the cells, after a snapshot where it needs one."""
        self.snapshot(sequence)
        del self._idle[sequence]
        self._memory.cut(sequence, 0)
        self.tree.cut(sequence, 0)
        self._free.append(sequence)
