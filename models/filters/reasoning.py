"""Removes the reasoning before an answer. It is recognised at the beginning of an answer only. Pure text."""

from models.types import REASONING_MARKS as MARKS

_LONGEST = max(len(mark) for pair in MARKS for mark in pair)


def is_reasoning_mark(token: str) -> bool:
    """Whether this text of a control token begins or ends reasoning."""
    return any(mark.startswith(token) or token == until for mark, until in MARKS)


class ReasoningFilter:
    """One answer as it grows, without the reasoning before it. Buffers only what may still become a mark."""

    def __init__(self) -> None:
        self._buffer = ""
        self._until = ""  # inside reasoning: the mark that ends it
        self._has_reasoned = False  # white space after reasoning is not part of the answer
        self._is_decided = False

    def feed(self, text: str) -> str:
        """The next text of the answer."""
        if self._is_decided:
            return text
        self._buffer += text
        while self._advance():
            pass
        if not self._is_decided:
            return ""
        shown, self._buffer = self._buffer, ""
        return shown

    def end(self) -> str:
        """The buffered rest of the answer. Reasoning that has not ended is no answer."""
        shown, self._buffer = "" if self._until else self._buffer, ""
        return shown

    def _advance(self) -> bool:
        """One step through the buffer. False: more text is needed, or the answer has begun."""
        if self._until:
            _, mark, after = self._buffer.partition(self._until)
            if not mark:
                self._buffer = self._buffer[-_LONGEST:]
                return False
            self._buffer, self._until, self._has_reasoned = after, "", True
        rest = self._buffer.lstrip()
        if self._has_reasoned:
            self._buffer = rest
        for mark, until in MARKS:
            if rest.startswith(mark):
                self._buffer, self._until = rest[len(mark) :], until
                return True
        self._is_decided = not any(mark.startswith(rest) for mark, _ in MARKS)
        return False


def reasoning_bytes(answer: bytes) -> int:
    """How many bytes of a complete answer are reasoning, its marks included."""
    length = 0
    while True:
        rest = answer[length:].lstrip()
        until = next((until for mark, until in MARKS if rest.startswith(mark.encode())), None)
        if until is None or (end := answer.find(until.encode(), length)) < 0:
            return length
        length = end + len(until)
