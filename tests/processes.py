"""The processes of models as the system sees them, for tests that check what is left."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path


def workers(parent: int) -> list[int]:
    """Process ids of the models that this process has loaded; zombies count."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and int(_status(folder)["PPid"]) == parent:
                command = (folder / "cmdline").read_bytes()
                if b"from models.llama." in command or not command:
                    found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs or is stopped; a zombie has ended."""
    try:
        return _status(Path(f"/proc/{pid}"))["State"][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends_within(pid: int, seconds: float) -> bool:
    """Waits until the process has ended; False if that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


async def eventually(holds: Callable[[], object], seconds: float = 30) -> None:
    """Waits until the condition holds. `seconds` only guards against hanging."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (a process sends no event when it changes)
            await asyncio.sleep(0.02)


def resident_bytes(pid: int) -> int:
    """Its resident set size."""
    return int(_status(Path(f"/proc/{pid}"))["VmRSS"].split()[0]) * 1024


def address_space(pid: int) -> int:
    """The largest virtual address space that it has had, in bytes."""
    return int(_status(Path(f"/proc/{pid}"))["VmPeak"].split()[0]) * 1024


def _status(folder: Path) -> dict[str, str]:
    lines = (folder / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
