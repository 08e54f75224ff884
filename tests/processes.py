"""The processes of models as the system sees them, for tests that ask what is left."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path


def workers(parent: int) -> list[int]:
    """Process ids of the models that this process has loaded; one that has ended and waits for its parent counts."""
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
    """Whether it runs or is stopped; what only waits to be seen by its parent has ended."""
    try:
        return _status(Path(f"/proc/{pid}"))["State"][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends_within(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


async def eventually(holds: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (nobody tells when a process changes)
            await asyncio.sleep(0.02)


def resident_bytes(pid: int) -> int:
    return int(_status(Path(f"/proc/{pid}"))["VmRSS"].split()[0]) * 1024


def address_space(pid: int) -> int:
    """The most bytes of addresses that it ever had."""
    return int(_status(Path(f"/proc/{pid}"))["VmPeak"].split()[0]) * 1024


def _status(folder: Path) -> dict[str, str]:
    lines = (folder / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
