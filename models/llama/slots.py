"""Who holds which cells: running sequences, idle ones that a conversation may come back to, and where the rest went.

A sequence is handed out with as much of a prompt in it as can be had: continued, forked from another, or restored.
Knows tokens and numbers; the cells themselves are behind `Memory`.
"""

import time
from collections.abc import Sequence, Set
from typing import NamedTuple, Protocol

from models.llama.prefixes import Prefixes
from models.llama.snapshots import Snapshots
from models.llama.state_file import Spans, State

SHORT_TAIL = 8  # tokens: a sequence that goes on only so much further is continued, not forked
WORTH_SAVING = 32  # tokens that nobody else holds: reading fewer again is cheaper than a snapshot
IDLE = 256  # cells that idle sequences may hold where an evaluation reads the cells of everybody
WORTH_RESTORING = 8  # tokens that a snapshot must have beyond what the cells hold


class Saving(NamedTuple):
    """What a snapshot costs."""

    seconds: float
    size: float  # bytes


class Memory(Protocol):
    """The cells of a context. Sequences are numbers from 0."""

    forks: bool  # whether a part of a sequence can be shared; else only whole ones go on
    reads_all: bool  # whether an evaluation reads the cells of everybody, so that idle ones cost time

    def copy(self, source: int, sequence: int, length: int) -> None:
        """Shares the first `length` tokens."""
        ...

    def cut(self, sequence: int, length: int) -> bool:
        """Forgets what is behind `length`. False: this model cannot forget a part, all of it is forgotten."""
        ...

    def save(self, sequence: int) -> State: ...

    def restore(self, sequence: int, state: State) -> bool:
        """Into an empty sequence. False: refused, the sequence is still empty."""
        ...


