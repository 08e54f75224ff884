"""Who holds which cells: running sequences, idle ones that a conversation may come back to, and where the rest went.

A sequence is handed out with as much of a prompt in it as can be had: another one goes on or is forked, and what is
kept behind its end is restored. Knows tokens and numbers; the cells themselves are behind `Memory`.
"""

import time
from collections.abc import Sequence, Set
from typing import NamedTuple

from models.llama.kv.memory import Memory
from models.llama.kv.prefix_tree import PrefixTree, common
from models.llama.kv.snapshots import KvSnapshot, Snapshots
from models.llama.kv.state_file import Spans, State

SHORT_TAIL = 8  # tokens: a sequence that goes on only so much further is continued, not forked
WORTH = 8  # tokens: fewer are read again rather than kept or restored
TELLING = 64  # tokens: what fewer take says nothing of more, as each snapshot costs something by itself


class Saving(NamedTuple):
    """What a snapshot costs."""

    seconds: float
    size: float  # bytes


class Slots:
    """The sequences of one context with room for `cells` tokens."""

    def __init__(self, memory: Memory, snapshots: Snapshots, cells: int, sequences: int) -> None:
        self.tree, self.cells = PrefixTree(), cells
        self._memory, self._snapshots = memory, snapshots
        self._free = list(range(sequences))
        self._running: set[int] = set()
        self._idle: dict[int, Spans] = {}  # with what the model said in them; the last used last
        self._guessed: set[int] = set()  # those of the live ones that are only read ahead of a question
        self._seen: set[int] = set()  # of the idle ones, those that `keep` has looked at
        self._cost = Saving(0.0, 0.0)  # of a token, in the snapshots made lately
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
        (self._guessed.add if ahead else self._guessed.discard)(sequence)
        for kept, state in parts:
            if not self._restore(sequence, kept, state, wanted):
                break
            answers = _within(kept.answers, self.tree.length(sequence))
        return sequence, self.tree.length(sequence), answers

    def _begun(self, length: int, holders: Set[int], ahead: bool) -> tuple[int, Spans]:
        """A running sequence with the first `length` tokens that these hold: one of them, a fork of one, or empty."""
        own = holders & self._idle.keys() & (self._guessed if ahead else holders)
        near = [one for one in own if self.tree.length(one) <= length + SHORT_TAIL]
        if near:
            sequence = max(near, key=list(self._idle).index)
            answers = self._idle.pop(sequence)
            self._running.add(sequence)
            return sequence, _within(answers, self.cut(sequence, length))
        source = self._lasting(holders)
        sequence = self._fresh(source)
        if source is None:
            return sequence, []
        self._fork(source, sequence, length)
        return sequence, _within(self._idle.get(source, []), length)

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
        """Lets idle sequences go where idle cells cost everybody time: those that need no snapshot, and one more whose
        takes less than so many seconds. True: one was made.
        """
        if not (self._running and self._memory.attends_all_cells and self._snapshots.keeps):
            return False
        for sequence in list(self._idle):
            if self.tree.held(self._running | {sequence}) == self.tree.held(self._running):
                continue
            is_due = self._is_due(sequence)
            if is_due and (within_s <= 0 or self._saving(sequence).seconds >= within_s):
                continue
            self._evict(sequence)
            if is_due:
                return True
        return False

    def next_to_snapshot(self, within_s: float) -> int | None:
        """The idle sequence to `keep` next while nobody asks: the least recently used one whose snapshot may be worth
        making, has room in memory, and takes less than so many seconds.
        """
        for sequence in (one for one in self._idle if self._snapshots.keeps and one not in self._seen):
            saving = self._saving(sequence)
            if saving.size <= self._snapshots.most_ram_bytes and saving.seconds < within_s:
                return sequence
        return None

    def snapshot(self, sequence: int) -> None:
        """Makes a snapshot of an idle sequence, which stays in its cells, too: when it leaves, nobody has to wait. What
        it shares with others becomes one of its own.
        """
        self._seen.add(sequence)
        if not self._is_due(sequence):
            return
        tokens, shared = self.tree.tokens(sequence), self._shared(sequence)
        if self._memory.can_share_prefix and shared - (begin := self._snapshots.reach(tokens[:shared])) >= WORTH:
            self._save(sequence, tokens[:shared], begin)
        self._save(sequence, tokens, self._begin(tokens))

    def _save(self, sequence: int, tokens: list[int], begin: int) -> None:
        began, count = time.perf_counter(), len(tokens) - begin
        state = self._memory.save(sequence, begin, len(tokens))
        self._snapshots.put(tokens, begin, _within(self._idle[sequence], len(tokens)), state)
        seconds, old = (time.perf_counter() - began) / count, self._cost.seconds
        if count >= TELLING:
            self._cost = Saving((old + seconds) / 2 if old else seconds, len(state) / count)

    def _is_due(self, sequence: int) -> bool:
        """Whether an idle sequence needs a snapshot before it may leave: for what nobody else holds."""
        if not self._snapshots.keeps or sequence in self._guessed:
            return False
        tokens = self.tree.tokens(sequence)
        return len(tokens) - max(self._shared(sequence), self._snapshots.reach(tokens)) >= WORTH

    def _shared(self, sequence: int) -> int:
        """How many of its first tokens others hold, too, that are no guesses."""
        others = (self._running | self._idle.keys()) - self._guessed - {sequence}
        return self.tree.longest(self.tree.tokens(sequence), others)[0]

    def _begin(self, tokens: Sequence[int]) -> int:
        """Where a snapshot of the end of `tokens` begins: behind what is kept, but for the last turns of this very
        conversation that together have no more tokens than are new. So many turns become few parts, and each of its
        tokens is saved a few times at most.
        """
        if not self._memory.can_share_prefix:
            return 0
        chain, begin = self._snapshots.chain(tokens), self._snapshots.reach(tokens)
        for kept in reversed(chain):
            is_own = any(span_begin >= kept.begin for span_begin, _ in kept.answers)
            if not is_own or begin - kept.begin > len(tokens) - begin:
                break
            begin = kept.begin
        return begin

    def _saving(self, sequence: int) -> Saving:
        """What a snapshot of it will cost, by those made before; nothing before the first."""
        tokens = self.tree.tokens(sequence)
        count = len(tokens) - self._begin(tokens)
        return Saving(count * self._cost.seconds, count * self._cost.size)

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
        if sequence in self._guessed:
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
            self._guessed.add(sequence)
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
        if not chain or common(chain[-1].tokens.tolist(), tokens) - length < WORTH:
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


def _within(spans: Spans, length: int) -> Spans:
    return [span for span in spans if span[1] <= length]
