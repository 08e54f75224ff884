"""What a model thinks before it answers: recognised at the beginning of an answer only, and never shown. Pure text."""

from models.types import REASONING_MARKS as MARKS

_LONGEST = max(len(mark) for pair in MARKS for mark in pair)


def is_reasoning_mark(token: str) -> bool:
    """Whether a control token that is written so begins or ends thinking."""
    return any(mark.startswith(token) or token == until for mark, until in MARKS)


class ReasoningFilter:
    """One answer as it grows, without the thinking before it. Holds back only what may still be a mark."""

    def __init__(self) -> None:
        self._held = ""
        self._until = ""  # the mark that ends the thinking, while it lasts
        self._is_thought = False  # thinking came before: white space behind it is not part of the answer
        self._is_decided = False

    def feed(self, text: str) -> str:
        """The next text of the answer."""
        if self._is_decided:
            return text
        self._held += text
        while self._advance():
            pass
        if not self._is_decided:
            return ""
        shown, self._held = self._held, ""
        return shown

    def end(self) -> str:
        """What is still held when nothing more comes. Thinking that has not ended is no answer."""
        shown, self._held = "" if self._until else self._held, ""
        return shown

    def _advance(self) -> bool:
        """Reads on in what is held. False: more text is needed, or the answer has begun."""
        if self._until:
            _, mark, rest = self._held.partition(self._until)
            if not mark:
                self._held = self._held[-_LONGEST:]
                return False
            self._held, self._until, self._is_thought = rest, "", True
        begun = self._held.lstrip()
        if self._is_thought:
            self._held = begun
        for mark, until in MARKS:
            if begun.startswith(mark):
                self._held, self._until = begun[len(mark) :], until
                return True
        self._is_decided = not any(mark.startswith(begun) for mark, _ in MARKS)
        return False


def reasoning_bytes(said: bytes) -> int:
    """How many bytes of a whole answer are thinking, its marks included."""
    length = 0
    while True:
        begun = said[length:].lstrip()
        until = next((until for mark, until in MARKS if begun.startswith(mark.encode())), None)
        if until is None or (end := said.find(until.encode(), length)) < 0:
            return length
        length = end + len(until)