class Slots:
    """The sequences of one context with room for `cells` tokens."""

    def __init__(self, memory: Memory, snapshots: Snapshots, cells: int, sequences: int) -> None:
        self.tree, self.cells = Prefixes(), cells
        self._memory, self._snapshots = memory, snapshots
        self._free = list(range(sequences))
        self._running: set[int] = set()
        # With what the model said in them, None for what was only read ahead; the last used last.
        self._idle: dict[int, Spans | None] = {}
        self._seen: set[int] = set()  # of the idle ones, those that `keep` has looked at
        self._cost = Saving(0.0, 0.0)  # of a token, in the snapshots made lately
        self.restored_tokens = 0

    def known(self, tokens: Sequence[int]) -> int:
        """How many tokens from the beginning need not be read again, wherever they are."""
        return max(self._longest(tokens)[0], self._longest_kept(tokens)[0])

    def fits(self, tokens: Sequence[int], length: int, growth: int) -> bool:
        """Whether a sequence of `length` tokens that begins with these fits beside the running ones.

        `growth` is what those may still need. Then `take` and every `extend` up to these lengths find room.
        """
        shared = self.tree.longest(tokens, self._running)[0] if self._memory.forks else 0
        return self.tree.held(self._running) + growth + length - shared <= self.cells

    def take(self, tokens: Sequence[int], most: int, growth: int) -> tuple[int, int, Spans]:
        """A running sequence that holds as much of `tokens` as can be had, but for the last one; how much that is, and
        what the model itself has said of it.

        It will grow to `most` tokens, the other running ones by `growth`, as `fits` has allowed.
        """
        wanted = tokens[:-1]
        length, holders = self._longest(wanted)
        kept, whole = self._longest_kept(wanted)
        room = self.cells - self.tree.held(self._running) - growth
        if kept - length >= WORTH_RESTORING and max(whole, most) <= room:
            restored = self._restored(wanted)
            if restored is not None:
                sequence, answers = restored
                return sequence, self.cut(sequence, kept), _within(answers, kept)
        near = [one for one in holders if one in self._idle and self.tree.length(one) <= length + SHORT_TAIL]
        if near:
            sequence = max(near, key=list(self._idle).index)
            answers = self._idle.pop(sequence) or []
            self._running.add(sequence)
            return sequence, self.cut(sequence, length), _within(answers, length)
        source = self._lasting(holders)
        sequence = self._fresh(source)
        if source is None:
            return sequence, 0, []
        self._fork(source, sequence, length)
        return sequence, length, _within(self._idle.get(source) or [], length)

    def catch_up(self, sequence: int, tokens: Sequence[int]) -> int:
        """Lets a running sequence share what others have read of `tokens` since; its length then."""
        length, holders = self.tree.longest(tokens[:-1])
        if self._memory.forks and length > self.tree.length(sequence):
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

    def thin_out(self, within_s: float) -> bool:
        """Lets idle sequences go where idle cells cost everybody time: those that need no snapshot, and one more whose
        takes less than so many seconds. True: one was made.
        """
        if not (self._running and self._memory.reads_all and self._snapshots.keeps):
            return False
        for sequence in list(self._idle):
            if self.tree.cells - self.tree.held(self._running) <= IDLE:
                return False
            is_due = self._is_due(sequence)
            if is_due and self._saving(sequence).seconds >= within_s:
                continue
            self._evict(sequence)
            if is_due:
                return True
        return False

    def unkept(self, within_s: float) -> int | None:
        """The idle sequence to `keep` next while nobody asks: the least recently used one whose snapshot may be worth
        making, has room in memory, and takes less than so many seconds.
        """
        for sequence in self._idle if self._snapshots.keeps else ():
            saving = self._saving(sequence)
            fits = saving.size <= self._snapshots.most_ram_bytes and saving.seconds < within_s
            if fits and sequence not in self._seen:
                return sequence
        return None

    def keep(self, sequence: int) -> None:
        """Makes a snapshot of an idle sequence, which stays in its cells, too: when it leaves, nobody has to wait."""
        self._seen.add(sequence)
        if not self._is_due(sequence):
            return
        tokens = self.tree.tokens(sequence)
        began = time.perf_counter()
        state = self._memory.save(sequence)
        self._snapshots.put(tokens, self._idle[sequence] or [], state)
        seconds, old = (time.perf_counter() - began) / len(tokens), self._cost.seconds
        self._cost = Saving((old + seconds) / 2 if old else seconds, len(state) / len(tokens))

    def _is_due(self, sequence: int) -> bool:
        """Whether an idle sequence needs a snapshot before it may leave."""
        if not self._snapshots.keeps:
            return False
        tokens = self.tree.tokens(sequence)
        shared, _ = self.tree.longest(tokens, (self._running | self._idle.keys()) - {sequence})
        worth_it = self._idle[sequence] is not None and len(tokens) - shared >= WORTH_SAVING
        return worth_it and not self._snapshots.knows(tokens)

    def _saving(self, sequence: int) -> "Saving":
        """What a snapshot of it will cost, by those made before; nothing before the first."""
        length = self.tree.length(sequence)
        return Saving(length * self._cost.seconds, length * self._cost.size)

    def make_room(self, tokens: int) -> None:
        """Frees cells for so many tokens more: idle sequences go, the least recently used first."""
        while self.tree.cells + tokens > self.cells:
            assert self._idle, f"{tokens} tokens were promised room among {self.cells} cells"
            self._evict(next(iter(self._idle)))

    def rest(self, sequence: int, answers: Spans | None) -> None:
        """A running sequence is done: what it holds stays for whoever comes back. What was only read ahead (`answers`
        None) goes first, and leaves no snapshot.
        """
        self._running.discard(sequence)
        self._seen.discard(sequence)
        if not self.tree.length(sequence):
            self._free.append(sequence)
            return
        self._idle[sequence] = answers
        if answers is None:
            self._idle = {sequence: answers, **self._idle}

    def forget(self) -> None:
        """Drops all that is idle, and every snapshot: somebody wants it gone."""
        for sequence in list(self._idle):
            self._idle[sequence] = None
            self._evict(sequence)
        self._snapshots.forget()

    def save_all(self) -> None:
        """Snapshots of all idle sequences, on disk as far as there is one. The last used first, each written before the
        next one is made: the process may be ended over it.
        """
        idle = {sequence: self.tree.tokens(sequence) for sequence in self._idle}
        for sequence in reversed(idle):
            self.keep(sequence)
            self._snapshots.store(idle[sequence])
        for tokens in idle.values():
            self._snapshots.touch(tokens)
        self._snapshots.flush()

    def _longest(self, tokens: Sequence[int]) -> tuple[int, Set[int]]:
        length, holders = self.tree.longest(tokens)
        if self._memory.forks:
            return length, holders
        whole = {one for one in holders if one in self._idle and self.tree.length(one) == length}
        return (length, whole) if whole else (0, frozenset())

    def _longest_kept(self, tokens: Sequence[int]) -> tuple[int, int]:
        kept, whole = self._snapshots.longest(tokens)
        return (kept, whole) if self._memory.forks or kept == whole else (0, 0)

    def _restored(self, tokens: Sequence[int]) -> tuple[int, Spans] | None:
        """A running sequence with the kept state that has most of `tokens`; None if it is damaged."""
        found = self._snapshots.take(tokens)
        if found is None:
            return None
        held, answers, state = found
        sequence = self._fresh(None)
        self.make_room(len(held))
        if not self._memory.restore(sequence, state):
            self.rest(sequence, [])
            return None
        self.tree.append(sequence, held)
        self.restored_tokens += len(held)
        return sequence, answers

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
        self.keep(sequence)
        del self._idle[sequence]
        self._memory.cut(sequence, 0)
        self.tree.cut(sequence, 0)
        self._free.append(sequence)


def _within(spans: Spans, length: int) -> Spans:
    return [span for span in spans if span[1] <= length]
