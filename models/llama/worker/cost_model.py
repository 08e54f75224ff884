"""Learns how long a step takes on this machine: how large it may be, and when a first token will come.

A step is measured by its rows, as their cost differs between processors: on some, sixteen rows take little longer than
eight, on others each row takes as long as the first. A row also attends to the cells of the running sequences (decision
7): they are not counted, the running means follow them. Pure: knows counts and seconds only.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from models.types import Rates

# Steps of the running answers for which these may pause for one prompt. It is an estimate: a pause rarely takes four.
MAX_PAUSE_STEPS = 3.4
# A pause that is always allowed: with a fast model MAX_PAUSE_STEPS are too short for prefill, and this is not seen.
PAUSE_S = 0.5
ROW_BLOCK, MAX_ROWS = 16, 512  # rows: the block of matrix kernels, and the largest step of prefill alone
STEP_S = 1.0  # of a step of prefill alone: new requests are seen between steps
LONGEST_S = 5.0  # of such a step, where a longer one has a higher rate
PREFETCH_STEP_S = 0.8  # of a step that reads ahead of a question: nobody should wait for it
_GAIN = 1.05  # factor in tokens per second that justifies a longer step
_EMA_WEIGHT = 0.25  # of a new measurement
_SPREAD_EMA_WEIGHT = 0.05
_OUTLIER_FACTOR = 1.5  # factor over the expected time: a longer step counts as this, as the machine may have paused
_RETRY_WEIGHT, _RETRY_COST = 0.1, 0.9  # larger steps are slowly expected to cost 0.9 of what rows cost now


@dataclass(slots=True)
class StepCostModel:
    """Running means of rows and seconds, for steps of similar size."""

    _steps: dict[int, tuple[float, float]] = field(default_factory=dict)  # by size
    _points: list[tuple[float, float]] = field(default_factory=list)  # the same, in order
    _spread: float = 0.05  # mean deviation of prefill steps from the expected time, as a share of it

    def observe(self, rows: int, seconds: float) -> None:
        size, expected_s = _size(rows), self.step_s(rows)
        if size in self._steps and rows >= ROW_BLOCK:
            self._spread += _SPREAD_EMA_WEIGHT * (min(abs(seconds / expected_s - 1), 1.0) - self._spread)
        if expected_s:
            seconds = min(seconds, _OUTLIER_FACTOR * expected_s)
        old_rows, old_seconds = self._steps.get(size, (rows, seconds))
        self._steps[size] = (
            old_rows + _EMA_WEIGHT * (rows - old_rows),
            old_seconds + _EMA_WEIGHT * (seconds - old_seconds),
        )
        if rows >= ROW_BLOCK:
            self._expect_more_of_larger(size)
        self._points = sorted(self._steps.values())

    def _expect_more_of_larger(self, size: int) -> None:
        """Lowers the expected time of larger steps little by little, so that they are tried again."""
        rows, seconds = self._steps[size]
        for larger in [other for other in self._steps if other > size]:
            larger_rows, larger_s = self._steps[larger]
            target_s = _RETRY_COST * larger_rows * seconds / rows
            self._steps[larger] = larger_rows, larger_s - _RETRY_WEIGHT * max(0.0, larger_s - target_s)

    def step_s(self, rows: int) -> float:
        """Expected seconds of a step: interpolated between the measured sizes, in proportion to the nearest one outside
        them. 0 while nothing has been measured.
        """
        place = bisect_left(self._points, (rows, 0.0))
        x, y = self._points[place - 1] if place else (0.0, 0.0)
        if place == len(self._points):
            return y * rows / x if x else 0.0
        x_above, y_above = self._points[place]
        return y + (y_above - y) * (rows - x) / (x_above - x)

    def pause_s(self, rows: int) -> float:
        """Seconds that `rows` running answers may pause for a prompt; without answers, seconds that a step may take."""
        return max(MAX_PAUSE_STEPS * self.step_s(rows), PAUSE_S) if rows else STEP_S

    def prefill_tokens(self, decoding: int, waiting: int = 1, *, prefetch: bool = False) -> int:
        """Prompt tokens to prefill in one step, beside `decoding` rows of running answers and with `waiting` prompts.

        The smallest number with nearly the best rate whose time is allowed. Allowed is `pause_s` times `waiting`
        squared, as each prompt also waits for those before it. At least one token.
        """
        if not decoding and not prefetch:
            return self._prefill_rows()
        pause_s = self.pause_s(decoding)
        allowed_s = PREFETCH_STEP_S if prefetch else min(pause_s * waiting * waiting, max(LONGEST_S, pause_s))
        sizes = [
            size for size in [*range(ROW_BLOCK), *range(ROW_BLOCK, MAX_ROWS + 1, ROW_BLOCK)] if size > decoding + 1
        ]
        within = (size for size in sizes if 0 < self.step_s(size) <= allowed_s)
        rates: dict[int, float] = {
            size: (size - decoding) / (self.step_s(size) or 1) for size in (decoding + 1, *within)
        }
        best = max(rates.values())
        good = [size for size, rate in rates.items() if rate * _GAIN >= best]
        return (good[-1] if prefetch else good[0]) - decoding

    def _prefill_rows(self) -> int:
        """Rows of a step of prefill alone."""
        size = ROW_BLOCK
        while size < MAX_ROWS and self._should_grow(size, 2 * size):
            size *= 2
        return size

    def _should_grow(self, size: int, larger: int) -> bool:
        seconds, larger_s = self.step_s(size), self.step_s(larger)
        is_new = _size(larger) not in self._steps
        is_faster = larger_s * _GAIN <= seconds * larger / size
        return 0 < larger_s <= (LONGEST_S if is_new or is_faster else STEP_S)

    def eta_s(self, tokens: int, rows: int = 0, waiting: int = 1) -> float | None:
        """Seconds to prefill `tokens` beside `rows` running answers and sample the next token; None if not measured."""
        if not self.knows_prefill:
            return None
        size = self.prefill_tokens(rows, waiting)
        steps, rest = divmod(tokens, size)
        return steps * self.step_s(size + rows) + (self.step_s(rest + rows) if rest else 0.0)

    @property
    def knows_prefill(self) -> bool:
        return bool(self._points) and self._points[-1][0] >= ROW_BLOCK  # read by other threads, too

    def draft_cost(self, drafted: int, answers: int) -> float:
        """Seconds of each of `drafted` rows beside those of `answers`, as a share of the cost of one token in a step
        without drafts; 0 if not measured.
        """
        alone = self.step_s(answers)
        is_measured = any(mean > 1 for mean, _ in self._steps.values())
        return (self.step_s(answers + drafted) - alone) / drafted / (alone / answers) if alone and is_measured else 0.0

    def rates(self, answering: int = 0) -> Rates:
        """As a new request would see them beside so many running answers."""
        size, step_s = self.prefill_tokens(answering), self.step_s(answering + 1)
        prefill = size / self.step_s(answering + size) if self.knows_prefill else 0.0
        return Rates(prefill, 1 / step_s if step_s else 0.0, self._spread)


def _size(rows: int) -> int:
    """The key under which a step is measured: few rows exactly, many by the next power of two of their ROW_BLOCKs."""
    return rows if rows <= ROW_BLOCK else ROW_BLOCK << ((rows - 1) // ROW_BLOCK).bit_length()
