"""How long a step takes on this machine, measured as it runs: what it may hold, and when a first token comes.

A step costs what its rows cost, whoever they are for, and processors differ in how: on some, sixteen rows take little
longer than eight, on others each row takes as long as the first. Pure: knows counts and seconds only.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from models.types import Rates

GAP = 3.4  # steps of the running answers: how long these may pause for one prompt; what is expected, so hardly four
PAUSE_S = 0.5  # they may pause so long in any case: with a fast model few steps are too little to read in, and not seen
GRAIN, MOST = 16, 512  # rows: what matrix kernels work on at once, and the largest step that only reads
STEP_S = 1.0  # seconds between two looks at what else has come, where a step only reads
LONGEST_S = 5.0  # of such a step, where a longer one reads faster
AHEAD_S = 0.8  # of a step that reads ahead of a question, which must never be waited for
_GAIN = 1.05  # times as many tokens a second, for which a longer step is worth its time
_NEW = 0.25  # weight of a new measurement
_NEW_SPREAD = 0.05
_AT_MOST = 1.5  # times what was expected: a step that took longer counts as this, as the machine may have paused
_HOPE, _WORTH_A_TRY = 0.1, 0.9  # how fast larger steps come to be tried again: the share of what rows now cost


@dataclass(slots=True)
class StepCostModel:
    """Mean rows and mean seconds of the latest steps of about one size."""

    _steps: dict[int, tuple[float, float]] = field(default_factory=dict)  # by size
    _points: list[tuple[float, float]] = field(default_factory=list)  # the same, in order
    _spread: float = 0.05  # how far steps that read are from what was expected, as a share of it, in the mean

    def observe(self, rows: int, seconds: float) -> None:
        size, expected_s = _size(rows), self.step_s(rows)
        if size in self._steps and rows >= GRAIN:
            self._spread += _NEW_SPREAD * (min(abs(seconds / expected_s - 1), 1.0) - self._spread)
        if expected_s:
            seconds = min(seconds, _AT_MOST * expected_s)
        old_rows, old_seconds = self._steps.get(size, (rows, seconds))
        self._steps[size] = old_rows + _NEW * (rows - old_rows), old_seconds + _NEW * (seconds - old_seconds)
        if rows >= GRAIN:
            self._hope(size)
        self._points = sorted(self._steps.values())

    def _hope(self, size: int) -> None:
        """Lets steps that are larger than one of this size seem worth another try, by and by."""
        rows, seconds = self._steps[size]
        for larger in [other for other in self._steps if other > size]:
            its_rows, its_seconds = self._steps[larger]
            hoped_s = _WORTH_A_TRY * its_rows * seconds / rows
            self._steps[larger] = its_rows, its_seconds - _HOPE * max(0.0, its_seconds - hoped_s)

    def step_s(self, rows: int) -> float:
        """Seconds of a step: on the line between the measured sizes around it, in proportion to the one nearest to it
        beyond them. 0 while nothing has been measured.
        """
        place = bisect_left(self._points, (rows, 0.0))
        x, y = self._points[place - 1] if place else (0.0, 0.0)
        if place == len(self._points):
            return y * rows / x if x else 0.0
        x_above, y_above = self._points[place]
        return y + (y_above - y) * (rows - x) / (x_above - x)

    def pause_s(self, rows: int) -> float:
        """Seconds that `rows` running answers may pause for somebody else; without any, that a step may take."""
        return max(GAP * self.step_s(rows), PAUSE_S) if rows else STEP_S

    def slice(self, rows: int, waiting: int = 1, *, ahead: bool = False) -> int:
        """Prompt tokens that one step reads beside `rows` tokens of running answers, of `waiting` prompts: so many that
        hardly more could be read a second, within what `pause_s` allows for one of these times their number squared, as
        each waits for those before it, too. One token in any case.
        """
        if not rows and not ahead:
            return self._whole()
        pause_s = self.pause_s(rows)
        allowed_s = AHEAD_S if ahead else min(pause_s * waiting * waiting, max(LONGEST_S, pause_s))
        sizes = [size for size in [*range(GRAIN), *range(GRAIN, MOST + 1, GRAIN)] if size > rows + 1]
        within = (size for size in sizes if 0 < self.step_s(size) <= allowed_s)
        rates: dict[int, float] = {size: (size - rows) / (self.step_s(size) or 1) for size in (rows + 1, *within)}
        best = max(rates.values())
        good = [size for size, rate in rates.items() if rate * _GAIN >= best]
        return (good[-1] if ahead else good[0]) - rows

    def _whole(self) -> int:
        """Rows of a step that only reads."""
        size = GRAIN
        while size < MOST and self._is_worth(size, 2 * size):
            size *= 2
        return size

    def _is_worth(self, size: int, larger: int) -> bool:
        seconds, its_seconds = self.step_s(size), self.step_s(larger)
        is_new = _size(larger) not in self._steps
        is_faster = its_seconds * _GAIN <= seconds * larger / size
        return 0 < its_seconds <= (LONGEST_S if is_new or is_faster else STEP_S)

    def eta_s(self, tokens: int, rows: int = 0, waiting: int = 1) -> float | None:
        """Seconds until `tokens` have been read beside `rows` running answers and the next token is chosen."""
        if not self.knows_reading:
            return None
        size = self.slice(rows, waiting)
        steps, rest = divmod(tokens, size)
        return steps * self.step_s(size + rows) + (self.step_s(rest + rows) if rest else 0.0)

    @property
    def knows_reading(self) -> bool:
        return bool(self._points) and self._points[-1][0] >= GRAIN  # other threads ask, too

    def guess_cost(self, guesses: int, answers: int) -> float:
        """Seconds of each of `guesses` rows beside those of `answers`, as a share of what a token of one of these costs
        in a step without; 0 if not known.
        """
        alone = self.step_s(answers)
        known = any(mean > 1 for mean, _ in self._steps.values())
        return (self.step_s(answers + guesses) - alone) / guesses / (alone / answers) if alone and known else 0.0

    def rates(self, answering: int = 0) -> Rates:
        """As somebody sees them who asks beside so many running answers."""
        size, step_s = self.slice(answering), self.step_s(answering + 1)
        read = size / self.step_s(answering + size) if self.knows_reading else 0.0
        return Rates(read, 1 / step_s if step_s else 0.0, self._spread)


def _size(rows: int) -> int:
    """A step's size among those that are measured together: few rows each for themselves, many by the binary logarithm
    of their `GRAIN`s.
    """
    return rows if rows <= GRAIN else GRAIN << ((rows - 1) // GRAIN).bit_length()
