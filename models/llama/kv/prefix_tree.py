"""The prefix tree over all live sequences: which tokens the context's cells hold, each shared beginning once.

Mirrors what llama.cpp does on `seq_cp` and `seq_rm`; pure bookkeeping that knows no model.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Node:
    """A run of tokens in cells of its own, and the sequences that go through all of it."""

    tokens: list[int]
    parent: "Node | None"
    children: list["Node"] = field(default_factory=list)
    sequences: set[int] = field(default_factory=set)


class PrefixTree:
    """Sequences are small numbers. Equal tokens stand in one node only if one sequence was forked from the other."""

    def __init__(self) -> None:
        self._root = Node([], None)
        self._ends: dict[int, Node] = {}  # by sequence: the node that it ends in, at its end
        self.cells = 0  # in use: the tokens of all nodes

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._ends

    def tokens(self, sequence: int) -> list[int]:
        """All that the sequence holds; nothing for one that is not live."""
        return [token for node in self._path(sequence) for token in node.tokens]

    def length(self, sequence: int) -> int:
        return sum(len(node.tokens) for node in self._path(sequence))

    def longest(self, tokens: Sequence[int], among: Set[int] | None = None) -> tuple[int, Set[int]]:
        """The length of the longest live beginning of `tokens`, and the sequences that hold it, some of them longer.

        `among` limits it to some sequences.
        """
        best, found = 0, self._root
        open_ends = [(self._root, 0)]
        while open_ends:
            node, at = open_ends.pop()
            for child in node.children:
                if among is not None and not child.sequences & among:
                    continue
                shared = common(child.tokens, tokens, at)
                if at + shared > best:
                    best, found = at + shared, child
                if shared == len(child.tokens):  # several children may begin alike
                    open_ends.append((child, at + shared))
        return best, found.sequences

    def along(self, sequence: int, length: int, others: Set[int]) -> int:
        """How many of the cells of its first `length` tokens some of the others hold, too."""
        shared = 0
        for node in self._path(sequence):
            if not node.sequences & others:
                break
            shared += len(node.tokens)
        return min(shared, length)

    def held(self, sequences: Set[int]) -> int:
        """Cells that these sequences hold together."""
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
        """`sequence` keeps its first `length` tokens; cells that nobody else holds are free."""
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
        """Cuts a node in two behind `length` tokens; it stays the front, the new back is returned."""
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


def common(held: Sequence[int], tokens: Sequence[int], start: int = 0) -> int:
    """How many tokens of `held` from its beginning are those of `tokens` from `start` on."""
    most = max(0, min(len(held), len(tokens) - start))
    if held[:most] == tokens[start : start + most]:
        return most
    low, high = 0, most  # slices compare in C: halving beats a loop by far
    while high - low > 1:
        middle = (low + high) // 2
        if held[low:middle] == tokens[start + low : start + middle]:
            low = middle
        else:
            high = middle
    return low
