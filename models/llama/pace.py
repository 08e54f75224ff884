"""How long a step takes on this machine, measured as it runs: what it may hold, and when a first token comes.

A step costs what its rows cost, whoever they are for. Pure: knows counts and seconds only.
"""

from dataclasses import dataclass, field

from models.types import Rates

GAP = 4.0  # steps of the running answers: how long these may pause for each prompt that waits to be read
GRAIN = 16  # rows that matrix kernels work on at once: a few less take no less time
WHOLE, MOST = 128, 512  # rows of a step that only reads: below WHOLE a token costs more
STEP_S = 1.0  # seconds between two looks at what else has come, where WHOLE takes less
AHEAD = 16  # tokens of a slice when reading ahead of a question, which must never be waited for
_NEW = 0.25  # weight of a new measurement


@dataclass(slots=True)
class Pace:
    """Mean rows and mean seconds of the latest steps of about one size, by the binary logarithm of their rows."""

    _steps: dict[int, tuple[float, float]] = field(default_factory=dict)

    def observe(self, rows: int, seconds: float) -> None:
        size = (rows - 1).bit_length()
        old_rows, old_seconds = self._steps.get(size, (rows, seconds))
        mean = old_rows + _NEW * (rows - old_rows), old_seconds + _NEW * (seconds - old_seconds)
        self._steps[size] = mean
        # A row of a larger step never costs more: what one bad measurement says else would never be tried again.
        for larger in [other for other in self._steps if other > size]:
            its_rows, its_seconds = self._steps[larger]
            self._steps[larger] = its_rows, min(its_seconds, its_rows * mean[1] / mean[0])

    def step_s(self, rows: int) -> float:
        """Seconds of a step: on the line between the measured sizes around it, in proportion to the one nearest to it
        beyond them. 0 while nothing has been measured.
        """
        points = [(0.0, 0.0), *(self._steps[size] for size in sorted(self._steps))]
        below = [point for point in points if point[0] <= rows]
        above = [point for point in points if point[0] >= rows]
        (x, y), (x_above, y_above) = below[-1], above[0] if above else (0.0, 0.0)
        if not above:
            return y * rows / x if x else 0.0
        return y + (y_above - y) * (rows - x) / (x_above - x) if x_above > x else y

    def pause_s(self, rows: int) -> float:
        """Seconds that `rows` running answers may pause for somebody else; without any, that a step may take."""
        return GAP * self.step_s(rows) if rows else STEP_S

    def slice(self, rows: int, waiting: int = 1, *, ahead: bool = False) -> int:
        """Prompt tokens that one step may read beside `rows` tokens of running answers, of `waiting` prompts: what
        `pause_s` allows for each of these, in whole `GRAIN`s of rows, and one in any case: less reads half as fast.
        """
        if not rows and ahead:
            return AHEAD
        least = WHOLE if not rows else rows + GRAIN - rows % GRAIN
        allowed_s = self.pause_s(rows) * (waiting if rows else 1)
        for size in range(MOST, least, -GRAIN):
            if self.step_s(size) <= (allowed_s if size <= WHOLE else min(allowed_s, STEP_S)):
                return size - rows
        return least - rows

    def eta_s(self, tokens: int, rows: int = 0, waiting: int = 1) -> float | None:
        """Seconds until `tokens` have been read beside `rows` running answers and the next token is chosen."""
        if not self.knows_reading:
            return None
        size = self.slice(rows, waiting)
        steps, rest = divmod(tokens, size)
        return steps * self.step_s(size + rows) + (self.step_s(rest + rows) if rest else 0.0)

    @property
    def knows_reading(self) -> bool:
        return any(rows >= GRAIN for rows, _ in self._steps.values())

    def row_cost(self, rows: int) -> float:
        """Seconds of each row beyond the first in a step of so many, as a share of a step with one; 0 if not known."""
        one = self.step_s(1)
        known = any(mean > 1 for mean, _ in self._steps.values())
        return (self.step_s(rows) - one) / (rows - 1) / one if one and known else 0.0

    @property
    def rates(self) -> Rates:
        """As whoever waits alone sees them."""
        whole, one = self.slice(0), self.step_s(1)
        return Rates(whole / self.step_s(whole) if self.knows_reading else 0.0, 1 / one if one else 0.0)
