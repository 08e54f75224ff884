"""The prefix tree over all live sequences: which tokens are in the context's cells, each shared prefix once.

Mirrors llama.cpp's `seq_cp` and `seq_rm`. Pure bookkeeping that knows no model.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Node:
    """A run of tokens in cells of its own, and the sequences that contain all of it."""

    tokens: list[int]
    parent: "Node | None"
    children: list["Node"] = field(default_factory=list)
    sequences: set[int] = field(default_factory=set)


class PrefixTree:
    """Sequences are small numbers. Equal tokens share a node only if one sequence was forked from the other."""

    def __init__(self) -> None:
        self._root = Node([], None)
        self._ends: dict[int, Node] = {}  # by sequence: the node at whose end it ends
        self.cells = 0  # in use: the tokens of all nodes

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._ends

    def tokens(self, sequence: int) -> list[int]:
        """All tokens of a sequence; none if it is not live."""
        return [token for node in self._path(sequence) for token in node.tokens]

    def length(self, sequence: int) -> int:
        return sum(len(node.tokens) for node in self._path(sequence))

    def longest(self, tokens: Sequence[int], among: Set[int] | None = None) -> tuple[int, Set[int]]:
        """The length of the longest prefix of `tokens` in cells, and the sequences that hold it; these may be longer.

        `among` restricts it to some sequences.
        """
        best, found = 0, self._root
        open_ends = [(self._root, 0)]
        while open_ends:
            node, at = open_ends.pop()
            for child in node.children:
                if among is not None and not child.sequences & among:
                    continue
                shared = common_prefix(child.tokens, tokens, at)
                if at + shared > best:
                    best, found = at + shared, child
                if shared == len(child.tokens):  # several children may begin alike
                    open_ends.append((child, at + shared))
        return best, found.sequences

    def shared_cells(self, sequence: int, length: int, others: Set[int]) -> int:
        """How many of the cells of its first `length` tokens are shared with some of the others."""
        shared = 0
        for node in self._path(sequence):
            if not node.sequences & others:
                break
            shared += len(node.tokens)
        return min(shared, length)

    def cells_of(self, sequences: Set[int]) -> int:
        """How many cells these sequences occupy together."""
        return sum(len(node.tokens) for node in self._below(self._root) if node.sequences & sequences)

    def fork(self, source: int, sequence: int, length: int) -> None:
        """`sequence`, not live before, shares the first `length` tokens of `source`; no cell is added."""
        assert sequence not in self._ends
        left, end = length, self._root
        for node in list(self._path(source)):
            if left <= 0:
                break
            if left < len(node.tokens):
                self._split(node, left)
            node.sequences.add(sequence)
            end, left = node, left - len(node.tokens)
        assert left <= 0, f"sequence {source} is shorter than {length}"
        if length:
            self._ends[sequence] = end

    def append(self, sequence: int, tokens: Sequence[int]) -> None:
        """`sequence`, live or not, grows by `tokens`, in new cells."""
        if not tokens:
            return
        end = self._ends.get(sequence, self._root)
        if end is self._root or end.children or end.sequences != {sequence}:
            child = Node([], end, sequences={sequence})
            end.children.append(child)
            self._ends[sequence] = end = child
        end.tokens.extend(tokens)
        self.cells += len(tokens)

    def cut(self, sequence: int, length: int) -> None:
        """`sequence` keeps its first `length` tokens. Cells that no other sequence holds become free."""
        path = list(self._path(sequence))
        end, at = self._root, 0
        for node in path:
            if at >= length:
                self._leave(node, sequence)
                continue
            if at + len(node.tokens) > length:
                self._leave(self._split(node, length - at), sequence)
            at, end = at + len(node.tokens), node
        if end is self._root:
            self._ends.pop(sequence, None)
        else:
            self._ends[sequence] = end

    def _leave(self, node: Node, sequence: int) -> None:
        node.sequences.discard(sequence)
        if not node.sequences and node.parent is not None:
            self.cells -= len(node.tokens)
            node.parent.children.remove(node)

    def _split(self, node: Node, length: int) -> Node:
        """Splits a node after `length` tokens. It stays the front; returns the new back."""
        back = Node(node.tokens[length:], node, node.children, set(node.sequences))
        for child in back.children:
            child.parent = back
        node.tokens, node.children = node.tokens[:length], [back]
        for sequence in back.sequences:
            if self._ends[sequence] is node:
                self._ends[sequence] = back
        return back

    def _below(self, node: Node) -> Iterator[Node]:
        for child in node.children:
            yield child
            yield from self._below(child)

    def _path(self, sequence: int) -> Iterator[Node]:
        """The nodes of a sequence, from the root."""
        path, node = [], self._ends.get(sequence)
        while node is not None and node is not self._root:
            path.append(node)
            node = node.parent
        return reversed(path)


def common_prefix(first: Sequence[int], second: Sequence[int], start: int = 0) -> int:
    """How many tokens from the beginning of `first` equal those of `second` from `start` on."""
    most = max(0, min(len(first), len(second) - start))
    if first[:most] == second[start : start + most]:
        return most
    low, high = 0, most  # slices compare in C: bisection beats a loop by far
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[start + low : start + middle]:
            low = middle
        else:
            high = middle
    return low
