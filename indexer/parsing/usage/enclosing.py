"""The definitions around the lines of a file. Knows lines, no columns."""

from collections.abc import Sequence

from indexer.types import Symbol

_TYPES = frozenset({"class", "interface", "enum", "type", "impl", "module"})


class Enclosing:
    """The qualified name of the innermost definition around a line."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self.symbols = symbols
        self._names = _by_line([symbol for symbol in symbols if symbol.kind not in ("constant", "declaration")])
        self._types = _by_line([symbol for symbol in symbols if symbol.kind in _TYPES])

    def __getitem__(self, line: int) -> str:
        return self._names.get(line, "")

    def type_at(self, line: int) -> str:
        """As above, of types and modules alone: a short class may have its methods on the line of its name."""
        return self._types.get(line, "")


def _by_line(symbols: Sequence[Symbol]) -> dict[int, str]:
    names: dict[int, str] = {}
    after: dict[int, int] = {}  # of a line that has its name: a later line that may have none yet
    for symbol in reversed(symbols):  # inner ones first
        line = symbol.start_line
        while line <= symbol.end_line:
            names.setdefault(line, symbol.qualified)
            here, line = line, after.get(line, line + 1)
            after[here] = max(line, symbol.end_line + 1)
    return names
