"""What processes take of this machine, from /proc. Linux only."""

from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and all it has started that still runs."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    found = [pid]
    for known in found:  # grows as it goes
        found += [child for child, parent in parents.items() if parent == known]
    return found


def resident_bytes(*pids: int) -> int:
    """RSS of processes together; the mapped pages of a model file count."""
    return sum(_resident_bytes(pid) for pid in pids)


def _resident_bytes(pid: int) -> int:
    try:
        found = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0
    return int(found[0]) * 1024 if found else 0  # one that has ended and was not waited for has none
