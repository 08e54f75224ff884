"""Detects an answer that only repeats itself, from its text as it grows, in linear time and bounded memory.

Two signs: the text ends in one block again and again, or the same sentence comes for the third time. Rows of a table
and lines of code repeat by their nature, so they have to repeat for longer.
"""

import re
from collections import Counter, deque

NOTICE = "The answer was ended because it repeated itself."

NGRAM = 24  # characters that have to come again before a period is tracked
WINDOW = 4096  # characters that a block may be long
# A block repeats so many times after its first, and the repeated text has so many characters.
MIN_REPEATS, MIN_CHARACTERS = 1, 200
MAX_OVERRUN = 120  # characters more to the end of the sentence
CODE_MIN_REPEATS, CODE_MIN_CHARACTERS = 4, 600  # the same within a fenced block or a table
SENTENCES = 32  # the last ones: among them a sentence may come a third time only between new ones, a fifth time never
MAX_SEEN_RUN, MAX_COUNT = 2, 5
WORDS = 6  # of the shortest sentence that counts
_LONGEST = 2000  # characters of a line that is one sentence
_SENTENCE_ENDS = (". ", "! ", "? ")
_SENTENCE = re.compile(r"[\w`\"'*(].*[.!?][`\"'*)]*")
_LABEL = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+|\[\d+(?:\s*,\s*\d+)*\]")  # of a list's item; citations


class RepetitionDetector:
    """One answer, fed in pieces of any size. Once `is_looping` is true it stays so."""

    def __init__(self) -> None:
        self.is_looping = False
        self._tail: deque[str] = deque(maxlen=WINDOW)
        self._last_end: dict[str, int] = {}  # where each of the last n-grams ended
        self._order: deque[str] = deque()
        self._ngram = ""
        self._length = self._period = self._matched = 0
        self._line = self._line_before = ""
        self._is_code = False  # in a fenced block
        self._sentences: deque[str] = deque()
        self._count: Counter[str] = Counter()
        self._seen_run = 0  # sentences in a row that had come before

    def feed(self, text: str) -> None:
        for letter in text:
            if self.is_looping:
                return
            self._track_period(letter)
            self._line += letter
            if letter == "\n" or len(self._line) > _LONGEST:
                self._end_line()
            elif self._line.endswith(_SENTENCE_ENDS):
                self._end_sentence()

    def _track_period(self, letter: str) -> None:
        """Compares the text with itself one period earlier."""
        if self._period and self._tail[-self._period] == letter:
            self._matched += 1
        else:
            self._period = self._matched = 0
        self._tail.append(letter)
        self._length += 1
        self._ngram = self._ngram[1 - NGRAM :] + letter
        before = self._last_end.get(self._ngram)
        if not self._period and before is not None:
            self._period, self._matched = self._length - before, NGRAM
        self._last_end[self._ngram] = self._length
        self._order.append(self._ngram)
        if len(self._order) > WINDOW:
            oldest = self._order.popleft()
            if self._last_end[oldest] <= self._length - WINDOW:
                del self._last_end[oldest]
        repeats, characters = (
            (CODE_MIN_REPEATS, CODE_MIN_CHARACTERS) if self._is_laid_out else (MIN_REPEATS, MIN_CHARACTERS)
        )
        beyond = self._matched - max(repeats * self._period, characters)
        is_sentence = letter == "\n" or self._ngram.endswith(_SENTENCE_ENDS)
        self.is_looping = self._period > 0 and beyond >= 0 and (is_sentence or beyond >= MAX_OVERRUN)

    @property
    def _is_laid_out(self) -> bool:
        return self._is_code or (self._line or self._line_before).lstrip().startswith("|")

    def _end_line(self) -> None:
        if self._line.lstrip().startswith(("```", "~~~")):
            self._is_code = not self._is_code
            self._line = ""
        self._line_before = self._line
        self._end_sentence()

    def _end_sentence(self) -> None:
        """Counts the sentence that has ended, if it is one."""
        sentence, is_laid_out = _LABEL.sub("", self._line).strip().lower(), self._is_laid_out
        self._line = ""
        if is_laid_out or len(sentence.split()) < WORDS or not _SENTENCE.fullmatch(sentence):
            return
        self._sentences.append(sentence)
        self._count[sentence] += 1
        times = self._count[sentence]
        self._seen_run = self._seen_run + 1 if times > 1 else 0
        if times >= MAX_COUNT or (times > 2 and self._seen_run >= MAX_SEEN_RUN):
            self.is_looping = True
        if len(self._sentences) > SENTENCES:
            oldest = self._sentences.popleft()
            self._count[oldest] -= 1
            if not self._count[oldest]:
                del self._count[oldest]
