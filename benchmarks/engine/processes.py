"""Memory and children of processes, from /proc. Linux only."""

from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and its descendants that still run."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    found = [pid]
    for ancestor in found:  # the list grows during the loop
        found += [child for child, parent in parents.items() if parent == ancestor]
    return found


def resident_bytes(*pids: int) -> int:
    """RSS of processes together; the mapped pages of a model file count."""
    return sum(_resident_bytes(pid) for pid in pids)


def _resident_bytes(pid: int) -> int:
    try:
        found = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return 0
    return int(found[0]) * 1024 if found else 0  # a zombie has none
