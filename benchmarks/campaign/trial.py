"""One fault of the campaign at work: it counts its cases, keeps what failed and the worst time.

Knows nothing of servers.
"""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import SubprocessError
from typing import NamedTuple

import httpx
from websockets.exceptions import WebSocketException

# What a case may raise: anything else is a defect of the campaign, and ends it.
FAILURES = (AssertionError, OSError, EOFError, httpx.HTTPError, WebSocketException, SubprocessError)
HEADS = ("fault", "cases", "failures", "worst time", "of", "remark")
_REASON = 300  # characters


def reason_of(error: BaseException) -> str:
    """What an error says, or what it is called if it says nothing."""
    return str(error) or type(error).__name__


class Skipped(Exception):
    """The fault cannot be tried here; the message is the reason."""


@dataclass(slots=True)
class Trial:
    """`count`: how many cases are wanted. `folder`: for what the cases write. `keep`: for what reproduces a failure."""

    name: str
    count: int
    random: random.Random
    folder: Path
    keep: Path
    time_of: str = ""
    cases: int = 0
    failed: int = 0
    worst_s: float = 0.0
    remark: str = ""
    reasons: list[str] = field(default_factory=list)

    @contextmanager
    def case(self, label: str, evidence: str | bytes = b"") -> Iterator[None]:
        """One case. If it raises, it has failed, and its evidence is kept in a file."""
        self.cases += 1
        try:
            yield
        except FAILURES as error:
            self.fail(label, reason_of(error), evidence)

    def fail(self, label: str, reason: str, evidence: str | bytes = b"") -> None:
        """Records a failure. It belongs to a case that is counted elsewhere."""
        self.failed += 1
        line = " ".join(f"{label}: {reason}".split())[:_REASON]
        self.reasons.append(line)
        name = f"{self.name}-{self.failed:03}-{label}"
        file = self.keep / f"{re.sub(r'[^A-Za-z0-9.+-]+', '-', name)[:120]}.txt"
        data = evidence.encode("utf-8", "surrogatepass") if isinstance(evidence, str) else evidence
        file.write_bytes(line.encode("utf-8", "backslashreplace") + b"\n\n" + data)

    def record(self, seconds: float) -> None:
        """A time of the kind that the table of faults names; the worst is shown."""
        self.worst_s = max(self.worst_s, seconds)

    @property
    def row(self) -> tuple[str, ...]:
        shown = "; ".join(filter(None, [self.remark, self.reasons[0] if self.reasons else ""]))
        worst = f"{self.worst_s:.2f} s" if self.worst_s else ""
        return self.name, f"{self.cases:,}", f"{self.failed:,}", worst, self.time_of, shown.replace("|", "\\|")


class Fault(NamedTuple):
    """A row of the table of faults: how many cases the long and the quick campaign try."""

    name: str
    time_of: str  # what the worst time is of
    run: Callable[[Trial], None]
    full: int
    quick: int


def attempt(fault: Fault, count: int, seed: int, folder: Path, keep: Path) -> Trial:
    """Tries one fault. Its random numbers depend only on the seed and its name."""
    trial = Trial(fault.name, count, random.Random(f"{seed} {fault.name}"), folder, keep, fault.time_of)
    folder.mkdir(parents=True)
    keep.mkdir(parents=True, exist_ok=True)
    try:
        fault.run(trial)
    except Skipped as reason:
        trial.remark = f"skipped: {reason}"
    except FAILURES as error:
        trial.cases += 1
        trial.fail("the fault itself", reason_of(error))
    return trial
