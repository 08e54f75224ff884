"""Exponential backoff by name: the next try is after 2, 4, 8 ... seconds, at most a minute. Knows no causes."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    reason: str
    times: int  # in a row
    until: float  # by the clock
    state: Hashable  # of what failed: after a change of it, such as a replaced file, the next try is at once


class Backoff:
    """Remembers failures by name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, Failure] = {}

    def failed(self, name: str, reason: str, state: Hashable = None) -> None:
        before = self._failures.get(name)
        times = before.times + 1 if before is not None and before.state == state else 1
        pause_s = min(2.0**times, LONGEST_S)
        self._failures[name] = Failure(reason, times, self._clock() + pause_s, state)

    def succeeded(self, name: str) -> None:
        self._failures.pop(name, None)

    def reason(self, name: str, state: Hashable = None) -> str:
        """Why the last try failed; "" if it did not, or what failed has changed since."""
        failure = self._failures.get(name)
        return failure.reason if failure is not None and failure.state == state else ""

    def refusal(self, name: str, state: Hashable = None) -> str:
        """Why `name` may not be tried now, with the time left; "" if it may."""
        failure = self._failures.get(name)
        if failure is None or failure.state != state or (left := failure.until - self._clock()) <= 0:
            return ""
        times = "" if failure.times == 1 else f" ({failure.times} times in a row)"
        return f"{failure.reason}; it failed just now{times} and is tried again in {max(1, round(left))} s"
