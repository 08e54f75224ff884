"""Token bytes in, text that is safe to show out: whole characters, nothing of a stop string.

Pure: knows neither tokens nor models.
"""

import codecs
from collections.abc import Iterable


class AnswerText:
    """One answer as it grows. The stop string that is complete first ends it, wherever the tokens are cut.

    Text that may be the beginning of a stop string is held back, so that none of it leaks.
    """

    def __init__(self, stops: Iterable[str] = (), *, is_continuation: bool = False) -> None:
        """`is_continuation`: it is the rest of a text that was begun, so the white space before it is its own."""
        self._stops = tuple(stop for stop in stops if stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""  # may be the beginning of a stop string
        self._begun = is_continuation
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """The next text to show, often "" while characters or a possible stop string are incomplete."""
        return self._release(self._decoder.decode(piece))

    def end(self) -> str:
        """What is still held when nothing more comes; broken bytes become U+FFFD."""
        text = self._release(self._decoder.decode(b"", True))
        rest, self._held = self._held, ""
        return text + self._shown(rest)

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        self._held += text
        cut = _first_stop(self._held, self._stops)
        if cut is not None:
            safe, self._held, self.stopped = self._held[:cut], "", True
        else:
            keep = _possible_stop(self._held, self._stops)
            safe, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return self._shown(safe)

    def _shown(self, text: str) -> str:
        """Leading white space is the template's to write: a stored answer then renders as the tokens it came from."""
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text


def _first_stop(text: str, stops: tuple[str, ...]) -> int | None:
    """Where the stop string begins that ends first; the longest of those ending together."""
    places = [(place + len(stop), place) for stop in stops if (place := text.find(stop)) >= 0]
    return min(places)[1] if places else None


def _possible_stop(text: str, stops: tuple[str, ...]) -> int:
    """Length of the longest end of `text` that some stop string begins with."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-size:]) for stop in stops):
            return size
    return 0
