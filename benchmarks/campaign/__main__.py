"""`make soak`: bounded faults against servers of this machine, on loopback, and one table of what came of them.

Ends with status 1 if anything failed. `--only`, `--seed` and `--scale` repeat a part of it.
"""

import argparse
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.campaign.table import FAULTS
from benchmarks.campaign.trial import HEADS, Trial, attempt
from benchmarks.document import as_table, log


def campaign(only: str, seed: int, scale: float, quick: bool, keep: Path) -> list[Trial]:
    """Tries the faults whose names match, one after the other."""
    trials = []
    for fault in FAULTS:
        if not re.search(only, fault.name):
            continue
        count = max(1, round((fault.quick if quick else fault.full) * scale))
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="lantern-", ignore_cleanup_errors=True) as folder:
            trial = attempt(fault, count, seed, Path(folder) / "trial", keep)
        log(f"{' | '.join(trial.row)} ({time.perf_counter() - start:.0f} s)")
        trials.append(trial)
    return trials


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about four minutes instead of about an hour and a half")
    parser.add_argument("--only", default="", help="a regular expression of the faults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="times as many cases")
    parser.add_argument("--keep", type=Path, default=Path("build/campaign"), help="a folder for what failed")
    args = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("the campaign reads /proc: it runs on Linux only")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: servers are ended on the way out
    trials = campaign(args.only, args.seed, args.scale, args.quick, args.keep)
    print(*as_table(HEADS, [trial.row for trial in trials]), sep="\n")
    for trial in trials:
        for reason in trial.reasons:
            log(f"  {trial.name}: {reason}")
    failed = sum(trial.failed for trial in trials)
    print(f"seed {args.seed}: {sum(trial.cases for trial in trials):,} cases, {failed:,} failures")
    if failed:
        print(f"what reproduces them is in {args.keep}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
