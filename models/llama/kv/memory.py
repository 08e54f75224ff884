"""The cells of a context as their bookkeeping sees them: `context` has those of llama.cpp, tests have mere numbers."""

from typing import Protocol

from models.llama.kv.state_file import State


class Memory(Protocol):
    """The cells of a context. Sequences are numbers from 0."""

    can_share_prefix: bool  # whether a part of a sequence can be shared; else only whole ones go on
    attends_all_cells: bool  # whether an evaluation reads the cells of everybody, so that idle ones cost time

    def copy(self, source: int, sequence: int, length: int) -> None:
        """Shares the first `length` tokens."""
        ...

    def cut(self, sequence: int, length: int) -> bool:
        """Forgets what is behind `length`. False: this model cannot forget a part, all of it is forgotten."""
        ...

    def save(self, sequence: int, begin: int, end: int) -> State:
        """The tokens `begin` to `end`; all there are, where a part cannot be shared."""
        ...

    def restore(self, sequence: int, state: State, begin: int, end: int) -> bool:
        """Puts the tokens `begin` to `end` of a saved state behind the `begin` that a sequence holds. False: refused,
        the sequence is as it was. Meanwhile all of the state takes cells.
        """
        ...
