"""A package index of tiny wheels in a folder: what pip takes where PIP_FIND_LINKS names it and PIP_NO_INDEX is set."""

import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from tests.tiny_gguf import PHI3

MODEL = PHI3.vocabulary_path.read_bytes()


def use_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `folder` the one index that pip knows."""
    for name, value in environment(folder).items():
        monkeypatch.setenv(name, value)


def environment(folder: Path) -> dict[str, str]:
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}


def publish(folder: Path, data: bytes, parts: int) -> list[int]:
    """Wheels `tiny-part1==1.0`, ... that hold `data` as `tiny/part01.bin`, ...; returns where each part ends."""
    folder.mkdir(exist_ok=True)
    ends = [len(data) * n // parts for n in range(parts + 1)]
    for n, (start, end) in enumerate(pairwise(ends), 1):
        write_wheel(folder, f"tiny-part{n}", f"tiny/part{n:02}.bin", data[start:end])
    return ends[1:]


def address(parts: int) -> str:
    return f"pypi:tiny-part{{1..{parts}}}==1.0/tiny/part{{01..{parts:02}}}.bin"


def write_wheel(folder: Path, name: str, member: str, data: bytes, packed: int = zipfile.ZIP_DEFLATED) -> Path:
    stem = f"{name.replace('-', '_')}-1.0"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", packed) as wheel:
        wheel.writestr(member, data)
        wheel.writestr("tiny/__init__.py", "raise SystemExit('code of a package was run')\n")
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
    return path
