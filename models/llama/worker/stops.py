"""Turns the bytes of tokens into text that is safe to show: whole characters, no part of a stop string.

Pure: knows neither tokens nor models.
"""

import codecs
from collections.abc import Iterable


class AnswerText:
    """One answer as it grows. The first complete stop string ends it, wherever token borders are.

    Text that may be the beginning of a stop string is withheld.
    """

    def __init__(self, stops: Iterable[str] = (), *, is_continuation: bool = False) -> None:
        """`is_continuation`: the answer continues a text, so its leading white space is kept."""
        self._stops = tuple(stop for stop in stops if stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""  # may be the beginning of a stop string
        self._has_text = is_continuation
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """The next text to show, often "" while characters or a possible stop string are incomplete."""
        return self._release(self._decoder.decode(piece))

    def end(self) -> str:
        """The text that is still withheld; broken bytes become U+FFFD."""
        text = self._release(self._decoder.decode(b"", True))
        rest, self._pending = self._pending, ""
        return text + self._strip_left(rest)

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        self._pending += text
        cut = _first_stop(self._pending, self._stops)
        if cut is not None:
            safe, self._pending, self.stopped = self._pending[:cut], "", True
        else:
            keep = _possible_stop(self._pending, self._stops)
            safe, self._pending = self._pending[: len(self._pending) - keep], self._pending[len(self._pending) - keep :]
        return self._strip_left(safe)

    def _strip_left(self, text: str) -> str:
        """Drops leading white space, which the template writes: a stored answer then renders to the same tokens."""
        if not self._has_text:
            text = text.lstrip()
            self._has_text = bool(text)
        return text


def _first_stop(text: str, stops: tuple[str, ...]) -> int | None:
    """Where the stop string that ends first begins; of several that end together, the longest."""
    places = [(place + len(stop), place) for stop in stops if (place := text.find(stop)) >= 0]
    return min(places)[1] if places else None


def _possible_stop(text: str, stops: tuple[str, ...]) -> int:
    """Length of the longest suffix of `text` that is a prefix of a stop string."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-size:]) for stop in stops):
            return size
    return 0
