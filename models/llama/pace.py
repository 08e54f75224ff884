"""How fast this model runs on this machine, measured as it runs: what a step may hold, and when a first token comes.

Pure: knows counts and seconds only.
"""

from dataclasses import dataclass

from models.types import Rates

GAP = 3.0  # decode steps: how long a running answer may pause for a slice of somebody else's prompt
LEAST, WHOLE, MOST = 8, 64, 512  # tokens of a slice: beside answers, alone, ever. Below WHOLE a token costs more
STEP_S = 1.0  # seconds of reading between two looks at what else has come, where WHOLE takes less
AHEAD = 16  # tokens of a slice when reading ahead of a question, which must never be waited for
_NEW = 0.2  # weight of a new measurement


@dataclass(slots=True)
class Pace:
    """A step costs the time to go through the weights, which grows a little with each answer that it advances, and on
    top of that each prompt token its own.
    """

    prefill: float = 0.0  # prompt tokens a second, the weights' time apart
    beside: float = 0.0  # the same in the small slices beside running answers
    decode_s: float = 0.0  # of a step of one row
    _more_s: float = 0.0  # what each further row adds

    def observe(self, read: int, rows: int, seconds: float) -> None:
        """A step evaluated `read` prompt tokens and `rows` tokens of running answers in so many seconds."""
        alone = seconds - self.step_s(rows)
        if rows == 1 and not read:
            self.decode_s = _towards(self.decode_s, seconds)
        elif not read and self.decode_s:
            self._more_s = _towards(self._more_s, max(0.0, seconds - self.decode_s) / (rows - 1))
        elif rows and read >= LEAST and alone > 0:
            self.beside = _towards(self.beside, read / alone)
        elif read >= WHOLE // 2 and alone > 0:
            self.prefill = _towards(self.prefill, read / alone)

    def step_s(self, rows: int) -> float:
        """Seconds of a step that advances `rows` answers and reads nothing."""
        return self.decode_s + self._more_s * max(0, rows - 1)

    def slice(self, rows: int, *, ahead: bool = False) -> int:
        """Prompt tokens that one step may read beside `rows` tokens of running answers."""
        if rows:
            return max(LEAST, min(MOST, int((GAP - 1) * self.step_s(rows) * (self.beside or self.prefill))))
        return AHEAD if ahead else max(WHOLE, min(MOST, int(STEP_S * self.prefill)))

    def eta_s(self, tokens: int, rows: int = 0) -> float | None:
        """Seconds until `tokens` have been read beside `rows` running answers and one more is chosen."""
        if not self.prefill:
            return None
        steps = -(-tokens // self.slice(rows))
        rate = self.beside or self.prefill if rows else self.prefill
        return tokens / rate + steps * self.step_s(rows)

    @property
    def row_cost(self) -> float:
        """Seconds of one more row as a share of a step with one; 0 while it has not been measured."""
        return self._more_s / self.decode_s if self.decode_s else 0.0

    @property
    def rates(self) -> Rates:
        """As whoever waits alone sees them: steps included."""
        whole = self.slice(0)
        prefill = whole / (self.eta_s(whole) or 1.0) if self.prefill else 0.0
        return Rates(prefill, 1 / self.decode_s if self.decode_s else 0.0)


def _towards(old: float, new: float) -> float:
    return new if not old else old + _NEW * (new - old)
