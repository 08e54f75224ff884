"""Detects an answer that only repeats itself, from its text as it grows, in linear time and bounded memory.

Two signs: the text ends in one block again and again, or the same sentence comes for the third time. Rows of a table
and lines of code repeat by their nature, so they have to repeat for longer.
"""

import re
from collections import Counter, deque

NOTICE = "The answer was ended because it repeated itself."

SEED = 24  # characters that have to come again before a distance is followed
REACH = 4096  # characters that a block may be long
TIMES, AT_LEAST = 1, 200  # a block comes again so many times, and what comes again has so many characters
PATIENCE = 120  # characters more to the end of the sentence
CODE_TIMES, CODE_AT_LEAST = 4, 600  # the same within a fenced block or a table
SENTENCES = 32  # the last ones: among them a sentence may come a third time only between new ones, a fifth time never
OLD_IN_A_ROW, TOO_OFTEN = 2, 5
WORDS = 6  # of the shortest sentence that counts
_LONGEST = 2000  # characters of a line that is one sentence
_BEHIND_SENTENCE = (". ", "! ", "? ")
_SENTENCE = re.compile(r"[\w`\"'*(].*[.!?][`\"'*)]*")
_LABEL = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+|\[\d+(?:\s*,\s*\d+)*\]")  # of a list's item; citations


class RepetitionDetector:
    """One answer, fed in pieces of any size. Once `is_looping` is true it stays so."""

    def __init__(self) -> None:
        self.is_looping = False
        self._tail: deque[str] = deque(maxlen=REACH)
        self._seen: dict[str, int] = {}  # where each of the last seeds ended
        self._order: deque[str] = deque()
        self._seed = ""
        self._length = self._distance = self._again = 0
        self._line = self._line_before = ""
        self._is_code = False  # in a fenced block
        self._sentences: deque[str] = deque()
        self._count: Counter[str] = Counter()
        self._old = 0  # sentences since the last that was new

    def feed(self, text: str) -> None:
        for letter in text:
            if self.is_looping:
                return
            self._follow(letter)
            self._line += letter
            if letter == "\n" or len(self._line) > _LONGEST:
                self._end_line()
            elif self._line.endswith(_BEHIND_SENTENCE):
                self._end_sentence()

    def _follow(self, letter: str) -> None:
        """Compares the text with itself some distance ago."""
        if self._distance and self._tail[-self._distance] == letter:
            self._again += 1
        else:
            self._distance = self._again = 0
        self._tail.append(letter)
        self._length += 1
        self._seed = self._seed[1 - SEED :] + letter
        before = self._seen.get(self._seed)
        if not self._distance and before is not None:
            self._distance, self._again = self._length - before, SEED
        self._seen[self._seed] = self._length
        self._order.append(self._seed)
        if len(self._order) > REACH:
            oldest = self._order.popleft()
            if self._seen[oldest] <= self._length - REACH:
                del self._seen[oldest]
        times, at_least = (CODE_TIMES, CODE_AT_LEAST) if self._is_laid_out else (TIMES, AT_LEAST)
        beyond = self._again - max(times * self._distance, at_least)
        is_sentence = letter == "\n" or self._seed.endswith(_BEHIND_SENTENCE)
        self.is_looping = self._distance > 0 and beyond >= 0 and (is_sentence or beyond >= PATIENCE)

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
        self._old = self._old + 1 if times > 1 else 0
        if times >= TOO_OFTEN or (times > 2 and self._old >= OLD_IN_A_ROW):
            self.is_looping = True
        if len(self._sentences) > SENTENCES:
            oldest = self._sentences.popleft()
            self._count[oldest] -= 1
            if not self._count[oldest]:
                del self._count[oldest]
