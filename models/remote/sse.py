"""Server-sent events: bytes in, the data of whole events out, wherever the bytes are cut. Knows no JSON and no HTTP."""

LIMIT_BYTES = 1 << 20  # of one line, and of the data of one event


class EventTooLong(Exception):
    """The sender does not end its lines or events."""


class EventStream:
    """Takes blocks of bytes as they arrive. Comments and fields other than `data` are skipped.

    A line is decoded when it is whole, so a cut inside a character does no harm; broken UTF-8 becomes U+FFFD.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._line = bytearray()
        self._data: list[str] = []
        self._size = 0  # of the data so far, in characters
        self._after_cr = False  # a line feed that comes next belongs to the line that has ended
        self._at_start = True  # a byte order mark may come

    def feed(self, block: bytes) -> list[str]:
        """The data of each event that ends in `block`. Raises `EventTooLong`."""
        if not block:
            return []
        if self._after_cr and block[:1] == b"\n":
            block = block[1:]
        self._after_cr = block.endswith(b"\r")
        found: list[str] = []
        for piece in block.splitlines(keepends=True):
            self._line += piece
            if len(self._line) > self._limit:
                raise EventTooLong(f"a line is longer than {self._limit} bytes")
            if piece.endswith((b"\r", b"\n")):
                line = self._line.rstrip(b"\r\n").decode("utf-8", "replace")
                self._line.clear()
                found += self._take(line.removeprefix("\ufeff") if self._at_start else line)
                self._at_start = False
        return found

    def _take(self, line: str) -> list[str]:
        """One whole line; an empty one ends the event."""
        if not line:
            data, self._data, self._size = self._data, [], 0
            return ["\n".join(data)] if data else []
        name, _, value = line.partition(":")
        if name == "data":
            value = value.removeprefix(" ")
            self._size += len(value) + 1
            if self._size > self._limit:
                raise EventTooLong(f"an event is longer than {self._limit} characters")
            self._data.append(value)
        return []
