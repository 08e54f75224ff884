"""Stores which kernels of llama.cpp fail on this processor and which choice is the fastest, for the next load.

A small JSON file. Knows neither kernels nor why they fault. A missing or damaged file counts as empty.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LeftOut = Mapping[str, str]  # kernels that are left out, each with its fault


@dataclass(frozen=True, slots=True)
class Choice:
    """The optional kernels and the thread counts of a model's process."""

    kernels: tuple[str, ...]
    threads: int  # of a step with one row
    reading_threads: int  # of all others


@dataclass(frozen=True, slots=True)
class KernelResult:
    """Kernels that a load leaves out, why the last one failed nevertheless, and the fastest choices."""

    left_out: LeftOut = field(default_factory=dict)
    failed: str = ""
    fastest: Mapping[str, Choice] = field(default_factory=dict)  # by the shape of a model


@dataclass(frozen=True, slots=True)
class KernelResultKey:
    """What a result applies to."""

    processor: str  # its name and its instruction sets
    build: str  # of llama.cpp
    architecture: str  # of the model


class KernelResults:
    """The file. Read again for each call: several processes may write it."""

    def __init__(self, file: Path | None) -> None:
        """None: nothing is stored."""
        self._file = file

    def find(self, key: KernelResultKey) -> KernelResult | None:
        """None: nothing is stored."""
        return dict(self.of(key.processor, key.build)).get(key.architecture)

    def of(self, processor: str, build: str) -> Iterator[tuple[str, KernelResult]]:
        """The results for the architectures that were loaded there."""
        stored = _part(_part(self._read(), processor), build)
        for architecture in sorted(stored):
            entry = _part(stored, architecture)
            left_out, failed = _part(entry, "left_out"), entry.get("failed")
            if isinstance(failed, str) and all(isinstance(what, str) for what in left_out.values()):
                yield architecture, KernelResult(left_out, failed, dict(_choices(_part(entry, "fastest"))))

    def store(self, key: KernelResultKey, result: KernelResult) -> None:
        """Writes it to the file. If the disk is full or read-only, only a warning is logged."""
        if self._file is None or self.find(key) == result:
            return
        stored = self._read()
        builds = _part(stored, key.processor)
        stored[key.processor] = builds | {key.build: _part(builds, key.build) | {key.architecture: asdict(result)}}
        part = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.write_text(json.dumps(stored, indent=1), "utf-8")
            part.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            log.warning("what llama.cpp cannot use here cannot be stored: %s", error)

    def _read(self) -> dict[str, Any]:
        try:
            stored = json.loads(self._file.read_text("utf-8")) if self._file else {}
        except (OSError, ValueError, RecursionError):
            return {}
        return stored if isinstance(stored, dict) else {}


def _choices(stored: dict[str, Any]) -> Iterator[tuple[str, Choice]]:
    for shape in stored:
        match _part(stored, shape):
            case {"kernels": list(kernels), "threads": int(threads), "reading_threads": int(reading_threads)}:
                yield shape, Choice(tuple(map(str, kernels)), max(1, threads), max(1, reading_threads))


def _part(stored: dict[str, Any], name: str) -> dict[str, Any]:
    found = stored.get(name)
    return found if isinstance(found, dict) else {}
