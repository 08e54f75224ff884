"""The cells of a context as the bookkeeping sees them. `context` implements them with llama.cpp, tests with numbers."""

from typing import Protocol

from models.llama.kv.state_file import State


class Memory(Protocol):
    """The cells of a context. Sequences are numbers from 0."""

    can_share_prefix: bool  # whether a part of a sequence can be shared; else only a whole one can be continued
    attends_all_cells: bool  # whether a step reads the cells of all sequences, so that idle ones cost time

    def copy(self, source: int, sequence: int, length: int) -> None:
        """Shares the first `length` tokens."""
        ...

    def cut(self, sequence: int, length: int) -> bool:
        """Removes the tokens after `length`. False: this model cannot remove a part, all of it is removed."""
        ...

    def save(self, sequence: int, begin: int, end: int) -> State:
        """The state of tokens `begin` to `end`; of the whole sequence, where a part cannot be shared."""
        ...

    def restore(self, sequence: int, state: State, begin: int, end: int) -> bool:
        """Appends the tokens `begin` to `end` of a saved state to a sequence of length `begin`. False: refused, the
        sequence is unchanged. While it runs, the whole state takes cells.
        """
        ...
