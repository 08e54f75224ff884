"""An answer in sentences, as it streams. Knows Markdown's code blocks and lists, not what sentences say."""

import re
from dataclasses import dataclass

LONGEST = 2000  # characters of a sentence; a longer one is cut there, so that no answer makes the splitter slow

NUMBERS = r"\d{1,4}(?:[^\S\n]?[-–,;][^\S\n]?\d{1,4})*"
CODE = r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>[^\n]*?)(?<!`)(?P=ticks)(?!`)"
_PREFIX = re.compile(r"[ \t>]*+(?:(?:[-*+]|\d{1,9}+[.)])[ \t]++[ \t>]*+)?+")  # of a quotation or a list item
MAYBE_FENCE = re.compile(_PREFIX.pattern + r"(?:```|~~~)")
_FENCE = re.compile(_PREFIX.pattern + r"(?P<fence>`{3,}(?=[^`\n]*\Z)|`{3,}(?=[^`\n]*\n)|~{3,})")
_BOUNDARY = re.compile(CODE + r"|(?P<open>`+)|\n|[.!?][)\"'*_\]]*(?=\s)|[。！？]")
_ALONE_LINE = rf"[ \t\r>,;&().]*+(?:\[{NUMBERS}\][ \t\r>,;&().]*+)++"
ALONE = re.compile(rf"{_ALONE_LINE}(?:\n{_ALONE_LINE})*(?:\n|\Z)")  # lines of nothing but numbers
MAYBE_ALONE = re.compile(r"[\s>,;&().\d\[\]–-]*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with all that belongs to it, up to its mark or the end of its line; or a line of a code block."""

    text: str
    start: int  # code points from the beginning of the answer
    begins_line: bool
    is_code: bool


class SentenceSplitter:
    """Gives sentences as soon as they are complete, however the text is cut into deltas.

    A sentence ends at `.`, `!` or `?` before white space, and with its line.
    """

    def __init__(self) -> None:
        self._text = ""  # not yet taken; begins where a sentence does
        self._offset = 0  # of `_text` in the answer
        self._line_start = True
        self._fence = ""  # what opened the code block that we are in

    def feed(self, text: str) -> list[Sentence]:
        self._text += text
        return self._take(final=False)

    def close(self) -> list[Sentence]:
        """The sentence that the answer ends in."""
        return self._take(final=True)

    @property
    def rest(self) -> str:
        """The beginning of the sentence that is not complete yet."""
        return self._text

    @property
    def rest_is_code(self) -> bool:
        """Whether that is, or may become, a line of a code block."""
        return bool(self._fence) or (self._line_start and bool(MAYBE_FENCE.match(self._text[:LONGEST])))

    @property
    def fence(self) -> str:
        """What closes the code block that the text is in; "" outside of one."""
        return self._fence

    @property
    def settled(self) -> int:
        """Code points of it that are in this sentence, whatever comes: not after a backtick that may close or not."""
        for found in _BOUNDARY.finditer(self._text):
            if found["open"] or (found["code"] is not None and found.end() == len(self._text)):
                return found.start()
        return len(self._text)

    def _take(self, *, final: bool) -> list[Sentence]:
        found: list[Sentence] = []
        at = 0
        while at < len(self._text) and (end := self._end(at, final)):
            found.append(self._sentence(self._text[at:end], self._offset + at))
            at = end
        self._text, self._offset = self._text[at:], self._offset + at
        return found

    def _end(self, at: int, final: bool) -> int | None:
        """None if the end cannot be decided yet. The result never depends on text after the answer."""
        window = self._text[at : at + LONGEST]
        whole = final or len(window) == LONGEST
        if self._fence or (self._line_start and MAYBE_FENCE.match(window)):
            line = window.find("\n") + 1
            return at + line if line else at + len(window) if whole else None
        if not whole and MAYBE_ALONE.fullmatch(window):
            return None
        if alone := ALONE.match(window):
            return at + alone.end()
        prefix = _PREFIX.match(window) if self._line_start else None
        for found in _BOUNDARY.finditer(window, prefix.end() if prefix else 0):
            if found["code"] is not None:
                if found.end() == len(window) and not whole:
                    return None  # the run of backticks may go on
            elif found["open"]:
                if "\n" not in window[found.end() :] and not whole:
                    return None
            else:
                return at + found.end()
        return at + len(window) if whole else None

    def _sentence(self, text: str, start: int) -> Sentence:
        begins_line, self._line_start = self._line_start, text.endswith("\n")
        is_code = bool(self._fence)
        if self._fence:
            run = text.strip(" \t>\r\n")
            if begins_line and run.startswith(self._fence) and not run.strip(self._fence[0]):
                self._fence = ""
        elif begins_line and (opening := _FENCE.match(text)):
            self._fence, is_code = opening["fence"], True
        return Sentence(text, start, begins_line, is_code)
