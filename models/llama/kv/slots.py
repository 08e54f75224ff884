"""Who holds which cells: running sequences, idle ones that a conversation may come back to, and where the rest went.

A sequence is handed out with as much of a prompt in it as can be had: another one goes on or is forked, and what is
kept behind its end is restored. Knows tokens and numbers; the cells themselves are behind `Memory`.
"""

from collections.abc import Sequence, Set

from models.llama.kv.memory import Memory
from models.llama.kv.prefix_tree import PrefixTree, common
from models.llama.kv.snapshot_writer import MIN_TOKENS, SnapshotWriter, spans_within
from models.llama.kv.snapshots import KvSnapshot, Snapshots
from models.llama.kv.state_file import Spans, State

SHORT_TAIL = 8  # tokens: a sequence that goes on only so much further is continued, not forked


class Slots:
    """The sequences of one context with room for `cells` tokens."""

    def __init__(self, memory: Memory, snapshots: Snapshots, cells: int, sequences: int) -> None:
        self.tree, self.cells = PrefixTree(), cells
        self._memory, self._snapshots = memory, snapshots
        self._free = list(range(sequences))
        self._running: set[int] = set()
        self._idle: dict[int, Spans] = {}  # with what the model said in them; the last used last
        self._prefetched: set[int] = set()  # those of the live ones that are only read ahead of a question
        self._seen: set[int] = set()  # of the idle ones, those that `keep` has looked at
        self._writer = SnapshotWriter(memory, snapshots)
        self.restored_tokens = 0

    def known(self, tokens: Sequence[int]) -> int:
        """How many tokens from the beginning need not be read again, wherever they are."""
        return self._reach(tokens, self._longest(tokens)[0])

    def fits(self, tokens: Sequence[int], length: int, growth: int) -> bool:
        """Whether a sequence of `length` tokens that begins with these fits beside the running ones.

        `growth` is what those may still need. Then `take` and every `extend` up to these lengths find room.
        """
        known, holders = self._longest(tokens)
        shared = self.tree.along(min(holders), known, self._running) if holders and self._memory.can_share_prefix else 0
        return self.tree.held(self._running) + growth + length - shared <= self.cells

    def acquire(self, tokens: Sequence[int], *, ahead: bool = False) -> tuple[int, int, Spans]:
        """A running sequence that holds as much of `tokens` as can be had, but for the last one; how much that is, and
        what the model itself has said of it. `ahead`: it is a guess, which no conversation's own sequence goes on with.
        """
        wanted = tokens[:-1]
        length, holders = self._longest(wanted)
        parts = self._behind(wanted, length)
        if (parts or ahead) and not self._memory.can_share_prefix:
            length, holders = 0, frozenset()
        sequence, answers = self._begun(length, holders, ahead)
        (self._prefetched.add if ahead else self._prefetched.discard)(sequence)
        for kept, state in parts:
            if not self._restore(sequence, kept, state, wanted):
                break
            answers = spans_within(kept.answers, self.tree.length(sequence))
        return sequence, self.tree.length(sequence), answers

    def _begun(self, length: int, holders: Set[int], ahead: bool) -> tuple[int, Spans]:
        """A running sequence with the first `length` tokens that these hold: one of them, a fork of one, or empty."""
        own = holders & self._idle.keys() & (self._prefetched if ahead else holders)
        near = [one for one in own if self.tree.length(one) <= length + SHORT_TAIL]
        if near:
            sequence = max(near, key=list(self._idle).index)
            answers = self._idle.pop(sequence)
            self._running.add(sequence)
            return sequence, spans_within(answers, self.cut(sequence, length))
        source = self._lasting(holders)
        sequence = self._fresh(source)
        if source is None:
            return sequence, []
        self._fork(source, sequence, length)
        return sequence, spans_within(self._idle.get(source, []), length)

    def reindex_stale(self, sequence: int, tokens: Sequence[int]) -> int:
        """Lets a running sequence share what others have read of `tokens` since; its length then."""
        length, holders = self.tree.longest(tokens[:-1])
        if self._memory.can_share_prefix and length > self.tree.length(sequence):
            self.cut(sequence, 0)
            source = self._lasting(holders - {sequence})
            assert source is not None
            self._fork(source, sequence, length)
        return self.tree.length(sequence)

    def extend(self, sequence: int, tokens: Sequence[int]) -> None:
        """These tokens are in cells now."""
        self.tree.append(sequence, tokens)

    def cut(self, sequence: int, length: int) -> int:
        """Forgets what is behind `length`; the length then, 0 where a part cannot be forgotten."""
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
            if self.tree.held(self._running | {sequence}) == self.tree.held(self._running):
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
            if sequence in self._seen:
                continue
            cost = self._writer.cost(self.tree.tokens(sequence))
            if self._writer.fits_in_ram(cost) and cost.seconds < within_s:
                return sequence
        return None

    def snapshot(self, sequence: int) -> None:
        """Saves an idle sequence, which also stays in its cells: when it is evicted later, nobody has to wait."""
        self._seen.add(sequence)
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
        """Frees cells for so many tokens more: idle sequences go, the least recently used first."""
        while self.tree.cells + tokens > self.cells:
            assert self._idle, f"{tokens} tokens were promised room among {self.cells} cells"
            self._evict(next(iter(self._idle)))

    def release(self, sequence: int, answers: Spans) -> None:
        """A running sequence is done: what it holds stays for whoever comes back. What was only read ahead goes first,
        and leaves no snapshot.
        """
        self._running.discard(sequence)
        self._seen.discard(sequence)
        if not self.tree.length(sequence):
            self._free.append(sequence)
            return
        self._idle[sequence] = answers
        if sequence in self._prefetched:
            self._idle = {sequence: answers, **self._idle}
        elif (
            self._memory.can_share_prefix
        ):  # beginnings of it that hold no cell beside: a conversation went on as was guessed
            length = self.tree.length(sequence)
            for other in [one for one in self._idle if self.tree.held({one, sequence}) == length and one != sequence]:
                self._evict(other)

    def forget(self) -> None:
        """Drops all that is idle, and every snapshot: somebody wants it gone."""
        for sequence in list(self._idle):
            self._prefetched.add(sequence)
            self._evict(sequence)
        self._snapshots.forget()

    def save_all(self) -> None:
        """Snapshots of all idle sequences, on disk as far as there is one. The last used first, each written before the
        next one is made: the process may be ended over it.
        """
        idle = {sequence: self.tree.tokens(sequence) for sequence in self._idle}
        for sequence in reversed(idle):
            self.snapshot(sequence)
            self._snapshots.store(idle[sequence])
        for tokens in idle.values():
            self._snapshots.touch(self._snapshots.chain(tokens))
        self._snapshots.flush()

    def _longest(self, tokens: Sequence[int]) -> tuple[int, Set[int]]:
        length, holders = self.tree.longest(tokens)
        if self._memory.can_share_prefix:
            return length, holders
        whole = {one for one in holders if one in self._idle and self.tree.length(one) == length}
        return (length, whole) if whole else (0, frozenset())

    def _reach(self, tokens: Sequence[int], length: int) -> int:
        """How many tokens from the beginning can be had, of which `length` are in cells."""
        return max(length, self._snapshots.reach(tokens, length if self._memory.can_share_prefix else 0))

    def _behind(self, tokens: Sequence[int], length: int) -> list[tuple[KvSnapshot, State]]:
        """What is kept of `tokens` behind the first `length`, as far as it is not damaged, if that is worth it. In hand
        it stays, whatever has to go until it is in cells.
        """
        chain = self._snapshots.chain(tokens, length if self._memory.can_share_prefix else 0)
        parts: list[tuple[KvSnapshot, State]] = []
        if not chain or common(chain[-1].tokens.tolist(), tokens) - length < MIN_TOKENS:
            return parts
        self._snapshots.touch(chain)
        for kept in chain:
            state = self._snapshots.state(kept)
            if state is None:
                break
            parts.append((kept, state))
        return parts

    def _restore(self, sequence: int, kept: KvSnapshot, state: State, tokens: Sequence[int]) -> bool:
        """Adds to a running sequence what of `tokens` is kept behind its end. False: there is no room for all of the
        state beside the running ones, or llama.cpp refuses it.
        """
        length, size, held = self.tree.length(sequence), len(kept.tokens) - kept.begin, kept.tokens.tolist()
        if self.tree.held(self._running) + size > self.cells:
            return False
        end = common(held, tokens)
        self.make_room(size)
        if not self._memory.restore(sequence, state, length, end):
            return False
        self.tree.append(sequence, held[length:end])
        self.restored_tokens += end - length
        return True

    def _fork(self, source: int, sequence: int, length: int) -> None:
        self._memory.copy(source, sequence, length)
        self.tree.fork(source, sequence, length)

    def _lasting(self, holders: Set[int]) -> int | None:
        """Of several that hold the same tokens the one to fork from: running, or idle for the shortest time."""
        running = holders & self._running
        return min(running) if running else max(holders, key=list(self._idle).index, default=None)

    def _fresh(self, spared: int | None) -> int:
        """An empty running sequence. If none is free, the least recently used idle one goes, but not `spared`."""
        if not self._free:
            self._evict(next(one for one in self._idle if one != spared))
        sequence = self._free.pop(0)
        self._running.add(sequence)
        return sequence

    def _evict(self, sequence: int) -> None:
        """An idle sequence leaves the cells, into a snapshot if it is worth one."""
        self.snapshot(sequence)
        del self._idle[sequence]
        self._memory.cut(sequence, 0)
        self.tree.cut(sequence, 0)
        self._free.append(sequence)
