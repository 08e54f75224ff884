"""How fast this model runs on this machine, measured as it runs: what a step may hold, and when a first token comes.

Pure: knows counts and seconds only.
"""

from dataclasses import dataclass

from models.types import Rates

GAP = 3.0  # decode steps: how long a running answer may pause for a slice of somebody else's prompt
STEP_S = 1.0  # seconds of reading between two looks at what else has come, while nobody is being answered
AHEAD_S = 0.2  # the same when reading ahead of a question, which must never be waited for
LEAST, MOST = 8, 512  # tokens of a slice
FIRST = 64  # tokens of the first slices, while nothing has been measured
_NEW = 0.2  # weight of a new measurement


@dataclass(slots=True)
class Pace:
    """Tokens per second of reading, and seconds of a step that only decodes, by how many answers it advances."""

    prefill: float = 0.0
    decode_s: float = 0.0  # of one row
    _more_s: float = 0.0  # what each further row adds

    def observe(self, read: int, rows: int, seconds: float) -> None:
        """A step evaluated `read` prompt tokens and `rows` tokens of running answers in so many seconds."""
        if rows and not read:
            if rows == 1:
                self.decode_s = _towards(self.decode_s, seconds)
            elif self.decode_s:
                self._more_s = _towards(self._more_s, max(0.0, seconds - self.decode_s) / (rows - 1))
        elif read >= LEAST:
            alone = seconds - (self.step_s(rows) if rows else 0.0)
            if alone > 0:
                self.prefill = _towards(self.prefill, read / alone)

    def step_s(self, rows: int) -> float:
        """Seconds of a step that advances `rows` answers and reads nothing."""
        return self.decode_s + self._more_s * (rows - 1)

    def slice(self, rows: int, *, ahead: bool = False) -> int:
        """Prompt tokens that one step may read beside `rows` tokens of running answers."""
        if not self.prefill:
            return LEAST if rows else FIRST
        room_s = (GAP - 1) * self.step_s(rows) if rows else AHEAD_S if ahead else STEP_S
        return max(LEAST, min(MOST, int(room_s * self.prefill)))

    def eta_s(self, tokens: int, rows: int) -> float | None:
        """Seconds until `tokens` have been read beside `rows` running answers and one more is chosen."""
        if not self.prefill:
            return None
        if not rows:
            return tokens / self.prefill + self.decode_s
        steps = -(-tokens // self.slice(rows))
        return tokens / self.prefill + steps * self.step_s(rows)

    @property
    def row_cost(self) -> float:
        """Seconds of one more row as a share of a step with one; 0 while it has not been measured."""
        return self._more_s / self.decode_s if self.decode_s else 0.0

    @property
    def rates(self) -> Rates:
        return Rates(self.prefill, 1 / self.decode_s if self.decode_s else 0.0)


def _towards(old: float, new: float) -> float:
    return new if not old else old + _NEW * (new - old)
